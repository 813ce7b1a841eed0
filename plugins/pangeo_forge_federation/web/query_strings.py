"""Parses query strings."""

import re
from urllib.parse import parse_qsl

from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.values.printable import printable

# C0 except tab and line ends, and DEL: no stored value contains them
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
MAX_PARAMETERS = 200


def read_parameters(query_string: str) -> list[tuple[str, str]]:
    """Return the parameters of a query string as (name, value) pairs. Raises ProblemDetails (400)."""
    try:
        pairs = parse_qsl(query_string, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except UnicodeDecodeError:
        raise ProblemDetails("bad-parameter", "The query string is not valid UTF-8.") from None
    except ValueError:
        raise ProblemDetails("bad-parameter", f"The query string has more than {MAX_PARAMETERS} parameters.") from None
    for name, value in pairs:
        if _CONTROL.search(name + value):
            raise ProblemDetails("bad-parameter", f"{printable(name)} contains a control character.")
    return pairs
