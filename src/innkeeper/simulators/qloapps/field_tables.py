"""The fields of every resource as tables, in the order and with the rules of the schemas [042] - [330]."""

HOTEL = """
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
HOTEL_WINDOW_170 = """
use_global_max_checkout_offset int
max_checkout_offset text
use_global_min_booking_offset int
min_booking_offset text
"""
HOTEL_WINDOW_DEV = """
use_global_max_order_date int
max_order_date day
use_global_preparation_time int
preparation_time day
"""

ROOM_TYPE = """
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

HOTEL_ROOM_TYPE = """
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

HOTEL_ROOM = """
id_product int isUnsignedId link=products
id_hotel int fixed isUnsignedId link=hotels
room_num text
id_status int isUnsignedInt
floor text
comment text
date_add stamp isDate
date_upd stamp isDate
"""

CUSTOMER = """
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

ORDER = """
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

ROOM_LINE = """
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

CART = """
id_currency int required isUnsignedId link=currencies
id_customer int isUnsignedId link=customers
id_guest int isUnsignedId link=guests
id_lang int required isUnsignedId link=languages
id_address_delivery int isUnsignedId
id_address_invoice int isUnsignedId
secure_key text max=32
is_advance_payment int isUnsignedId
date_add stamp isDate
date_upd stamp isDate
"""

RATE = """
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
RATE_DATES_DEV = "date_from day required isDate\ndate_to day isDate"
RATE_DAYS_DEV = """
is_special_days_exists int required
date_selection_type int required isUnsignedId
special_days null isString
"""

ORDER_HISTORY = """
id_employee int isUnsignedId
id_order_state int required isUnsignedId link=order_states
id_order int required isUnsignedId link=orders
date_add stamp isDate
"""

ORDER_PAYMENT = """
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

ORDER_DETAIL = """
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

ORDER_STATE = """
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

SERVICE = """
price price required isPrice
id_tax_rules_group int isUnsignedId link=tax_rule_groups
active int isBool
auto_add_to_cart int isBool
price_addition_type int isUnsignedInt
price_calculation_method int isUnsignedId
name lang required max=128 isCatalogName
"""

CURRENCY = """
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

LANGUAGE = """
name text required max=32 isGenericName
iso_code text required max=2 isLanguageIsoCode
language_code text max=5 isLanguageCode
active int isBool
is_rtl int isBool
date_format_lite text required max=32 isPhpDateFormat
date_format_full text required max=32 isPhpDateFormat
"""

CONFIGURATION = """
value text
name text required max=254 isConfigName
id_shop_group int isUnsignedId
id_shop int isUnsignedId
date_add stamp isDate
date_upd stamp isDate
"""

TAX_RULE_GROUP = """
name text required max=64 isGenericName
active int isBool
deleted int isBool
date_add stamp isDate
date_upd stamp isDate
"""


TAX_RULE = """
id_tax_rules_group int isUnsignedId
id_state int
id_country int required isUnsignedId
zipcode_from text isPostCode
zipcode_to text isPostCode
id_tax int required isUnsignedId
behavior int isUnsignedInt
description text isString
"""

TAX = """
rate price3 required isFloat
active int
deleted int
name lang required max=32 isGenericName
"""


GROUP = """
reduction price2 isFloat
price_display_method int required isPriceDisplayMethod
show_prices int isBool
date_add stamp isDate
date_upd stamp isDate
name lang required max=32 isGenericName
"""
