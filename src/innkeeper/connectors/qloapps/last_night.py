"""Prices the last night of a stay over a change to summer time, which 1.7.0 forgets.

For a price that is sent 1.7.0 makes a rule from the first night to the day 24 hours before the check-out, and takes it
away again. Where the clock is put forward on the last night, that is a day too early, and the night costs what the shop
sells it for. A rule of our own for that night, made for this room of this booking's cart alone, is what the shop looks
for first, needs no customer groups, stands beside the rules for everybody and goes with the shop's own [tried].
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from innkeeper.connectors.qloapps.client import id_filter
from innkeeper.connectors.qloapps.composing import Room
from innkeeper.connectors.qloapps.errors import POLICY, Kind, QloAppsError
from innkeeper.connectors.qloapps.facts import ShopFacts
from innkeeper.connectors.qloapps.rates import rule_document
from innkeeper.connectors.qloapps.reader import QloAppsReader
from innkeeper.connectors.qloapps.wire import int_of, text_of
from innkeeper.domain.channel import ChannelBooking

_log = logging.getLogger(__name__)

#: The name of every rule that is made here, by which one that a crash left behind is known.
RULE_NAME = "innkeeper-last-night"


class LastNights:
    """Rules for forgotten nights of one hotel. Methods raise QloAppsError."""

    def __init__(self, reader: QloAppsReader) -> None:
        self._reader = reader
        self._client = reader.client

    async def price(self, booking: ChannelBooking, room: Room, facts: ShopFacts) -> None:
        """Make the rule that gives the room's last night its share of the price; four requests, and one for each left.

        What the key may not do is left undone and logged: the price that comes back is compared in any case.
        """
        try:
            await self._take_away(room.room_type_id)
            await self._make(booking, room, facts)
        except QloAppsError as error:
            if POLICY[error.reason].kind is not Kind.REFUSED:
                raise
            _log.warning("last night of QloApps booking %s: its price answered %s", booking.order_id, error.reason)

    async def _take_away(self, room_type_id: int) -> None:
        """Delete what a crash left: of two rules for one date QloApps refuses the second."""
        query = {"filter[id_product]": f"[{room_type_id}]", "filter[id_cart]": ">[0]", "display": "full"}
        for row in await self._client.rows("feature_prices", "feature_prices", query):
            if text_of(row.get("feature_price_name")) == RULE_NAME:
                await self._client.delete(f"feature_prices/{int(row['id'])}")

    async def _make(self, booking: ChannelBooking, room: Room, facts: ShopFacts) -> None:
        query = {"filter[id]": id_filter([booking.order_id]), "display": "[id,id_cart]"}
        carts = [int_of(row["id_cart"]) for row in await self._client.rows("orders", "orders", query)]
        query = {"filter[id]": id_filter(carts), "display": "[id,id_guest]"}
        for cart in await self._client.rows("carts", "carts", query):
            whose = {
                "id_cart": str(int_of(cart["id"])),
                "id_guest": str(int_of(cart["id_guest"])),
                "id_room": str(room.line.room_id if room.line else 0),
            }
            names = {facts.default_language_id: RULE_NAME}
            share = (room.net or Decimal(0)) * room.factor / room.stay.nights
            document = rule_document(room.room_type_id, share, room.stay.last_night, None, names=names, more=whose)
            await self._client.send_xml("POST", "feature_prices", document)


def steps(rooms: Sequence[Room], facts: ShopFacts) -> list[tuple[Sequence[Room], Room | None]]:
    """Return the PUTs that it takes to send the rooms, each with the room whose last night needs a rule before it.

    Each of these rooms takes a PUT of its own, where no other has a price: the first room that is priced uses up the
    rules of the whole cart.
    """
    forgotten = [room for room in rooms if room.line and room.net is not None and facts.forgets_last_night(room.stay)]
    if not forgotten:
        return [(rooms, None)]
    others = [replace(room, net=None) if room in forgotten else room for room in rooms]
    matter = any(room.net is not None or room.line is None for room in others)
    return [*([(others, None)] if matter else []), *((_priced_alone(own, rooms), own) for own in forgotten)]


def _priced_alone(own: Room, rooms: Sequence[Room]) -> list[Room]:
    return [room if room is own else replace(room, net=None) for room in rooms]
