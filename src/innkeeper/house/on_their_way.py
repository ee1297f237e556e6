"""Asks what the outlets have charged a reservation that its bill does not hold yet."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

#: Tells the sum of what is still on its way from the outlets to a reservation's bill, None where the outlets charge
#: another system. The house knows no outlets; whoever does puts this under `app.state.charges_on_their_way`.
ChargesOnTheirWay = Callable[[AsyncSession, UUID, UUID], Awaitable[Decimal | None]]


async def _no_outlets(_session: AsyncSession, _property_id: UUID, _reservation_id: UUID) -> None:
    return None


def asked_of(request: Request) -> ChargesOnTheirWay:
    """Return who is asked, which is nobody where no outlets are connected."""
    ask: ChargesOnTheirWay = getattr(request.app.state, "charges_on_their_way", _no_outlets)
    return ask


OnTheirWay = Annotated[ChargesOnTheirWay, Depends(asked_of)]
