"""The field lists of the resources, for both recorded versions (schemas [042] - [330])."""

from __future__ import annotations

from functools import cache

from innkeeper.simulators.qloapps.fields import Association, Resource, parse_fields
from innkeeper.simulators.qloapps.versions import Version

_HOTEL = """
phone text required
address text required
id_country int required link=countries
id_state int link=states
city text required
zipcode text
id_default_image raw nofilter
{window}
id_category int isUnsignedId
email text required max=255 isEmail
rating int required isUnsignedId
check_in text required
check_out text required
active int isBool
latitude text isFloat
longitude text isFloat
map_formated_address text isCleanHtml
map_input_text text isString
active_refund int isBool
{fax}
date_add stamp isDate
date_upd stamp isDate
policies lang isCleanHtml
hotel_name lang required isGenericName
description lang isCleanHtml
short_description lang isCleanHtml
"""
_HOTEL_WINDOW_170 = """
use_global_max_checkout_offset int
max_checkout_offset text
use_global_min_booking_offset int
min_booking_offset text
"""
_HOTEL_WINDOW_DEV = """
use_global_max_order_date int
max_order_date day
use_global_preparation_time int
preparation_time day
"""

_ROOM_TYPE = """
id_hotel int nofilter link=hotels
adults int nofilter
children int nofilter
id_manufacturer int isUnsignedId
id_supplier int isUnsignedId
id_category_default int isUnsignedId link=categories
new null
cache_default_attribute int
id_default_image int nofilter link=images/room_types/{{id}}
id_tax_rules_group int isUnsignedId link=tax_rule_groups
position_in_category int nofilter
type text nofilter
id_shop_default int isUnsignedId
reference text max=32 isReference
supplier_reference text max=32 isReference
location text max=64 isReference
width price isUnsignedFloat
height price isUnsignedFloat
depth price isUnsignedFloat
weight price isUnsignedFloat
quantity_discount int isBool
ean13 text max=13 isEan13
upc text max=12 isUpc
cache_is_pack int isBool
cache_has_attachments int isBool
is_virtual int isBool
booking_product int hidden
{selling} int hidden
on_sale int isBool
online_only int isBool
ecotax price isPrice
minimal_quantity int isUnsignedInt
allow_multiple_quantity int isBool
max_quantity int isUnsignedInt
price_calculation_method int isUnsignedId
price price required isPrice
wholesale_price price isPrice
unity text isString
unit_price_ratio price
additional_shipping_cost price2 isPrice
customizable int isUnsignedInt
text_fields int isUnsignedInt
uploadable_files int isUnsignedInt
active int isBool
redirect_type text isString
id_product_redirected int isUnsignedId
available_for_order int isBool
available_date day isDateFormat
condition text isGenericName
auto_add_to_cart int isBool
price_addition_type int isUnsignedInt
show_at_front int isBool
show_price int isBool
indexed int isBool
visibility text isProductVisibility
advanced_stock_management int isBool
date_add stamp isDate
date_upd stamp isDate
pack_stock_type int isUnsignedInt
meta_description lang max=255 isGenericName
meta_keywords lang max=255 isGenericName
meta_title lang max=128 isGenericName
link_rewrite lang required max=128 isLinkRewrite
name lang required max=128 isCatalogName
description lang isCleanHtml
description_short lang isCleanHtml
available_now lang max=255 isGenericName
available_later lang max=255 IsGenericName
"""

_HOTEL_ROOM_TYPE = """
id_product int isInt link=room_types
id_hotel int isInt link=hotels
adults int isInt
children int isInt
max_adults int isUnsignedInt
max_children int isUnsignedInt
max_guests int isUnsignedInt
min_los int isUnsignedInt
max_los int isUnsignedInt
date_add stamp isDate
date_upd stamp isDate
"""

_HOTEL_ROOM = """
id_product int isUnsignedId link=products
id_hotel int fixed isUnsignedId link=hotels
room_num text
id_status int isUnsignedInt
floor text
comment text
date_add stamp isDate
date_upd stamp isDate
"""

_CUSTOMER = """
id_default_group int
id_lang int isUnsignedId link=languages
newsletter_date_add stamp
ip_registration_newsletter null
last_passwd_gen stamp readonly
secure_key text isMd5 readonly
deleted int isUnsignedInt
passwd text required max=32 isPasswd
{phone_first}
lastname text required max=32 isName
firstname text required max=32 isName
email text required max=128 isEmail
id_gender int isUnsignedId
birthday day isBirthDate
newsletter int isBool
optin int isBool
website null isUrl
company null isGenericName
siret null isSiret
ape null isApe
{phone_last}
outstanding_allow_amount price isFloat
show_public_prices int isBool
id_risk int isUnsignedInt
max_payment_days int isUnsignedInt
active int isBool
note null max=65000 isCleanHtml
is_guest int isBool
id_shop int isUnsignedId
id_shop_group int isUnsignedId
date_add stamp isDate
date_upd stamp isDate
"""

