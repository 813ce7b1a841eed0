"""What a sync found, as it will be told: per feedstock and bakery what was added, changed, removed or restored."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

# bytes of an old or new value that are kept
KEPT_BYTES = 10_000
CUT_MARK = " … (cut)"


@dataclass(frozen=True)
class Change:
    """One field of a feedstock or bakery that changed; `field` is None where it was added, removed or restored."""

    kind: str
    id: str
    action: str
    field: str | None = None
    old: str | None = None
    new: str | None = None


@dataclass
class Diff:
    """All changes of one sync, and how many feedstocks and bakeries had none."""

    changes: list[Change] = field(default_factory=list)
    unchanged: int = 0

    def compare(self, kind: str, id: str, old: dict[str, Any] | None, new: dict[str, Any], restored: bool) -> bool:
        """Note what differs between an old record (None: there was none) and a new one. True if anything does."""
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
        """Number of feedstocks and bakeries by what happened to them."""
        happened = {(change.kind, change.id): change.action for change in reversed(self.changes)}
        counted = Counter("changed" if action == "restored" else action for action in happened.values())
        return {action: counted[action] for action in ("added", "changed", "removed")} | {"unchanged": self.unchanged}


def as_text(value: Any) -> str | None:
    """A value as it is kept in a change: text, JSON for a list, cut to a bound in bytes and marked."""
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    encoded = text.encode("utf-8")
    if len(encoded) <= KEPT_BYTES:
        return text
    return encoded[: KEPT_BYTES - len(CUT_MARK.encode())].decode("utf-8", "ignore") + CUT_MARK
