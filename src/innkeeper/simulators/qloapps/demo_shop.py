"""The demo hotel of the recordings, with the guests and bookings that its database came with."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from innkeeper.simulators.qloapps.model import Customer, Line, Order, ServiceLine
from innkeeper.simulators.qloapps.prices import with_tax
from innkeeper.simulators.qloapps.shops import RoomTypeSpec, add_hotel, add_room_type, settle_shop, shop
from innkeeper.simulators.qloapps.state import ShopState
from innkeeper.simulators.qloapps.values import hours_before
from innkeeper.simulators.qloapps.writing import count_line, new_line, record_state, write_details

__all__ = ["DEMO_TYPES", "RoomTypeSpec", "add_hotel", "add_room_type", "fill_demo", "shop"]

DEMO_TYPES = tuple(
    RoomTypeSpec(name, price, tuple(f"{letter}R-10{n}" for n in range(1, 6)), images=5 if letter == "L" else 4)
    for name, price, letter in (
        ("General Rooms", 1000, "G"),
        ("Delux Rooms", 1500, "D"),
        ("Executive Rooms", 2000, "E"),
        ("Luxury Rooms", 2500, "L"),
    )
)


def fill_demo(
    state: ShopState, *, timezone: str | None, currency: str | None, tax_rate: Decimal | int | str | None
) -> None:
    """Fill an empty shop with the demo hotel of its version's recording, rows and auto-increments alike."""
    is_170 = state.version.is_170
    settle_shop(
        state,
        timezone=timezone or ("Europe/Warsaw" if is_170 else "UTC"),
        currency=currency or ("PLN" if is_170 else "USD"),
        tax_rate=tax_rate,
        languages=(("English (English)", "en"), ("Polski (Polish)", "pl"))
        if is_170
        else (("English (English)", "en"),),
        shop_name="Demo SSD" if is_170 else "LabHotel",
    )
    installed = "2026-02-18 16:25:22" if is_170 else "2026-11-22 00:36:09"
    add_hotel(state, "The Hotel Prime", DEMO_TYPES, installed=installed)
    _stagger_install_times(state, installed, (22, 23, 24, 25) if is_170 else (11, 12, 13, 15))
    state.set_last_id("room_types", 10)  # products: the services follow the room types
    _add_customer(state, "John", "Doe", "pub@qloapps.com", "1234567890", "2026-02-18 16:25:19" if is_170 else installed)
    for table in ("feature_prices", "restrictions"):
        state.set_last_id(table, 8)  # the installer's own example rates, switched off again
    if is_170:
        _add_demo_bookings(state)


def _stagger_install_times(state: ShopState, installed: str, seconds: Sequence[int]) -> None:
    """The installer took a second for each room type [058] [061]."""
    base = installed[:17]
    before = installed
    for number, kind in state.room_types.items():
        stamp = f"{base}{seconds[number - 1]:02d}"
        kind["date_add"] = kind["date_upd"] = before
        before = stamp
        rows = [state.type_of_product[number], *(state.hotel_rooms[room] for room in state.rooms_of_type[number])]
        for row in rows:
            row["date_add"] = row["date_upd"] = stamp


def _add_customer(state: ShopState, first: str, last: str, email: str, phone: str, stamp: str) -> Customer:
    number = state.new_id("customers")
    customer = Customer(
        number,
        first,
        last,
        email,
        phone,
        stamp,
        stamp,
        passwd=state.new_hash(),
        secure_key=state.new_hash(),
        last_passwd_gen=hours_before(stamp, 6),
    )
    if number == 1:
        customer.id_gender, customer.birthday = 1, f"{int(stamp[:4]) - 30}{stamp[4:10]}"
        customer.newsletter = customer.optin = 1
        customer.newsletter_date_add = stamp
        customer.ip_registration_newsletter = customer.website = customer.company = ""
        customer.siret = customer.ape = customer.note = ""
    else:
        customer.id_gender = 2 if number < 4 else 1
    state.add_customer(customer)
    return customer


def _add_demo_bookings(state: ShopState) -> None:
    """The three bookings and thirteen guests that the 1.7.0 demo database came with [191] [448]."""
    guests = (
        ("User-One", "Demo", "demo@hotel.example", "123"),
        ("Api-One", "user", "apione@hotel.example", "123"),
        *(("Demo", "Guest", f"demo{n}@hotel.example", "5550199") for n in range(4, 15)),
    )
    for number, (first, last, email, phone) in enumerate(guests, 2):
        _add_customer(state, first, last, email, phone, f"2026-02-18 {16 + number // 3:02d}:35:40")
    bookings = (
        (2, 1, "2026-02-20", "2000", "2026-02-18 16:37:03", "bankwire", "Bank wire"),
        (2, 2, "2026-02-27", "9000", "2026-02-18 18:05:42", "cheque", "Payment by check"),
        (3, 3, "2026-02-20", "2000", "2026-02-18 19:42:30", "bankwire", "Bank wire"),
    )
    for id_customer, id_room, date_to, price, stamp, module, payment in bookings:
        _add_demo_booking(state, id_customer, id_room, date_to, Decimal(price), stamp, module, payment)
    state.set_last_id("order_details", 9)


def _add_demo_booking(
    state: ShopState, id_customer: int, id_room: int, date_to: str, price: Decimal, stamp: str, module: str, pay: str
) -> None:
    rate = state.tax_rates[1]
    number = state.new_id("orders")
    order = Order(
        number,
        id_customer,
        1,
        1,
        1,
        stamp,
        stamp,
        state.domain or "qloapps.example",
        state.new_reference(),
        state.new_hash(),
        module=module,
        payment=pay,
        payment_type=3,
        with_occupancy=1,
    )
    order.id_cart = state.new_cart(order)
    state.orders[number] = order
    nights = price / 1000
    line: Line = new_line(
        state,
        order,
        id_room=id_room,
        date_from="2026-02-18",
        date_to=date_to,
        price=price,
        price_with_tax=with_tax(price, rate),
        adults=2,
        children=2 if number == 2 else 0,
        child_ages='["1","2"]' if number == 2 else "[]",
    )
    line.date_add = line.date_upd = stamp
    fees, internet = 250 * nights, Decimal(250)
    line.services = (
        ServiceLine(5, "Room Maintenance Fees", 1, fees, fees, fees * rate / 100, 1, 2),
        ServiceLine(6, "Internet Handling Charges", 1, internet, internet, internet * rate / 100, 0, 1),
    )
    state.add_line(line)
    count_line(order, line)
    write_details(state, order)
    order.advance_paid_amount = order.total_paid_tax_incl
    order.total_products_wt = order.total_paid_tax_incl
    record_state(state, order, stamp)
