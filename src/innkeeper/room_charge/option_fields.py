"""Every option of room charge with its label and one sentence on what it does; the names are the specification's."""

from collections.abc import Mapping, Sequence
from typing import get_args

from innkeeper.room_charge.settings import PMS_TYPES, ProfileField
from innkeeper.web.settings_forms import Field, Group

PMS_NAMES: Mapping[str, str] = {
    "house": "The house's own folios",
    "opera": "OPERA Cloud",
    "mews": "Mews",
    "cloudbeds": "Cloudbeds",
    "stayntouch": "StayNTouch",
    "protel": "protel",
    "infor_hms": "Infor HMS",
    "htng": "HTNG 2.0",
    "fias": "FIAS",
    "apaleo": "apaleo",
}
_WORDS = {
    "name": "Name",
    "email": "E-mail",
    "phone": "Phone",
    "vip_level": "VIP level",
    "preferences": "Preferences",
    "allergies": "Allergies",
    "loyalty_number": "Loyalty number",
}

CONNECTION = Group(
    "connection",
    "Connection",
    (
        Field(
            "connection.pms_type",
            "PMS",
            "Which system keeps the guests' folios.",
            "choice",
            tuple((kind, PMS_NAMES[kind]) for kind in PMS_TYPES),
        ),
        Field("connection.api_url", "Address", "Where the PMS answers; its portal shows it."),
        Field("connection.property_code", "Property code", "What the PMS calls this hotel.", longest=50),
        Field(
            "connection.timeout_seconds",
            "Patience",
            "How long an answer may take before the charge is put in doubt and asked for.",
            "number",
            unit="seconds",
        ),
    ),
)


def _secret(name: str, label: str, sentence: str) -> Field:
    return Field(f"connection.credentials.{name}", label, sentence, "secret")


#: What each PMS wants to know of us. For the others `OTHER_CREDENTIALS` takes whatever its vendor handed out.
CREDENTIALS: Mapping[str, Sequence[Field]] = {
    "house": (),
    "opera": (
        Field(
            "connection.credentials.grant_type",
            "Way of signing in",
            "How the environment lets integrations in; the portal says which.",
            "choice",
            (
                ("", "As it is kept"),
                ("client_credentials", "Client credentials"),
                ("password", "Password of an integration user"),
            ),
        ),
        _secret("client_id", "Client id", "Of the application in the Oracle portal."),
        _secret("client_secret", "Client secret", "Of the same application."),
        _secret("app_key", "Application key", "Sent with every call."),
        _secret("scope", "Scope", "For client credentials: what the token may be used for."),
        _secret("enterprise_id", "Enterprise id", "For client credentials: the chain's id."),
        _secret("username", "User", "For the password way: the integration user."),
        _secret("password", "Password", "For the password way: its password."),
        _secret("cashier_id", "Cashier", "The number of the cashier that postings are made under."),
    ),
    "mews": (
        _secret("client_token", "Client token", "Tells Mews which integration this is."),
        _secret("access_token", "Access token", "Tells Mews which hotel this is."),
        Field("connection.credentials.client", "Client name", "Name and version that Mews logs for our calls."),
    ),
    "cloudbeds": (
        _secret("api_key", "API key", "From the property's API credentials."),
        Field("connection.credentials.property_id", "Property id", "The number of the property at Cloudbeds."),
    ),
}
OTHER_CREDENTIALS = Field(
    "connection.credentials",
    "Credentials",
    "One on each line, as name = value; what is typed replaces those of the same name.",
    "lines",
    longest=5000,
)
EXTRA = Field(
    "connection.extra",
    "Further options of this connector",
    'Options that only this PMS has, as JSON, such as {"apply_routing": true}; the connector\'s page in the docs lists '
    "them.",
    "lines",
    longest=5000,
)

