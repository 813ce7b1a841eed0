"""The changes of a sync: which feedstocks and bakeries were added, changed, removed or restored."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

# bytes stored of an old or new value
KEPT_BYTES = 10_000
CUT_MARK = " … (cut)"


@dataclass(frozen=True)
class Change:
    """One field of a feedstock or bakery that changed; `field` is None if it was added, removed or restored."""

    kind: str
    id: str
    action: str
    field: str | None = None
    old: str | None = None
    new: str | None = None


@dataclass
class Diff:
    """All changes of one sync, and the number of feedstocks and bakeries without any."""

    changes: list[Change] = field(default_factory=list)
    unchanged: int = 0

    def compare(self, kind: str, id: str, old: dict[str, Any] | None, new: dict[str, Any], restored: bool) -> bool:
        """Add the differences between an old record (None if new) and a new one. Return True if there are any."""
        if old is None:
            self.changes.append(Change(kind, id, "added"))
            return True
        changes = [
            Change(kind, id, "changed", name, as_text(old.get(name)), as_text(value))
            for name, value in new.items()
            if old.get(name) != value
        ]
        if restored:
            changes.insert(0, Change(kind, id, "restored"))
        self.changes += changes
        self.unchanged += not changes
        return bool(changes)

    def counts(self) -> dict[str, int]:
        """Count the feedstocks and bakeries that were added, changed, removed and unchanged."""
        actions = {(change.kind, change.id): change.action for change in reversed(self.changes)}
        counted = Counter("changed" if action == "restored" else action for action in actions.values())
        return {action: counted[action] for action in ("added", "changed", "removed")} | {"unchanged": self.unchanged}


def as_text(value: Any) -> str | None:
    """Return a value as stored in a change: a string, or JSON for a list, marked if cut to `KEPT_BYTES`."""
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    encoded = text.encode("utf-8")
    if len(encoded) <= KEPT_BYTES:
        return text
    return encoded[: KEPT_BYTES - len(CUT_MARK.encode())].decode("utf-8", "ignore") + CUT_MARK
