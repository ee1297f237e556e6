"""Keeps the property itself: its clock, currency, taxes and business date."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.domain.business_day import check_zone, first_business_date, utc_now
from innkeeper.domain.errors import Conflict, NotFound
from innkeeper.domain.ids import DEFAULT_PROPERTY, new_id
from innkeeper.domain.money import check_currency
from innkeeper.house import business_date, repository, room_repository
from innkeeper.house.checks import Errors
from innkeeper.house.tables import Property
from innkeeper.storage.database import Tx


async def get(session: AsyncSession, property_id: UUID) -> Property:
    """Return the property. Raises NotFound."""
    house = await session.get(Property, property_id)
    if house is None:
        raise NotFound(f"There is no property {property_id}.", action="Check X-Property-Id.")
    return house


async def ensure_default(
    tx: Tx,
    name: str = "My hotel",
    timezone: str = "UTC",
    currency: str = "EUR",
    property_id: UUID = DEFAULT_PROPERTY,
) -> Property:
    """Return the property, made with these values when it is not there yet. Raises Invalid."""
    house = await tx.session.get(Property, property_id)
    return house or await _make(tx, property_id, name, timezone, currency)


async def add(tx: Tx, name: str, timezone: str, currency: str) -> Property:
    """Make another property, on the day that its zone has now, and return it. Raises Invalid, Conflict (`NAME_TAKEN`).

    Two properties of one name could not be told apart where one of them is chosen.
    """
    name = name.strip()
    if name.casefold() in {each.name.casefold() for each in await repository.properties(tx.session)}:
        raise Conflict(f"There is a property named {name} already.", code="NAME_TAKEN", action="Give it another name.")
    return await _make(tx, new_id(), name, timezone, currency)


async def _make(tx: Tx, property_id: UUID, name: str, timezone: str, currency: str) -> Property:
    errors = Errors()
    errors.text("name", name, 200, needed=True)
    errors.raise_any()
    house = Property(
        id=property_id,
        name=name,
        timezone=check_zone(timezone),
        currency=check_currency(currency),
        business_date=first_business_date(utc_now(), timezone),
    )
    tx.session.add(house)
    await tx.session.flush()
    return house


async def update(tx: Tx, property_id: UUID, values: Mapping[str, Any], *, confirmed: bool = False) -> Property:
    """Set the given columns; `confirmed` allows a business date that no night audit leads to.

    Raises NotFound, Invalid, Conflict for a currency that amounts are kept in and for a business date.
    """
    if "business_date" in values and repository.has_row_locks(tx.session):
        await room_repository.room_types(tx.session, property_id, lock=True)  # before the property, as a booking does
    house = await repository.locked_property(tx.session, property_id)
    if house is None:
        raise NotFound(f"There is no property {property_id}.", action="Check X-Property-Id.")
    values = dict(values)
    errors = Errors()
    if "name" in values:
        errors.text("name", values["name"], 200, needed=True)
    if "tax_rate" in values and not 0 <= values["tax_rate"] < 100:
        errors.add("tax_rate", "The tax is a percentage from 0 to below 100.")
    errors.raise_any()
    if "timezone" in values:
        check_zone(values["timezone"])
    if "currency" in values:
        values["currency"] = check_currency(values["currency"])
        if values["currency"] != house.currency and await repository.has_reservations(tx.session, property_id):
            raise Conflict(
                f"Amounts are kept in {house.currency} and reservations exist.",
                code="CURRENCY_IN_USE",
                action="Keep the currency; a house that changes it starts with a new one: innkeeper property add.",
            )
    day = values.pop("business_date", house.business_date)
    if day != house.business_date:
        business_date.check(house, day, confirmed=confirmed)
        await business_date.move(tx, house, day)
    for name, value in values.items():
        setattr(house, name, value)
    return house
