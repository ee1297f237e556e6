"""Asks OPERA Cloud about the hotel itself: its open day, its codes and cashiers, and what its set-up would refuse."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from innkeeper.connectors.failures import CallFailed, read_outcome
from innkeeper.connectors.opera import wire
from innkeeper.connectors.opera.client import OperaClient
from innkeeper.connectors.opera.config import OperaSettings
from innkeeper.connectors.opera.errors import POLICY
from innkeeper.connectors.rest import Query
from innkeeper.domain.charge import PmsFacts
from innkeeper.domain.outcome import Done, Later, Outcome

_SYSTEM = "OPERA Cloud"
#: Failures that may be one operation's alone, while OPERA as a whole is well.
_ONE_ADDRESS_FAILS = ("SERVER_ERROR", "BROKEN_ANSWER")
#: An answer that the integration user has no right to; it holds nothing, like an empty one.
_UNREAD: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class HotelContext:
    """What the hotel says of itself, empty where it does not."""

    business_date: date | None = None
    name: str = ""
    currency: str = ""


class HotelFacts:
    """What one hotel says of itself, as far as the integration user's rights go."""

    def __init__(self, client: OperaClient, settings: OperaSettings) -> None:
        self._client = client
        self._settings = settings
        self._hotel = settings.property_code

    async def context(self) -> HotelContext:
        """Return what the hotel says of itself, as far as the rights go. Raises CallFailed when OPERA is down."""
        hotel = wire.segment(self._hotel)
        for path in (f"/ent/config/v1/hotels/{hotel}/operaContext", f"/bof/v1/hotels/{hotel}/businessDate"):
            try:
                body = await self._client.get(path)
            except CallFailed as failure:
                if isinstance(read_outcome(failure, POLICY), Later) and failure.key not in _ONE_ADDRESS_FAILS:
                    raise
                continue
            context = wire.dig(body, "hotelContext") or next(iter(wire.items(wire.dig(body, "hotels"))), {})
            found = wire.day(context.get("businessDate"))
            if found is not None:
                return HotelContext(found, wire.text(context, "hotelName"), wire.text(context, "currencyCode"))
        return HotelContext()

    async def describe(self, codes: Collection[str], cashiers: Collection[str]) -> Outcome[PmsFacts]:
        """Sign in, search in house, and ask for version, business date, currency, transaction codes and cashiers."""
        warnings: list[str] = []
        try:
            await self._client.get(wire.reservations_path(self._hotel), [("searchType", wire.IN_HOUSE), ("limit", "1")])
            context = await self.context()
            version = await self._optional("/csh/v1/services/cashiering/status", "its version", warnings)
            known = await self._optional(
                f"/csh/v1/hotels/{wire.segment(self._hotel)}/transactionCodes", "its transaction codes", warnings
            )
            faults = await self._cashier_faults(cashiers, warnings)
        except CallFailed as failure:
            return read_outcome(failure, POLICY)
        if context.business_date is None:
            warnings.append("OPERA Cloud does not tell the integration user its business date.")
        have = {wire.text(row, "transactionCode") for row in wire.items(wire.dig(known, "trxCodes"))}
        return Done(
            PmsFacts(
                system=_SYSTEM,
                version=wire.text(version, "operaVersion"),
                hotel=context.name or self._hotel,
                business_date=context.business_date,
                currency=context.currency,
                unknown_codes=tuple(sorted(set(codes) - have)) if have else (),
                faults=tuple(faults),
                warnings=tuple(warnings),
            )
        )

    async def _cashier_faults(self, cashiers: Collection[str], warnings: list[str]) -> list[str]:
        """Say which cashiers OPERA would refuse: the connection's, and those that outlets have of their own."""
        wanted = sorted({*cashiers, str(self._settings.cashier_id or "")} - {""})
        if self._settings.cashier_id is None:
            warnings.append(
                "No cashier is set for the connection: OPERA Cloud refuses every charge of an outlet without one of "
                "its own, unless the integration user has one there."
            )
        faults = [f"A cashier is a number; {one} is none." for one in wanted if not one.isdigit()]
        wanted = [one for one in wanted if one.isdigit()]
        for start in range(0, len(wanted), wire.MOST_CASHIERS):
            query = [("cashierIDs", one) for one in wanted[start : start + wire.MOST_CASHIERS]]
            unread = f"its cashiers, so {', '.join(wanted)} is not checked"
            body = await self._optional(wire.CASHIERS_PATH, unread, warnings, query)
            if body is _UNREAD:
                break
            there = {row.get("cashierId"): row for row in wire.items(wire.dig(body, "cashiers"))}
            for _, one in query:
                row = there.get(int(one))
                if row is None or row.get("inactive") is True:
                    faults.append(f"OPERA Cloud has no active cashier {one}; it will refuse every charge with it.")
        return faults

    async def _optional(self, path: str, what: str, warnings: list[str], query: Query = ()) -> Any:
        """Return an answer that may be withheld from the integration user, which `warnings` then say."""
        try:
            return await self._client.get(path, query)
        except CallFailed as failure:
            if isinstance(read_outcome(failure, POLICY), Later):
                raise
            warnings.append(f"OPERA Cloud does not tell the integration user {what}.")
            return _UNREAD
