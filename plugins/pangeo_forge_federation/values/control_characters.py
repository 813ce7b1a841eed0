"""Characters that are no text: what a terminal takes as orders, and what a registry does not keep."""

import re

# Everything below a blank but tab, line feed and carriage return, delete, and the second control block; written so that
# JSON Schema reads it as Python does.
CONTROL_CHARACTERS = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"
CONTROL = re.compile(f"[{CONTROL_CHARACTERS}]")
# ECMA-48: control sequences (colours, cursor), operating system commands (titles, links), and other escapes.
_TERMINAL_CODES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x9b[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]"
)


def without_terminal_codes(text: str) -> str:
    """The text without colours, movements of the cursor and other orders to a terminal."""
    return _TERMINAL_CODES.sub("", text)
