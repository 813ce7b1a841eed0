"""A real browser over a real server: one of each for a module, and one page that goes from address to address."""

import contextlib
import shutil
from collections.abc import Iterator

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HEIGHT = 900


class Visitor:
    """A page, and what went wrong on it since it was last asked: errors, dialogs, requests to elsewhere."""

    def __init__(self, page, url: str):
        self.page = page
        self.url = url
        self._faults: list[str] = []
        page.on("pageerror", lambda error: self._faults.append(f"error: {error}"))
        page.on("console", lambda message: self._faults.append(message.text) if message.type == "error" else None)
        page.on("request", self._check_origin)
        page.on("dialog", self._close)

    def _check_origin(self, request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self._faults.append(request.url)

    def _close(self, dialog) -> None:
        self._faults.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def open(self, path: str, width: int = 1440):
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        self.page.goto(self.url + path, wait_until="load")
        return self.page

    def faults(self, *expected: str) -> list[str]:
        """What went wrong; that a page is not there is what some are about."""
        found, self._faults[:] = [*self._faults], []
        return [fault for fault in found if not any(text in fault for text in ("404 (Not Found)", *expected))]


@contextlib.contextmanager
def browser() -> Iterator:
    """Chromium. While playwright runs, no other event loop of this process can."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@contextlib.contextmanager
def visitor(opened, url: str, **options) -> Iterator[Visitor]:
    with contextlib.closing(opened.new_context(**options)) as context:
        yield Visitor(context.new_page(), url)
