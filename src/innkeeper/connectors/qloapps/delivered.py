"""Which rows have been given on and will be listed once more, so that they cost nothing then."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

_HASH_BYTES = 6


class Row(Protocol):
    """A row of either list."""

    @property
    def id(self) -> int: ...
    @property
    def date_upd(self) -> str: ...
    @property
    def hash(self) -> int: ...


@dataclass
class Delivered:
    """Rows by a hash of their content, with their times of change: two changes in one second leave the same time."""

    #: Rows stamped before this will not be listed by the next poll, so nothing of them need be kept.
    kept_from: str = ""
    stamps: dict[int, str] = field(default_factory=dict)
    #: The latest time of any row that a cursor told of.
    until: str = ""

    def __contains__(self, row: Row) -> bool:
        """Whether a row was delivered as it is, by what a cursor tells."""
        return row.date_upd <= self.until and row.hash in self.stamps

    def keep(self, rows: Iterable[Row]) -> None:
        """Remember rows as delivered, if the next poll will list them again."""
        self.stamps.update((row.hash, row.date_upd) for row in rows if row.date_upd >= self.kept_from)

    def forget_before(self, stamp: str) -> None:
        """Keep only what was changed at that time or later."""
        self.stamps = {value: at for value, at in self.stamps.items() if at >= stamp}

    def to_json(self) -> dict[str, Any]:
        """Return what a cursor keeps: eight characters a row, since thousands can lie inside the overlap."""
        packed = b"".join(value.to_bytes(_HASH_BYTES) for value in sorted(self.stamps))
        return {"seen": base64.b64encode(packed).decode(), "seen_until": max(self.stamps.values(), default="")}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> "Delivered":
        """Return what a cursor keeps; of each row only the latest time of all is known by then."""
        try:
            raw = base64.b64decode(str(state.get("seen", "")).encode(), validate=True)
        except ValueError:
            raw = b""
        hashes = (int.from_bytes(raw[i : i + _HASH_BYTES]) for i in range(0, len(raw), _HASH_BYTES))
        until = str(state.get("seen_until", ""))
        return cls(stamps=dict.fromkeys(hashes, until), until=until)
