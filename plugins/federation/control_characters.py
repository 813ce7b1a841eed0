"""Characters that are no text: what a terminal takes as orders, and what a registry does not keep."""

import re

# Everything below a blank but tab, line feed and carriage return, delete, and the second control block.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# ECMA-48: control sequences (colours, cursor), operating system commands (titles, links), and other escapes.
_TERMINAL_CODES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x9b[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]"
)


def without_terminal_codes(text: str) -> str:
    """The text without colours, movements of the cursor and other orders to a terminal."""
    return _TERMINAL_CODES.sub("", text)
