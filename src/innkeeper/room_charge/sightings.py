"""Keeps who was last seen in a room, so that a check can be queued while the PMS is away, whichever process looked."""

from dataclasses import replace
from datetime import timedelta

from pydantic import TypeAdapter

from innkeeper.domain.charge import InHouseGuest, RoomStatus
from innkeeper.room_charge import sighting_repository
from innkeeper.room_charge.connection import SEEN_LASTS, Link

#: A sighting that has not changed is written anew so often, so that it does not grow old while guests stay.
_REFRESHED_AFTER = timedelta(hours=1)
#: Sightings of rooms that nobody asked for any more are deleted.
_DELETED_AFTER = timedelta(days=1)

_STATUS = TypeAdapter(RoomStatus)


def keep(link: Link, status: RoomStatus) -> None:
    """Remember who was seen; what is new is written down after the waiter has the answer."""
    link.systems.remember(link.property_id, status)
    key = (link.property_id, status.room_number.casefold())
    written = link.systems.written.get(key)
    if written is not None and not _is_news(written, status):
        return
    link.systems.written[key] = status
    link.systems.afterwards(_write(link, status))


def _is_news(written: RoomStatus, status: RoomStatus) -> bool:
    if status.looked_up_at - written.looked_up_at >= _REFRESHED_AFTER:
        return True
    # a balance moves with every charge, and what was charged since is counted anyway
    return _guests(written) != _guests(status)


def _guests(status: RoomStatus) -> tuple[InHouseGuest, ...]:
    return tuple(replace(guest, balance=None) for guest in status.guests)


async def _write(link: Link, status: RoomStatus) -> None:
    async with link.database.write() as tx:
        await sighting_repository.keep(
            tx.session,
            link.property_id,
            status.room_number.casefold(),
            status.looked_up_at,
            _STATUS.dump_python(status, mode="json"),
            older=link.now() - _DELETED_AFTER,
        )


async def last(link: Link, room_number: str) -> RoomStatus | None:
    """Return who was in the room when any process last looked, if that was today's shift."""
    own = link.systems.last_seen(link.property_id, room_number)
    async with link.database.read() as session:
        row = await sighting_repository.of_room(session, link.property_id, room_number.strip().casefold())
    if row is None or link.now() - row.seen_at >= SEEN_LASTS or (own is not None and own.looked_up_at >= row.seen_at):
        return own
    return _STATUS.validate_python(row.status)


async def was_in(link: Link, room_number: str, reservation_id: str) -> bool:
    """Whether this stay was seen in the room, or charged there, before."""
    seen = await last(link, room_number)
    if seen is not None and any(guest.reservation_id == reservation_id for guest in seen.guests):
        return True
    async with link.database.read() as session:
        return await sighting_repository.was_charged_in(session, link.property_id, reservation_id, room_number.strip())
