"""What the house has left is what the shop sells, at the house's prices; the shop keeps nothing of it afterwards.

Rooms and prices are sent for one room type, and beyond the first year alone, where no house sends anything.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from innkeeper.channel_sync import repository, room_types, runs
from innkeeper.channel_sync.result import SyncResult
from innkeeper.channel_sync.tables import Config
from innkeeper.domain.channel import BlockDraft
from innkeeper.domain.ids import new_id
from innkeeper.domain.money import quantize
from innkeeper.domain.outcome import Done, Outcome
from innkeeper.domain.stay import Stay
from innkeeper.house import properties, rates, rooms
from innkeeper.house.tables import Reservation
from tests.live.house import House, close
from tests.live.shop import Guest, Shop

pytestmark = pytest.mark.anyio

#: Two prices that no shop has by itself.
PRICE, OTHER = Decimal("151.50"), Decimal("187.25")


@dataclass(frozen=True, slots=True)
class Seller:
    """The house as it sends what is left, and its prices, for the room type that most is tried with."""

    house: House
    shop: Shop

    async def send(self, what: str, **options: Any) -> SyncResult:
        """Send rooms or prices now."""
        return await self.house.sync(what, room_type_id=self.house.types[self.shop.main.id], **options)

    async def set_nights(self, first: int, last: int, **values: Any) -> None:
        """Set price or closure of some nights in the house's calendar."""
        async with self.house.database.write() as tx:
            house = await properties.get(tx.session, self.house.property_id)
            kind = self.house.types[self.shop.main.id]
            await rates.put(tx, house, kind, self.shop.day(first), self.shop.day(last), values)

    async def close(self, units: int, first: int, last: int) -> UUID:
        """Take rooms out of use in the house."""
        async with self.house.database.write() as tx:
            work, _ = await rooms.add_maintenance(
                tx,
                self.house.property_id,
                start=self.shop.day(first),
                end=self.shop.day(last),
                room_type_id=self.house.types[self.shop.main.id],
                units=units,
            )
            return work.id

    async def open(self, maintenance_id: UUID) -> None:
        """Take rooms into use again."""
        async with self.house.database.write() as tx:
            await rooms.end_maintenance(tx, self.house.property_id, maintenance_id)

    async def free(self, first: int, last: int) -> int:
        """Return how many rooms the shop would sell."""
        return await self.shop.free_rooms(self.shop.main, first, last)

    async def booked(self, first: int, last: int) -> tuple[int, Decimal]:
        """Let a guest book there; return the booking and what it costs."""
        order = await self.shop.book(self.shop.wish(first, last), guest=Guest())
        return order, (await self.shop.order(order)).total


def price(amount: Decimal, shop: Shop) -> Decimal:
    """Return a price as the shop's currency knows it."""
    return quantize(amount, shop.currency)


def done(outcome: Outcome[Any]) -> Any:
    """Return the value of what was done."""
    assert isinstance(outcome, Done), outcome
    return outcome.value


@pytest.fixture
async def seller(house: House, shop: Shop) -> AsyncIterator[Seller]:
    """The house with what it sends; at the end no block of the test is left there."""
    try:
        yield Seller(house, shop)
    finally:
        assert (await runs.remove_blocks(house.channels, house.property_id)).errors == []


@pytest.fixture
async def pricing(seller: Seller, shop: Shop) -> AsyncIterator[Seller]:
    """The same where no other house prices this shop, whose rules would be taken for our own; none is left there."""
    connector, kinds = await seller.house.connector(), [kind.id for kind in shop.types]
    if any(rule.ours for rule in done(await connector.rate_rules(kinds))):
        pytest.skip("an Innkeeper sends its prices to this shop, and would miss them")
    try:
        yield seller
    finally:
        for rule in done(await connector.rate_rules(kinds)):
            if rule.ours:
                done(await connector.delete_rate(rule.rule_id))


# rooms --------------------------------------------------------------------------------------------------------------


async def test_block_takes_one_room_from_sale_until_it_is_released(seller: Seller, shop: Shop) -> None:
    connector = await seller.house.connector()
    free = await seller.free(3, 6)
    room, _ = shop.main.rooms[0]
    draft = BlockDraft(new_id().hex, shop.main.id, room, Stay(shop.day(3), shop.day(6)))
    block = done(await connector.make_block(draft))
    assert [await seller.free(*nights) for nights in ((2, 3), (3, 6), (6, 7))] == [free, free - 1, free]
    assert block in done(await connector.blocks(shop.day(0)))
    moved = done(await connector.reshape_block(block, Stay(shop.day(5), shop.day(8))))
    assert [await seller.free(*nights) for nights in ((3, 5), (5, 8))] == [free, free - 1]
    done(await connector.release_block(moved))
    assert await seller.free(3, 8) == free
    assert block.reference not in [one.reference for one in done(await connector.blocks(shop.day(0)))]


async def test_block_is_nobodys_booking(seller: Seller, shop: Shop) -> None:
    connector = await seller.house.connector()
    room, _ = shop.main.rooms[0]
    done(await connector.make_block(BlockDraft(new_id().hex, shop.main.id, room, Stay(shop.day(3), shop.day(6)))))
    await seller.house.settle()
    async with seller.house.database.read() as session:
        here = select(Reservation.id).where(Reservation.check_in == shop.day(3), Reservation.check_out == shop.day(6))
        assert (await session.scalars(here)).all() == []


