"""The server: Datasette under uvicorn, created by a factory so that several workers can serve one database."""

import json
from pathlib import Path
from typing import Any

from datasette.app import Datasette

from pangeo_forge_federation.server.ending_with_parent import end_with_supervisor
from pangeo_forge_federation.server.logs import redact_stderr
from pangeo_forge_federation.settings import ROOT, cookie_secret, data_folder, public_url, read_metadata
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import database_path
from pangeo_forge_federation.web.public_url import path_prefix


def make_datasette(data: Path, metadata: dict | None = None, **options: Any) -> Datasette:
    """Return a Datasette with this checkout's configuration and the databases of a folder. Raises `BadSetting`."""
    settings = json.loads((ROOT / "settings.json").read_text("utf-8"))
    # the prefix of links in pages
    settings["base_url"] = path_prefix(public_url()) + "/"
    return Datasette(
        files=[str(database_path(data, name)) for name in prepare(data)],
        metadata=metadata or read_metadata(),
        settings=settings,
        plugins_dir=str(ROOT / "plugins"),
        template_dir=str(ROOT / "templates"),
        static_mounts=[("static", str(ROOT / "static"))],
        **options,
    )


def create_application() -> Any:
    """Return the ASGI application of one worker, for the folder in `FEDERATION_DATA`."""
    redact_stderr()
    end_with_supervisor()
    return make_datasette(data_folder(), secret=cookie_secret()).app()
