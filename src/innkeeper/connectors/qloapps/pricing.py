"""Prices in the direction of QloApps: net from gross, the 1.7.0 fault compensated; pure."""

from decimal import ROUND_HALF_UP, Decimal

#: What came back may differ from what was sent by this much: 1.7.0 rounds after its own multiplication [490]-[492].
PRICE_TOLERANCE = Decimal("0.01")

_SIX = Decimal("0.000001")


def net_of(gross: Decimal, tax_rate: Decimal) -> Decimal:
    """Return the price without tax, to six digits, of a price with tax. `tax_rate` is a fraction: 0.23."""
    return (gross / (1 + tax_rate)).quantize(_SIX, ROUND_HALF_UP)


def price_to_send(net: Decimal, nights: int, *, price_fault: bool, forgets_last: bool = False) -> Decimal:
    """Return the `unit_price_without_tax` that makes QloApps store `net` for the stay.

    1.7.0 divides what is sent by one night less than it then multiplies with, so that N nights cost N/(N-1) of it
    [170/120]-[170/123]. Where it forgets the last night it divides by two less: this is the price of the others.
    """
    if not price_fault or nights < 2:
        return net
    return (net * max(nights - (2 if forgets_last else 1), 1) / nights).quantize(_SIX, ROUND_HALF_UP)


def known_factor(sent: Decimal, got: Decimal, nights: int) -> Decimal:
    """Return by which factor to send more, when what `sent` became is the work of the 1.7.0 fault, either way; else 1.

    The amounts are rounded to cents, so that a factor near that of the fault is taken for it.
    """
    if nights < 2 or not got or close(sent, got):
        return Decimal(1)
    exact = (Decimal(nights) / (nights - 1), Decimal(nights - 1) / nights)
    return next((factor for factor in exact if abs(sent / got / factor - 1) < Decimal("0.001")), Decimal(1))


def proportion(sent: Decimal, got: Decimal) -> Decimal:
    """Return by which factor to send more, taking what became of `sent` for a proportion: a currency's rate, say."""
    return sent / got if got and not close(sent, got) else Decimal(1)


def close(one: Decimal, other: Decimal) -> bool:
    """Whether two amounts are equal to a cent."""
    return abs(one - other) <= PRICE_TOLERANCE
