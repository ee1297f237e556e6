"""Furnishes the demo's property: its shop, its OPERA with outlets and options, its people and terminals."""

import json
from collections.abc import Mapping
from pathlib import Path

import structlog

from innkeeper import bootstrap
from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
from innkeeper.access.tokens import Tokens
from innkeeper.access.users import Users
from innkeeper.channel_sync import rehearsal, runs
from innkeeper.channel_sync import repository as channel_repository
from innkeeper.channel_sync import settings as channel_settings
from innkeeper.demo.opera import HOTEL_CODE
from innkeeper.demo.outlets import PLACES, SIGNED_ABOVE
from innkeeper.demo.shop import Shop
from innkeeper.domain.errors import Conflict
from innkeeper.domain.ids import DEFAULT_PROPERTY
from innkeeper.room_charge import config as charge_config
from innkeeper.room_charge import repository as charge_repository
from innkeeper.room_charge import settings as charge_settings
from innkeeper.simulators.opera import state as opera
from innkeeper.simulators.opera.demo_hotel import OUTLET_CODES

log = structlog.get_logger(__name__)

#: Sign-ins of the demo; nobody mistakes these for secrets.
PASSWORD = "harbour-house"  # noqa: S105
PIN = "2580"
PEOPLE = {Role.SERVER: "waiter", Role.FRONT_DESK: "clerk", Role.MANAGER: "manager", Role.ADMIN: "admin"}

DESK, AUDITOR = "desk", "night auditor"

#: The hotel's seconds for which OPERA is left alone after it failed, and for which it may still be posting.
_BREAK, _SETTLES = 600.0, 1200.0


async def furnish(container: bootstrap.Container, shop: Shop) -> None:
    """Connect the shop, make rooms from its room types, go live, and let people sign in; done once for a folder."""
    await _connect_shop(container, shop)
    users = Users(container.database)
    for role, name in PEOPLE.items():
        pin = PIN if role is Role.SERVER else None
        try:
            await users.add(Caller.system("demo"), name, role, password=PASSWORD, pin=pin)
        except Conflict:
            log.debug("user is there already", user=name)


async def _connect_shop(container: bootstrap.Container, shop: Shop) -> None:
    channels = container.channels
    await channel_settings.save(
        channels,
        DEFAULT_PROPERTY,
        {
            "base_url": shop.url,
            "api_key": shop.key,
            "qloapps_hotel_id": 1,
            "sync_interval_minutes": 5,
            "requests_per_minute": 600,  # the shop is on this machine
        },
    )
    async with container.database.read() as session:
        known = await channel_repository.room_type_mappings(session, DEFAULT_PROPERTY)
    if not known:
        await runs.run_now(channels, DEFAULT_PROPERTY, runs.Request(what="room-types", create_missing=True))
    async with container.database.read() as session:
        settings = await channel_repository.config(session, DEFAULT_PROPERTY)
    if settings is not None and settings.mode == "rehearsal":
        await rehearsal.go_live(channels, DEFAULT_PROPERTY, "live", "demo")


async def connect_opera(container: bootstrap.Container, url: str, speed: float) -> None:
    """Let room charge post to the simulated OPERA. What a viewer changed in options and outlets stays."""
    systems, by = container.systems, Caller.system("demo")
    async with container.database.read() as session:
        known = await charge_repository.config(session, DEFAULT_PROPERTY)
    connection = charge_settings.Connection.model_validate(
        {
            "pms_type": "opera",
            "api_url": url,
            "property_code": HOTEL_CODE,
            # the hotel's time runs fast, so waiting for OPERA must be as much shorter
            "breaker_seconds": min(15.0, max(0.5, _BREAK / speed)),
            "settle_seconds": min(60.0, max(1.0, _SETTLES / speed)),
            "credentials": {
                "client_id": opera.CLIENT_ID,
                "client_secret": opera.CLIENT_SECRET,
                "app_key": opera.APP_KEY,
                "scope": opera.SCOPE,
                "enterprise_id": opera.ENTERPRISE_ID,
                "cashier_id": str(opera.CASHIER_ID),
            },
        }
    )
    blocks = {} if known is not None and known.pms_type == "opera" else _options()
    await charge_config.save(systems, by, DEFAULT_PROPERTY, connection, blocks, None)
    if blocks:
        outlets = [one.model_copy(update={"pms_codes": OUTLET_CODES[one.code]}) for one in charge_settings.OUTLETS]
        await charge_config.save_outlets(systems, by, DEFAULT_PROPERTY, outlets)


def _options() -> Mapping[str, charge_settings.Block]:
    return {
        "posting": charge_settings.Posting(require_signature=True, signature_threshold=SIGNED_ABOVE),
        "verification": charge_settings.Verification(show_folio_balance=True),
        "retry": charge_settings.Retry(max_attempts=10, interval_minutes=1),
        # by the machine's clock, while the demo has its own: there the night auditor compares
        "reconciliation": charge_settings.Reconciling(auto_reconcile=False),
        "restrictions": charge_settings.Restrictions(
            allowed_outlets=tuple(place.code for place in PLACES),
            default_credit_limit=700,
            room_credit_limits={"501": 2000, "502": 2000, "503": 2000},
        ),
    }


async def terminals(container: bootstrap.Container, folder: Path) -> Mapping[str, str]:
    """Return the tokens of the desk, the outlets and the night auditor by name, the same ones at every start."""
    wanted = {DESK: Role.ADMIN, AUDITOR: Role.MANAGER, **{place.code: Role.SERVER for place in PLACES}}
    path = folder / "demo-tokens.json"
    kept: dict[str, str] = json.loads(path.read_text()) if path.is_file() else {}
    tokens = Tokens(container.database)
    for name, role in wanted.items():
        if name not in kept or await tokens.verify(kept[name]) is None:
            _, kept[name] = await tokens.create(Caller.system("demo"), name, role)
    path.touch(mode=0o600)
    path.write_text(json.dumps(kept))
    return kept