_ORDER = """
id_address_delivery int required isUnsignedId
id_address_invoice int required isUnsignedId
id_address_tax int isUnsignedId link=addresses
id_cart int required isUnsignedId link=carts
id_currency int required isUnsignedId link=currencies
id_lang int required isUnsignedId link=languages
id_customer int required isUnsignedId link=customers
current_state int isUnsignedId link=order_states
module text isModuleName
invoice_number int
invoice_date stamp
valid int
date_add stamp isDate
date_upd stamp isDate
transaction_id null nofilter
secure_key text isMd5
payment text required isGenericName
payment_type int isUnsignedInt
total_discounts price isPrice
total_discounts_tax_incl price isPrice
total_discounts_tax_excl price isPrice
total_paid price required isPrice
total_paid_tax_incl price isPrice
total_paid_tax_excl price isPrice
total_paid_real price required isPrice
total_products price required isPrice
total_products_wt price required isPrice
conversion_rate price required isFloat
source text
reference text
is_advance_payment int isUnsignedId
advance_paid_amount price isPrice
with_occupancy int isUnsignedId
"""

_ROOM_LINE = """
id_product int required isUnsignedId link=products
id_hotel int required isUnsignedId link=hotels
id_order int required isUnsignedId link=orders
id_order_detail int required isUnsignedId
id_cart int required isUnsignedId
id_room int required isUnsignedId
id_customer int required isUnsignedId
booking_type int required isUnsignedId
id_status int required isUnsignedId
comment text
check_in stamp
check_out stamp
date_from stamp required isDate
date_to stamp required isDate
total_price_tax_excl price required isPrice
total_price_tax_incl price required isPrice
total_paid_amount price required isPrice
is_refunded int isUnsignedId
is_cancelled int isUnsignedId
is_back_order int isUnsignedId
room_num text required
room_type_name text required
hotel_name text required
city text required max=64 isCityName
state text
country text required
zipcode text
phone text required max=32 isPhoneNumber
email text required max=255 isEmail
check_in_time text required
check_out_time text required
{planned}
adults int required isUnsignedId
children int isUnsignedId
child_ages text
date_add stamp isDate
date_upd stamp isDate
"""

_RATE = """
id_product int required isUnsignedId link=room_types
id_cart int isUnsignedId
id_guest int isUnsignedId
id_room int isUnsignedId
{dates}
impact_way int required isUnsignedId
{days}
impact_type int required isUnsignedId
impact_value price required
active int
date_add stamp isDate
date_upd stamp isDate
feature_price_name lang required max=128 isCatalogName
"""
_RATE_DATES_DEV = "date_from day required isDate\ndate_to day isDate"
_RATE_DAYS_DEV = """
is_special_days_exists int required
date_selection_type int required isUnsignedId
special_days null isString
"""

_ORDER_HISTORY = """
id_employee int isUnsignedId
id_order_state int required isUnsignedId link=order_states
id_order int required isUnsignedId link=orders
date_add stamp isDate
"""

_ORDER_PAYMENT = """
order_reference text
id_currency int required isUnsignedId
amount price2 required isNegativePrice
payment_method text required isGenericName
payment_type int isUnsignedInt
conversion_rate price isFloat
transaction_id text
card_number text
card_brand text
card_expiration text
card_holder text
date_add stamp isDate
"""

_ORDER_DETAIL = """
id_order int required isUnsignedId link=orders
product_id int required isUnsignedId
product_name text required isGenericName
product_quantity int required isInt
id_tax_rules_group int isInt
unit_price_tax_incl price isPrice
unit_price_tax_excl price isPrice
total_price_tax_incl price isPrice
total_price_tax_excl price isPrice
"""

_ORDER_STATE = """
unremovable int isBool
delivery int isBool
hidden int isBool
send_email int isBool
module_name text isModuleName
invoice int isBool
color text isColor
logable int isBool
shipped int isBool
paid int isBool
pdf_delivery int isBool
pdf_invoice int isBool
deleted int isBool
name lang required max=64 isGenericName
template lang max=64
"""

_SERVICE = """
price price required isPrice
id_tax_rules_group int isUnsignedId link=tax_rule_groups
active int isBool
auto_add_to_cart int isBool
price_addition_type int isUnsignedInt
price_calculation_method int isUnsignedId
name lang required max=128 isCatalogName
"""

_CURRENCY = """
name text required max=32 isGenericName
iso_code text required max=3 isLanguageIsoCode
iso_code_num text max=3 isNumericIsoCode
blank int isInt
sign text required max=8 isGenericName
format int required isUnsignedId
decimals int required isBool
conversion_rate price required isFloat
deleted int isBool
active int isBool
"""