async def test_shop_sells_what_the_house_has_left(seller: Seller, shop: Shop) -> None:
    free = await seller.free(3, 6)
    await seller.close(len(shop.main.rooms) - 1, 3, 6)
    sent = await seller.send("availability")
    assert sent.created == len(shop.main.rooms) - 1
    assert [await seller.free(*nights) for nights in ((2, 3), (3, 6), (6, 7))] == [free, 1, free]
    assert (await seller.send("availability")).requests == 0
    order, _ = await seller.booked(3, 6)
    await seller.house.sync()
    assert (await seller.house.of_order(order)).status == "Confirmed"
    again = await seller.send("availability", full=True)
    assert (again.created, again.updated) == (0, 0)
    assert await seller.free(3, 6) == 0


async def test_closed_nights_are_not_sold_and_sold_again_when_opened(seller: Seller) -> None:
    free = await seller.free(3, 5)
    await seller.set_nights(3, 5, closed=True)
    await seller.send("availability")
    assert [await seller.free(*nights) for nights in ((2, 3), (3, 4), (4, 5), (5, 6))] == [free, 0, 0, free]
    await seller.set_nights(3, 5, closed=False)
    await seller.send("availability")
    assert await seller.free(3, 5) == free


async def test_reservation_of_the_house_finds_its_room_behind_blocks_of_ours(seller: Seller, shop: Shop) -> None:
    one = await seller.close(1, 3, 6)
    await seller.close(len(shop.main.rooms) - 1, 3, 6)
    await seller.send("availability")
    assert await seller.free(3, 6) == 0
    await seller.open(one)
    reservation = await seller.house.book(seller.house.room(3, 6))
    await seller.house.work()
    assert len(await shop.held(await seller.house.order_of(reservation))) == 1
    await seller.send("availability")
    assert await seller.free(3, 6) == 0
    assert await seller.house.attention(reservation) == {}


async def test_one_command_releases_every_block(seller: Seller) -> None:
    free = await seller.free(3, 6)
    await seller.close(2, 3, 6)
    await seller.send("availability")
    assert await seller.free(3, 6) == free - 2
    assert (await runs.remove_blocks(seller.house.channels, seller.house.property_id)).updated == 2
    assert await seller.free(3, 6) == free


# prices -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nights", [1, 2, 3])
async def test_guest_there_pays_the_price_of_the_house(pricing: Seller, shop: Shop, nights: int) -> None:
    night = price(PRICE, shop)
    await pricing.set_nights(3, 6, price=night)
    assert (await pricing.send("rates")).created >= 1
    order, total = await pricing.booked(3, 3 + nights)
    # the shop rounds each night without tax to cents
    assert abs(total - nights * night) <= Decimal("0.01") * nights
    await pricing.house.sync()
    assert close((await pricing.house.of_order(order)).total_amount, total)


async def test_prices_that_stand_there_are_not_sent_again(pricing: Seller, shop: Shop) -> None:
    await pricing.set_nights(3, 6, price=price(PRICE, shop))
    await pricing.send("rates")
    assert (await pricing.send("rates")).requests == 0
    again = await pricing.send("rates", full=True)
    assert (again.created, again.updated) == (0, 0)


async def test_change_of_one_nights_price_reaches_the_shop(pricing: Seller, shop: Shop) -> None:
    await pricing.set_nights(3, 6, price=price(PRICE, shop))
    await pricing.send("rates")
    await pricing.set_nights(4, 5, price=price(OTHER, shop))
    await pricing.send("rates")
    _, total = await pricing.booked(3, 6)
    assert abs(total - 2 * price(PRICE, shop) - price(OTHER, shop)) <= Decimal("0.03")
    await pricing.set_nights(4, 5, price=price(PRICE, shop))
    await pricing.send("rates")
    _, total = await pricing.booked(3, 6)
    assert abs(total - 3 * price(PRICE, shop)) <= Decimal("0.03")


@pytest.mark.parametrize("nights", [1, 3])
async def test_reservation_keeps_a_price_of_its_own_where_a_rule_stands(
    pricing: Seller, shop: Shop, nights: int
) -> None:
    await pricing.set_nights(0, 10, price=price(PRICE, shop))
    await pricing.send("rates")
    reservation = await pricing.house.book(pricing.house.room(3, 3 + nights))
    await pricing.house.work()
    order = await pricing.house.order_of(reservation)
    assert close((await shop.order(order)).total, pricing.house.price(nights))
    moved = await pricing.house.move(reservation.id, 4, 8)
    await pricing.house.work()
    assert close((await shop.order(order)).total, pricing.house.price(4))
    assert await pricing.house.attention(moved) == {}


async def limits(shop: Shop) -> tuple[int, int]:
    """Return the shortest and longest stay of the type that most is tried with."""
    (row,) = await shop.rows("hotel_room_types", **{"filter[id_product]": f"[{shop.main.id}]", "display": "full"})
    return int(row["min_los"]), int(row["max_los"])


async def test_limits_of_stay_are_set_and_given_back_when_the_type_is_sent_no_more(pricing: Seller, shop: Shop) -> None:
    house, before = pricing.house, await limits(shop)
    try:
        async with house.database.write() as tx:
            # not by the settings, which would have the prices of every type sent
            await tx.session.execute(update(Config).values(sync_rates=True))
            values = {"min_stay": 1, "max_stay": 21}
            await rooms.update_room_type(tx, house.property_id, house.types[shop.main.id], values)
        await house.work()
        assert await limits(shop) == (1, 21)
    finally:
        async with house.database.write() as tx:
            for mapping in await repository.room_type_mappings(tx.session, house.property_id):
                if mapping.qloapps_product_id == shop.main.id:
                    await room_types.delete_mapping(tx, mapping)
        await house.work()
    assert await limits(shop) == before
