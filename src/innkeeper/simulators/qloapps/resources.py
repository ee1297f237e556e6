"""The field lists of the resources, for both recorded versions (schemas [042] - [330])."""

from __future__ import annotations

from functools import cache

from innkeeper.simulators.qloapps import field_tables as tables
from innkeeper.simulators.qloapps.fields import Association, Resource, parse_fields
from innkeeper.simulators.qloapps.versions import Version


def _ids(name: str, node: str, *, required: bool = True) -> Association:
    return Association(name, node, (("id", required),))


_GROUPS = _ids("groups", "group", required=False)
_HOTEL_ASSOCIATIONS = (
    _ids("room_types", "room_types", required=False),
    _ids("images", "image", required=False),
    _ids("hotel_features", "hotel_feature"),
    _ids("hotel_refund_rules", "hotel_refund_rule"),
)
_ROOM_TYPE_ASSOCIATIONS = (
    Association(
        "advance_payments",
        "advance_payment",
        (
            ("id", False),
            ("payment_type", False),
            ("tax_include", False),
            ("value", False),
            ("active", False),
            ("calculate_from", False),
        ),
    ),
    _ids("categories", "category"),
    _ids("images", "image", required=False),
    _ids("room_type_features", "room_type_feature"),
    _ids("tags", "tag"),
    _ids("hotel_rooms", "hotel_room"),
    _ids("feature_prices", "feature_price"),
    Association("extra_demands", "extra_demand", (("id", True), ("id_option", False), ("price", False))),
    Association("services", "service", (("id", True), ("price", True), ("id_tax_rules_group", False))),
)
_RESTRICTIONS = Association(
    "restrictions",
    "price_rule",
    tuple(
        (name, False)
        for name in ("id", "date_from", "date_to", "date_selection_type", "is_special_days_exists", "special_days")
    ),
    linked=False,
)
_LINES_OF_ORDER = Association("bookings", "booking", (("id", False),), virtual=True)
_LINES_OF_CART = Association(
    "cart_bookings",
    "booking",
    tuple((name, True) for name in ("id_hotel", "id_product", "date_from", "date_to")),
    linked=False,  # a shop links rows of a cart, which are not kept here
)
_DEMANDS_OF_LINE = Association("booking_extra_demands", "extra_demand", (("id", False),))


@cache
def resources(version: Version) -> dict[str, Resource]:
    """All tables that the simulator keeps, by name."""
    is_170 = version.is_170
    hotel = tables.HOTEL.format(
        window=tables.HOTEL_WINDOW_170 if is_170 else tables.HOTEL_WINDOW_DEV,
        fax="fax text isGenericName" if is_170 else "",
    )
    customer = tables.CUSTOMER.format(
        phone_first="" if is_170 else "phone text required",
        phone_last="phone text max=32 isPhoneNumber" if is_170 else "",
    )
    line = tables.ROOM_LINE.format(planned="planned_check_out stamp required" if is_170 else "")
    rate = tables.RATE.format(
        dates="" if is_170 else tables.RATE_DATES_DEV, days="" if is_170 else tables.RATE_DAYS_DEV
    )
    rate_associations = (_GROUPS, _RESTRICTIONS) if is_170 else (_GROUPS,)
    room_type = tables.ROOM_TYPE.format(selling="selling_preference_type" if is_170 else "service_product_type")
    found = (
        Resource("hotels", "hotels", "hotel", parse_fields(hotel), _HOTEL_ASSOCIATIONS),
        Resource("room_types", "room_types", "room_type", parse_fields(room_type), _ROOM_TYPE_ASSOCIATIONS),
        Resource(
            "hotel_room_types",
            "hotel_room_types",
            "hotel_room_type",
            parse_fields(tables.HOTEL_ROOM_TYPE),
            (_ids("hotel_rooms", "hotel_room"),),
        ),
        Resource("hotel_rooms", "rooms", "room", parse_fields(tables.HOTEL_ROOM)),
        Resource("customers", "customers", "customer", parse_fields(customer), (_GROUPS,), rows_are_dicts=False),
        Resource(
            "orders",
            "orders",
            "order",
            parse_fields(tables.ORDER),
            (_LINES_OF_ORDER,),
            rows_are_dicts=False,
            index_order=("current_state",),
        ),
        Resource("room_bookings", "bookings", "booking", parse_fields(line), (_DEMANDS_OF_LINE,), rows_are_dicts=False),
        Resource("carts", "carts", "cart", parse_fields(tables.CART), (_LINES_OF_CART,)),
        Resource("feature_prices", "feature_prices", "feature_price", parse_fields(rate), rate_associations),
        Resource("order_histories", "order_histories", "order_history", parse_fields(tables.ORDER_HISTORY)),
        Resource("order_payments", "order_payments", "order_payment", parse_fields(tables.ORDER_PAYMENT)),
        Resource("order_details", "order_details", "order_detail", parse_fields(tables.ORDER_DETAIL)),
        Resource("order_states", "order_states", "order_state", parse_fields(tables.ORDER_STATE)),
        Resource("services", "services", "service", parse_fields(tables.SERVICE)),
        Resource("extra_demands", "extra_demands", "extra_demand", parse_fields("name lang\nprice price")),
        Resource("currencies", "currencies", "currency", parse_fields(tables.CURRENCY)),
        Resource("languages", "languages", "language", parse_fields(tables.LANGUAGE)),
        Resource(
            "configurations",
            "configurations",
            "configuration",
            parse_fields(tables.CONFIGURATION),
            index_order=("name",),
        ),
        Resource("groups", "groups", "group", parse_fields(tables.GROUP)),
        Resource("tax_rules", "tax_rules", "tax_rule", parse_fields(tables.TAX_RULE)),
        Resource("taxes", "taxes", "tax", parse_fields(tables.TAX)),
        Resource("tax_rule_groups", "tax_rule_groups", "tax_rule_group", parse_fields(tables.TAX_RULE_GROUP)),
    )
    return {table.name: table for table in found}


RESOURCE_NAMES = (
    "addresses advance_payments booking_extra_demands bookings carriers cart_bookings cart_rules carts categories "
    "combinations configurations contacts content_management_system countries currencies customer_messages "
    "customer_threads customers customizations deliveries demand_advance_options employees extra_demands "
    "extra_services feature_prices groups guests hotel_ari hotel_features hotel_refund_rules hotel_room_types "
    "hotel_rooms hotels image_types images languages manufacturers order_carriers order_details order_discounts "
    "order_histories order_invoices order_payments order_slip order_states orders price_ranges "
    "product_customization_fields product_suppliers qlo room_bookings room_type_feature_values room_type_features "
    "room_type_option_values room_type_options room_types search services shop_groups shop_urls shops "
    "specific_price_rules specific_prices states stock_availables stock_movement_reasons stock_movements stocks "
    "stores suppliers supply_order_details supply_order_histories supply_order_receipt_histories "
    "supply_order_states supply_orders tags tax_rule_groups tax_rules taxes translated_configurations "
    "warehouse_product_locations warehouses weight_ranges zones"
).split()
"""Every resource that a QloApps has [002] [029]; only some are kept here, the others answer an empty list."""


def resource_names(version: Version) -> list[str]:
    """The resources that this version lists."""
    hidden = () if version.has_qlo else ("qlo", "extra_services")
    return [name for name in RESOURCE_NAMES if name not in hidden]