_LANGUAGE = """
name text required max=32 isGenericName
iso_code text required max=2 isLanguageIsoCode
language_code text max=5 isLanguageCode
active int isBool
is_rtl int isBool
date_format_lite text required max=32 isPhpDateFormat
date_format_full text required max=32 isPhpDateFormat
"""

_CONFIGURATION = """
value text
name text required max=254 isConfigName
id_shop_group int isUnsignedId
id_shop int isUnsignedId
date_add stamp isDate
date_upd stamp isDate
"""

_TAX_RULE_GROUP = """
name text required max=64 isGenericName
active int isBool
deleted int isBool
date_add stamp isDate
date_upd stamp isDate
"""


_TAX_RULE = """
id_tax_rules_group int isUnsignedId
id_state int
id_country int required isUnsignedId
zipcode_from text isPostCode
zipcode_to text isPostCode
id_tax int required isUnsignedId
behavior int isUnsignedInt
description text isString
"""

_TAX = """
rate price3 required isFloat
active int
deleted int
name lang required max=32 isGenericName
"""


_GROUP = """
reduction price2 isFloat
price_display_method int required isPriceDisplayMethod
show_prices int isBool
date_add stamp isDate
date_upd stamp isDate
name lang required max=32 isGenericName
"""


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
_DEMANDS_OF_LINE = Association("booking_extra_demands", "extra_demand", (("id", False),))


@cache
def resources(version: Version) -> dict[str, Resource]:
    """All tables that the simulator keeps, by name."""
    is_170 = version.is_170
    hotel = _HOTEL.format(
        window=_HOTEL_WINDOW_170 if is_170 else _HOTEL_WINDOW_DEV, fax="fax text isGenericName" if is_170 else ""
    )
    customer = _CUSTOMER.format(
        phone_first="" if is_170 else "phone text required",
        phone_last="phone text max=32 isPhoneNumber" if is_170 else "",
    )
    line = _ROOM_LINE.format(planned="planned_check_out stamp required" if is_170 else "")
    rate = _RATE.format(dates="" if is_170 else _RATE_DATES_DEV, days="" if is_170 else _RATE_DAYS_DEV)
    rate_associations = (_GROUPS, _RESTRICTIONS) if is_170 else (_GROUPS,)
    room_type = _ROOM_TYPE.format(selling="selling_preference_type" if is_170 else "service_product_type")
    tables = (
        Resource("hotels", "hotels", "hotel", parse_fields(hotel), _HOTEL_ASSOCIATIONS),
        Resource("room_types", "room_types", "room_type", parse_fields(room_type), _ROOM_TYPE_ASSOCIATIONS),
        Resource(
            "hotel_room_types",
            "hotel_room_types",
            "hotel_room_type",
            parse_fields(_HOTEL_ROOM_TYPE),
            (_ids("hotel_rooms", "hotel_room"),),
        ),
        Resource("hotel_rooms", "rooms", "room", parse_fields(_HOTEL_ROOM)),
        Resource("customers", "customers", "customer", parse_fields(customer), (_GROUPS,), rows_are_dicts=False),
        Resource(
            "orders",
            "orders",
            "order",
            parse_fields(_ORDER),
            (_LINES_OF_ORDER,),
            rows_are_dicts=False,
            index_order=("current_state",),
        ),
        Resource("room_bookings", "bookings", "booking", parse_fields(line), (_DEMANDS_OF_LINE,), rows_are_dicts=False),
        Resource("feature_prices", "feature_prices", "feature_price", parse_fields(rate), rate_associations),
        Resource("order_histories", "order_histories", "order_history", parse_fields(_ORDER_HISTORY)),
        Resource("order_payments", "order_payments", "order_payment", parse_fields(_ORDER_PAYMENT)),
        Resource("order_details", "order_details", "order_detail", parse_fields(_ORDER_DETAIL)),
        Resource("order_states", "order_states", "order_state", parse_fields(_ORDER_STATE)),
        Resource("services", "services", "service", parse_fields(_SERVICE)),
        Resource("extra_demands", "extra_demands", "extra_demand", parse_fields("name lang\nprice price")),
        Resource("currencies", "currencies", "currency", parse_fields(_CURRENCY)),
        Resource("languages", "languages", "language", parse_fields(_LANGUAGE)),
        Resource(
            "configurations",
            "configurations",
            "configuration",
            parse_fields(_CONFIGURATION),
            index_order=("name",),
        ),
        Resource("groups", "groups", "group", parse_fields(_GROUP)),
        Resource("tax_rules", "tax_rules", "tax_rule", parse_fields(_TAX_RULE)),
        Resource("taxes", "taxes", "tax", parse_fields(_TAX)),
        Resource("tax_rule_groups", "tax_rule_groups", "tax_rule_group", parse_fields(_TAX_RULE_GROUP)),
    )
    return {table.name: table for table in tables}


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
