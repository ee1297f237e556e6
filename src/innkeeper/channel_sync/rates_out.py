"""Works out which price rules shall stand at the broker, and the fewest changes that lead there; pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from typing import Any, Literal

_SIX = Decimal("0.000001")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Price:
    """One price without tax for every night from `first` to `last`, both included."""

    first: date
    last: date
    net: Decimal

    def overlaps(self, other: "Price") -> bool:
        """Whether both price a night."""
        return self.first <= other.last and other.first <= self.last

    def to_json(self) -> list[str]:
        """Return the price as it is remembered."""
        return [self.first.isoformat(), self.last.isoformat(), f"{self.net:f}"]

    @classmethod
    def from_json(cls, document: Sequence[Any]) -> "Price":
        """Return what was remembered."""
        return cls(date.fromisoformat(document[0]), date.fromisoformat(document[1]), Decimal(document[2]))


@dataclass(frozen=True, slots=True)
class Change:
    """One request: `make` a rule, `change` the rule `rule_id` to `price`, or `delete` it."""

    what: Literal["make", "change", "delete"]
    price: Price
    rule_id: int = 0


def net_price(price: Decimal, *, tax_included: bool, tax_rate: Decimal) -> Decimal:
    """Return what to send so that the guest finds the house's price; `tax_rate` in percent is the broker's own.

    The broker adds its tax to what is sent, so a price with tax is divided by that tax; one without goes as it is.
    """
    net = price / (1 + tax_rate / 100) if tax_included else price
    return net.quantize(_SIX, ROUND_HALF_UP)


def runs(start: date, nets: Sequence[Decimal], taken: Collection[tuple[date, date]] = ()) -> list[Price]:
    """Return one price for each run of nights from `start` on that cost the same, without the nights that are `taken`.

    `taken` are ranges with both ends, on which somebody else's rule stands.
    """
    nights = [(start + n * _DAY, net) for n, net in enumerate(nets)]
    free = [(night, net) for night, net in nights if not any(first <= night <= last for first, last in taken)]
    found = []
    for _, group in groupby(enumerate(free), key=lambda item: (item[1][0] - item[0] * _DAY, item[1][1])):
        stretch = [entry for _, entry in group]
        found.append(Price(stretch[0][0], stretch[-1][0], stretch[0][1]))
    return found


def changes(standing: Mapping[int, Price], wanted: Sequence[Price], start: date) -> list[Change]:
    """Return the requests that make the standing rules of ours those that are wanted, in an order that never overlaps.

    What a rule says of nights before `start` does not matter; one that says nothing else is deleted. A rule is changed
    rather than deleted and made again.
    """
    alive = {key: replace(rule, first=max(rule.first, start)) for key, rule in standing.items() if rule.last >= start}
    missing, surplus = list(wanted), dict(alive)
    for key, rule in alive.items():
        if rule in missing:
            missing.remove(rule)
            del surplus[key]
    paired = _paired(surplus, missing)
    todo = [Change("change", price, key) for key, price in paired.items()]
    todo += [Change("make", price) for price in missing if price not in paired.values()]
    gone = [key for key in standing if key not in alive or (key in surplus and key not in paired)]
    deletes = [Change("delete", standing[key], key) for key in gone]
    stands = {key: rule for key, rule in alive.items() if key not in gone}
    return [*deletes, *_in_order(stands, sorted(todo, key=lambda change: change.price))]


def _paired(surplus: Mapping[int, Price], missing: Sequence[Price]) -> dict[int, Price]:
    """Pair rules that stand with prices that are wanted: same price first, then the most nights in common."""
    pairs = sorted(
        (
            (rule.net != price.net, -_shared(rule, price), key, price)
            for key, rule in surplus.items()
            for price in missing
            if rule.overlaps(price)
        ),
        key=lambda pair: pair[:3],
    )
    chosen: dict[int, Price] = {}
    for _, _, key, price in pairs:
        if key not in chosen and price not in chosen.values():
            chosen[key] = price
    spare = [price for price in missing if price not in chosen.values()]
    for key in surplus:
        if key not in chosen and spare:
            chosen[key] = spare.pop(0)
    return chosen


def _shared(one: Price, other: Price) -> int:
    return (min(one.last, other.last) - max(one.first, other.first)).days + 1


def _in_order(stands: dict[int, Price], todo: list[Change]) -> Iterator[Change]:
    """Yield the changes; one whose nights another rule still prices waits until that rule is changed."""
    made = 0
    while todo:
        change = next((one for one in todo if _has_place(one, stands)), None)
        if change is None:  # two rules that want each other's nights: one is deleted and made again
            stuck = next(one for one in todo if one.what == "change")
            todo[todo.index(stuck)] = Change("make", stuck.price)
            yield Change("delete", stands.pop(stuck.rule_id), stuck.rule_id)
            continue
        todo.remove(change)
        made -= 1
        stands[change.rule_id or made] = change.price
        yield change


def _has_place(change: Change, stands: Mapping[int, Price]) -> bool:
    return not any(key != change.rule_id and rule.overlaps(change.price) for key, rule in stands.items())
