"""Amounts of money: a currency's digits, exact rounding and exact spreading."""

import re
from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cache

from innkeeper.domain.errors import Invalid
from innkeeper.domain.quoting import quoted

#: ISO 4217 minor units where they are not two (source: ISO 4217 list one).
_DIGITS = {
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    "CLF": 4,
    "UYW": 4,
}

#: ISO 4217 alphabetic codes in circulation (list one, without funds and metals).
CURRENCIES = frozenset(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
    CLF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD
    HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD
    MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN
    PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY
    TTD TWD TZS UAH UGX USD UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
    """.split()
)

_PLAIN = re.compile(r"-?\d{1,40}(\.\d{1,6})?")
#: A sum of many such amounts still fits into its column.
LARGEST_AMOUNT = Decimal("999999999999.99")


def digits_of(currency: str) -> int:
    """Return how many decimal places `currency` has; 2 unless ISO 4217 says otherwise."""
    return _DIGITS.get(currency, 2)


def check_currency(currency: str, field: str = "currency") -> str:
    """Return the code in upper case. Raises Invalid when it is not an ISO 4217 currency."""
    code = currency.strip().upper()
    if code not in CURRENCIES:
        raise Invalid.field(field, f"{quoted(currency)} is not an ISO 4217 currency code, such as EUR or USD.")
    return code


@cache
def _unit(digits: int) -> Decimal:
    return Decimal(1).scaleb(-digits)


def quantize(amount: Decimal, currency: str) -> Decimal:
    """Round half up to the currency's digits."""
    return amount.quantize(_unit(digits_of(currency)), rounding=ROUND_HALF_UP)


def parse_amount(text: str | int | Decimal, currency: str, field: str = "amount") -> Decimal:
    """Return the amount, exactly as written, in the currency's digits.

    Raises Invalid when it is not a plain decimal number or has more digits than the currency.
    """
    try:
        plain = isinstance(text, int | Decimal) or _PLAIN.fullmatch(text) is not None
        amount = Decimal(text) if plain else None
    except InvalidOperation:
        amount = None
    if amount is None or not amount.is_finite():
        raise Invalid.field(field, f"{quoted(text)} is not an amount; write it like 105.00.")
    if abs(amount) > LARGEST_AMOUNT:
        raise Invalid.field(field, f"This is more than can be kept; {LARGEST_AMOUNT} is the most.")
    exact = quantize(amount, currency)
    if exact != amount:
        raise Invalid.field(field, f"This has more decimal places than {currency} has ({digits_of(currency)}).")
    return exact


def format_amount(amount: Decimal, currency: str) -> str:
    """Return the amount as the API writes it: plain digits, the currency's number of decimals."""
    return f"{quantize(amount, currency):f}"


def spread(total: Decimal, weights: Sequence[Decimal | int], currency: str) -> list[Decimal]:
    """Split `total` in proportion to `weights`, exactly to the currency's smallest unit.

    Largest remainder: each part is rounded down, and the units left over go one each to the parts that lost most,
    the first of equals first. The parts always sum to `total`. All weights zero means equal parts.
    """
    if not weights:
        raise ValueError("nothing to spread over")
    unit = _unit(digits_of(currency))
    sign = -1 if total < 0 else 1
    units = int((abs(total) / unit).to_integral_exact())
    if abs(total) != units * unit:
        raise ValueError(f"{total} is not a whole number of units of {currency}")
    shares = [Decimal(w) for w in weights]
    if not any(shares):
        shares = [Decimal(1)] * len(shares)
    whole = sum(shares)
    exact = [units * share / whole for share in shares]
    floors = [int(part.to_integral_value(rounding=ROUND_DOWN)) for part in exact]
    neediest = sorted(range(len(shares)), key=lambda i: (floors[i] - exact[i], i))
    for i in neediest[: units - sum(floors)]:
        floors[i] += 1
    return [sign * n * unit for n in floors]