GROUPS = (
    Group(
        "posting",
        "Posting",
        (
            Field(
                "posting.auto_post", "Post at once", "Switched off, charges wait in the queue until released.", "switch"
            ),
            Field(
                "posting.require_signature",
                "Ask for a signature",
                "The guest signs on the terminal when the charge is above the threshold.",
                "switch",
            ),
            Field(
                "posting.signature_threshold",
                "Signature above",
                "Charges up to this amount need no signature.",
                "number",
            ),
            Field(
                "posting.include_itemized",
                "Send each line of the check",
                "The folio shows what was eaten; otherwise one line a check.",
                "switch",
            ),
            Field(
                "posting.tip_as_separate_line",
                "Tip on its own line",
                "Tips are posted beside the check; otherwise they are part of it.",
                "switch",
            ),
        ),
    ),
    Group(
        "verification",
        "Verification",
        (
            Field(
                "verification.require_name_confirm",
                "Confirm the guest's name",
                "The waiter must say that the guest gave the name on the screen.",
                "switch",
            ),
            Field(
                "verification.allow_key_card_lookup",
                "Find the room by key card",
                "A card reader at the terminal may stand in for the room number.",
                "switch",
            ),
            Field(
                "verification.show_folio_balance",
                "Show amounts to servers",
                "Switched off, servers see yes or no and never the guest's balance.",
                "switch",
            ),
        ),
    ),
    Group(
        "retry",
        "Trying again",
        (
            Field("retry.enabled", "Try again by itself", "Charges that could not be posted are sent again.", "switch"),
            Field("retry.max_attempts", "At most", "After so many tries a manager decides.", "number", unit="times"),
            Field("retry.interval_minutes", "Every", "How long to wait between two tries.", "number", unit="minutes"),
            Field(
                "retry.alert_on_failure", "Tell somebody", "An alert goes out when the last try has failed.", "switch"
            ),
        ),
    ),
    Group(
        "reconciliation",
        "Reconciliation",
        (
            Field(
                "reconciliation.auto_reconcile",
                "Compare every night",
                "The day is compared with the PMS by itself.",
                "switch",
            ),
            Field("reconciliation.reconcile_time", "At", "On the hotel's own clock.", "time"),
            Field(
                "reconciliation.alert_on_variance",
                "Tell somebody",
                "An alert goes out when the day does not balance.",
                "switch",
            ),
        ),
    ),
    Group(
        "restrictions",
        "Restrictions",
        (
            Field(
                "restrictions.block_if_credit_exceeded",
                "Refuse above the credit limit",
                "The front desk may still override it for one charge.",
                "switch",
            ),
            Field(
                "restrictions.block_if_checkout_today",
                "Refuse on the day of departure",
                "So that nothing arrives after the bill is paid.",
                "switch",
            ),
            Field(
                "restrictions.default_credit_limit",
                "Credit limit",
                "Stands in where the PMS tells none; empty means no limit.",
                "number",
            ),
            Field(
                "restrictions.allowed_outlets",
                "Outlets that may charge rooms",
                "Their codes, one on each line; an outlet that is not here cannot charge a room.",
                "lines",
            ),
            Field(
                "restrictions.room_credit_limits",
                "Credit limits of single rooms",
                "One on each line, as 412 = 500.00; they go before the general limit.",
                "lines",
                longest=5000,
            ),
            Field(
                "restrictions.blocked_rooms",
                "Rooms that may not be charged",
                "Their numbers, one on each line.",
                "lines",
                longest=5000,
            ),
        ),
    ),
    Group(
        "guest_profile_sync",
        "Guest profiles",
        (
            Field(
                "guest_profile_sync.enabled", "Bring profiles over", "Guests of the PMS become known here.", "switch"
            ),
            Field(
                "guest_profile_sync.create_local_profile",
                "Make a profile here",
                "A guest who is looked up for the first time gets a profile of his own.",
                "switch",
            ),
            Field(
                "guest_profile_sync.link_to_loyalty",
                "Link by loyalty number",
                "The same number at two stays means the same guest.",
                "switch",
            ),
            Field(
                "guest_profile_sync.sync_fields",
                "What comes over",
                "Only these facts are kept here.",
                "checks",
                tuple((name, _WORDS[name]) for name in get_args(ProfileField)),
            ),
            Field(
                "guest_profile_sync.preferences_import",
                "Kinds of preferences",
                "Which preferences of the PMS are read, one on each line, as dietary_restrictions.",
                "lines",
            ),
        ),
    ),
)

#: The codes that a PMS has for an outlet's lines.
PMS_CODES = ("charge", "tip", "tax", "service_charge", "delivery_charge")

OUTLET = (
    Field("code", "Code", "What the point of sale sends; short, as REST.", longest=20),
    Field("name", "Name", "As waiters and reports say it.", longest=100),
    Field("revenue_center", "Revenue centre", "The account that its revenue belongs to.", longest=50),
    Field("posting_description", "On the folio", "The words that the guest reads on the bill.", longest=100),
    Field(
        "delivery_charge", "Delivery charge", "Added to each check, as for room service; empty means none.", "number"
    ),
    Field("auto_post", "Post at once", "Switched off, its charges wait in the queue until released.", "switch"),
    Field(
        "printer",
        "Receipt printer",
        "Where receipts are printed, as tcp://192.168.1.50:9100; empty means none.",
        longest=200,
    ),
    Field("printer_width", "Printer width", "How many letters fit on a line of it.", "number", unit="letters"),
    Field("is_active", "Open", "A closed outlet charges nothing and keeps its history.", "switch"),
    *(
        Field(
            f"pms_codes.{name}",
            f"PMS code: {name.replace('_', ' ')}",
            "The PMS's own code for this line; empty takes the PMS's usual one.",
            longest=50,
        )
        for name in PMS_CODES
    ),
    Field(
        "pms_codes.more",
        "Further PMS codes",
        "One on each line, as name = code, such as cashier = 12.",
        "lines",
        longest=2000,
    ),
)
