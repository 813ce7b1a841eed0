"""Write logs to stderr as text or JSON (`FEDERATION_LOG=json`), with secrets redacted."""

import copy
import logging
import sys
import threading
import traceback
from datetime import UTC, datetime
from types import TracebackType

from uvicorn.config import LOGGING_CONFIG
from uvicorn.logging import DefaultFormatter

from pangeo_forge_federation.request_notes import note_of_request
from pangeo_forge_federation.settings import LOG_JSON
from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.json_text import write_json
from pangeo_forge_federation.values.redaction import redact


class JsonFormatter(logging.Formatter):
    """One JSON object per line: `time`, `level`, `logger`, `message`, `request_id`, and the record's own `fields`."""

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
        # each string separately, since a secret in the encoded JSON might end in an escaped quote
        return write_json({name: redact(value) if isinstance(value, str) else value for name, value in line.items()})


class TextFormatter(logging.Formatter):
    """The format of `logging.Formatter`, with secrets redacted, also in tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class UvicornFormatter(DefaultFormatter):
    """The format of uvicorn, with secrets redacted, also in tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def log_config(form: str) -> dict:
    """Return the logging configuration of a server; `form` is `text` or `json`."""
    if form == LOG_JSON:
        return {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": {"()": "pangeo_forge_federation.server.logs.JsonFormatter"}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
            "root": {"handlers": ["stderr"], "level": "WARNING"},
            "loggers": {"federation.requests": {"level": "INFO"}},
        }
    config = copy.deepcopy(LOGGING_CONFIG)
    config["formatters"]["default"]["()"] = "pangeo_forge_federation.server.logs.UvicornFormatter"
    return config


def redact_stderr() -> None:
    """Redact secrets in output to stderr that bypasses configured loggers: warnings and uncaught exceptions."""
    if logging.lastResort:
        logging.lastResort.setFormatter(TextFormatter())
    sys.excepthook = _print_exception
    threading.excepthook = _print_exception_of_thread


def _print_exception(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    print(redact("".join(traceback.format_exception(kind, error, trace))), end="", file=sys.stderr)


def _print_exception_of_thread(crash: threading.ExceptHookArgs) -> None:
    # as Python's own hook does
    if not issubclass(crash.exc_type, SystemExit):
        print(f"Exception in thread {crash.thread.name if crash.thread else None}:", file=sys.stderr)
        _print_exception(crash.exc_type, crash.exc_value, crash.exc_traceback)
