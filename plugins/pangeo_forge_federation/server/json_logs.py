"""Log lines as JSON, one object a line on stderr, for `FEDERATION_LOG=json`. A token is never in them."""

import logging
import re
from datetime import UTC, datetime

from pangeo_forge_federation.request_notes import note_of_request
from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.json_text import write_json

# whatever text it stands in: a path, a traceback
_TOKEN = re.compile(r"pfk(?:_|%5F)([0-9]{1,18})(?:_|%5F)[A-Za-z0-9_%-]+", re.IGNORECASE)


class JsonFormatter(logging.Formatter):
    """`time`, `level`, `logger`, `message`, the request's id where there is one, and what the line brings itself."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": times.to_text(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := note_of_request().request_id:
            line["request_id"] = request_id
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return without_tokens(write_json(line))


def without_tokens(text: str) -> str:
    """The text with the secret of each token left out; its id, which is in the audit log too, stays."""
    return _TOKEN.sub(r"pfk_\1_[secret]", text)


def log_config() -> dict:
    """Configuration of `logging` for a server whose lines are JSON."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "pangeo_forge_federation.server.json_logs.JsonFormatter"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {"federation.requests": {"level": "INFO"}},
    }
