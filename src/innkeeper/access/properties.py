"""Asks whether a property exists; the houses are not this floor's, so the app is told how to find out."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.domain.errors import Invalid

#: Whether there is such a property, as the transaction sees it.
KnowsProperty = Callable[[AsyncSession, UUID], Awaitable[bool]]


async def knows_every(_session: AsyncSession, _property_id: UUID) -> bool:
    """Return True: where nobody keeps houses, no property is unknown."""
    return True


async def need_known(session: AsyncSession, property_id: UUID | None, knows: KnowsProperty) -> None:
    """Raises Invalid when there is no such property; None, for all properties, is right."""
    if property_id is not None and not await knows(session, property_id):
        raise Invalid.field(
            "property_id", f"There is no property {property_id}; `innkeeper property list` tells which there are."
        )
