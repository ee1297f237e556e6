"""What each side says of a booking, as the other can compare it."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest

from innkeeper.channel_sync.states import local_state
from innkeeper.domain.ids import new_id
from innkeeper.house.tables import Reservation, ReservationRoom


@pytest.mark.parametrize(
    ("room_type_id", "agreed_for", "type_told"),
    [
        (UUID(int=1), UUID(int=1), 7),
        (UUID(int=2), UUID(int=1), f"local:{UUID(int=2)}"),
        (None, UUID(int=1), 7),
        (None, None, 7),
    ],
)
def test_room_whose_type_is_not_mapped_keeps_what_was_agreed_unless_somebody_here_changed_it(
    room_type_id: UUID | None, agreed_for: UUID | None, type_told: int | str
) -> None:
    room = ReservationRoom(
        id=new_id(),
        room_type_id=room_type_id,
        check_in=date(2030, 6, 1),
        check_out=date(2030, 6, 3),
        adults=2,
        children=0,
        child_ages=[],
        status="Confirmed",
        amount=Decimal(200),
    )
    reservation = Reservation(status="Confirmed", currency="EUR", rooms=[room])
    agreed = {"rooms": {str(room.id): {"type": 7, "room_type": str(agreed_for)}}}
    assert local_state(reservation, {}, agreed).rooms[str(room.id)]["type"] == type_told
    told = local_state(reservation, {}, None).rooms[str(room.id)]["type"]
    assert told == f"local:{room_type_id}", "of which nothing was agreed"
