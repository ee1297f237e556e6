"""The shape of a resource: its fields with their wire types, and its associations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from typing import Any

INT, TEXT, NULLABLE, PRICE, PRICE2, PRICE3, STAMP, DAY, LANG, RAW = (
    "int",
    "text",
    "null",
    "price",
    "price2",
    "price3",
    "stamp",
    "day",
    "lang",
    "raw",
)
"""Wire types: number, string, string or null, string with six, two or three decimals, timestamp, date, text by
language, and a value that goes out as it is."""

_KINDS = frozenset((INT, TEXT, NULLABLE, PRICE, PRICE2, PRICE3, STAMP, DAY, LANG, RAW))
DIGITS = {PRICE: 6, PRICE2: 2, PRICE3: 3}
"""Decimals by kind."""
NO_STAMP = "0000-00-00 00:00:00"
NO_DAY = "0000-00-00"


@dataclass(frozen=True, slots=True)
class Field:
    """One field; ``link`` is the resource that its XML form points at."""

    name: str
    kind: str
    required: bool = False
    max_size: int | None = None
    format: str = ""
    filterable: bool = True
    read_only: bool = False
    writable: bool = True
    link: str = ""
    hidden: bool = False
    """Named in error messages, in no answer [052]."""

    def empty(self) -> Any:
        """What the database holds when nothing was given."""
        if self.kind == INT:
            return 0
        if self.kind in (PRICE, PRICE2):
            return "0.000000" if self.kind == PRICE else "0.00"
        return {STAMP: NO_STAMP, DAY: NO_DAY, TEXT: "", LANG: {}}.get(self.kind)


@dataclass(frozen=True, slots=True)
class Association:
    """A list inside a record; ``fields`` are (name, required)."""

    name: str
    node: str
    fields: tuple[tuple[str, bool], ...]
    api: str = ""
    virtual: bool = False
    linked: bool = True

    @property
    def href(self) -> str:
        """The resource that an entry points at."""
        return self.api or self.name


@dataclass(slots=True)
class Resource:
    """A table of the webservice.

    ``plural`` and ``node`` are the names in the answers, which are not always the resource's own [061] [216].
    """

    name: str
    plural: str
    node: str
    fields: tuple[Field, ...]
    associations: tuple[Association, ...] = ()
    rows_are_dicts: bool = True
    index_order: tuple[str, ...] = ()
    """Fields whose database index decides the order of a filtered list that asked for none [213]."""
    by_name: dict[str, Field] = field(init=False)
    names: tuple[str, ...] = field(init=False)
    display_names: tuple[str, ...] = field(init=False)
    values: Callable[[Any], tuple[Any, ...]] = field(init=False)

    def __post_init__(self) -> None:
        self.display_names = ("id", *(item.name for item in self.fields))
        self.fields = tuple(item for item in self.fields if not item.hidden)
        self.by_name = {"id": Field("id", INT)} | {item.name: item for item in self.fields}
        self.names = tuple(self.by_name)
        getter: Any = itemgetter if self.rows_are_dicts else attrgetter
        self.values = getter(*self.names)

    def getter(self, name: str) -> Callable[[Any], Any]:
        """Reads one field of a row."""
        return itemgetter(name) if self.rows_are_dicts else attrgetter(name)

    def filter_names(self, *, dates: bool) -> list[str]:
        """The fields that a list may be filtered by; the two dates only when ``date=1`` was sent [201]."""
        return [
            item.name
            for item in self.by_name.values()
            if (item.filterable or item.name == "transaction_id")
            and (dates or item.name not in ("date_add", "date_upd"))
        ]


def parse_fields(text: str) -> tuple[Field, ...]:
    """Read a field table: a line is a name, a kind, and any of ``required``, ``max=N``, ``nofilter``, ``readonly``,
    ``fixed`` (never writable), ``hidden``, ``link=resource`` and the name of a validation such as ``isEmail``.

    Raises ValueError for a word that means nothing.
    """
    return tuple(_parse_line(line.split()) for line in _lines(text))


def _lines(text: str) -> Iterator[str]:
    return (line.strip() for line in text.splitlines() if line.strip())


def _parse_line(words: list[str]) -> Field:
    name, kind, *rest = words
    if kind not in _KINDS:
        raise ValueError(f"no such kind in {' '.join(words)}")
    options: dict[str, Any] = {}
    for word in rest:
        if word == "required":
            options["required"] = True
        elif word == "nofilter":
            options["filterable"] = False
        elif word == "readonly":
            options["read_only"] = True
        elif word == "hidden":
            options["hidden"] = True
        elif word == "fixed":
            options.update(read_only=True, writable=False)
        elif word.startswith("max="):
            options["max_size"] = int(word[4:])
        elif word.startswith("link="):
            options["link"] = word[5:]
        elif word[:2] in ("is", "Is"):
            options["format"] = word
        else:
            raise ValueError(f"no such word in {' '.join(words)}: {word}")
    return Field(name, kind, **options)
