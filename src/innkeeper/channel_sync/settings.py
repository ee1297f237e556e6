"""The settings of a property's connection: checked at the door, encrypted where they are secret, tested on request."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from innkeeper.channel_sync import ari_repository, ari_work, repository, watch
from innkeeper.channel_sync.conflicts import Policy
from innkeeper.channel_sync.connection import Channels
from innkeeper.channel_sync.contacts import INBOUND, note_contact, open_link
from innkeeper.channel_sync.states import ROOM_FIELDS
from innkeeper.channel_sync.tables import Config
from innkeeper.channel_sync.work import queue_check, queue_scheduled
from innkeeper.domain.channel import BrokerFacts
from innkeeper.domain.errors import FieldError, Invalid
from innkeeper.domain.outcome import Done, Outcome, Refused
from innkeeper.house import properties
from innkeeper.storage.database import Tx
from innkeeper.storage.secrets import Keyring, SecretUnreadable

#: QloApps refuses a key of any other length before it looks at it.
KEY = re.compile(r"[A-Za-z0-9]{32}")
_URL = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")

#: What QloApps takes for a phone number, with some digits in it.
_PHONE = re.compile(r"(?=(?:\D*\d){5})[+0-9. ()/-]{5,32}")

#: The facts that a policy can be given for; `default` is for all the others.
POLICY_FACTS = ("default", *ROOM_FIELDS)

MIN_INTERVAL, MAX_INTERVAL = 5, 60

#: Fields of the API that are columns of the table and may be set.
SETTABLE = frozenset(
    (
        "base_url",
        "qloapps_hotel_id",
        "sync_interval_minutes",
        "sync_enabled",
        "sync_reservations_inbound",
        "sync_reservations_outbound",
        "sync_availability",
        "sync_rates",
        "requests_per_minute",
        "timeout_seconds",
        "guest_match_threshold",
        "phone_placeholder",
        "log_retention_days",
        "log_retention_rows",
        "personal_data_days",
    )
)

#: What sends to the shop when it is on.
_SWITCHES = ("sync_enabled", "sync_reservations_outbound", "sync_availability", "sync_rates")

#: What leads to the shop; whoever changes it wants to know at once whether it is right now.
_CONNECTION = frozenset(("base_url", "api_key", "qloapps_hotel_id"))


async def save(channels: Channels, property_id: UUID, values: Mapping[str, Any]) -> Config:
    """Make or change the connection. Raises Invalid naming each field that is wrong.

    Another shop or hotel begins with a new rehearsal and a new cursor, since nothing that was agreed holds there.
    """
    values = {name: value for name, value in values.items() if value is not None}
    async with channels.database.write() as tx:
        await properties.get(tx.session, property_id)
        config = await repository.config(tx.session, property_id)
        errors = _check(values, config)
        if errors:
            raise Invalid("; ".join(error.message for error in errors), errors=errors)
        if config is None:
            config = Config(property_id=property_id)
            tx.session.add(config)
        before = (config.base_url, config.qloapps_hotel_id)
        off = {name for name in _SWITCHES if not getattr(config, name)}
        for name in SETTABLE & values.keys():
            setattr(config, name, values[name])
        if "base_url" in values:
            config.base_url = plain_address(values["base_url"])
        if "api_key" in values:
            config.api_key_encrypted = channels.keyring.encrypt(values["api_key"])
        if "conflict_policy" in values:
            config.conflict_policy = _policies(values["conflict_policy"])
        if before[0] is not None and before != (config.base_url, config.qloapps_hotel_id):
            config.mode, config.approved_plan = "rehearsal", None
            config.approved_at = config.approved_by = None
            await repository.forget_cursor(tx.session, property_id)
            await ari_repository.distrust_all(tx.session, property_id)
            config.shop_facts = {}
        if before[0] is not None and _CONNECTION & values.keys() and config.sync_enabled:
            await queue_check(tx, property_id)
        await tx.session.flush()
        await tx.session.refresh(config)
        if config.mode == "live" and config.sync_enabled and any(getattr(config, name) for name in off):
            await catch_up(tx, config)
        return config


async def catch_up(tx: Tx, config: Config) -> None:
    """Send at once what was not sent before sending began: until then the shop may sell what is gone here."""
    await ari_work.queue_catch_up(tx, config)
    await queue_scheduled(tx, config.property_id)


def plain_address(base_url: str) -> str:
    """Return the shop's address without a slash at its end and without /api, which we add ourselves."""
    address = base_url.strip().rstrip("/")
    return address.removesuffix("/api")


async def test_connection(channels: Channels, property_id: UUID) -> Outcome[BrokerFacts]:
    """Ask the shop who it is and what the key may do, and keep what it said. Raises NotFound when not connected."""
    try:
        link = await open_link(channels, property_id, INBOUND)
    except SecretUnreadable as error:
        return Refused(error.code, f"{error.detail} {error.action}")
    answer = await link.connector.describe()
    async with channels.database.write() as tx:
        await note_contact(tx, link, answer, INBOUND)
        if isinstance(answer, Done):
            await watch.note_facts(tx, link, answer.value)
    return answer


def findings(facts: BrokerFacts, currency: str, timezone: str) -> list[str]:
    """Return what does not fit between the shop and the house, in sentences for a person."""
    sentences = [
        f"The key may not {permission.method} {permission.resource}: grant it under "
        "Advanced Parameters > Webservice in the shop's back office."
        for permission in facts.missing_permissions
    ]
    if facts.currency != currency:
        sentences.append(f"The shop sells in {facts.currency} and the house keeps its books in {currency}.")
    if facts.timezone != timezone:
        sentences.append(f"The shop's clock is in {facts.timezone} and the house's in {timezone}.")
    if abs(facts.clock_skew_seconds) > watch.SKEW_WORTH_A_WORD:
        minutes = round(facts.clock_skew_seconds / 60)
        sentences.append(f"The shop's clock is {minutes} minutes off; correct the time of its server.")
    return [*sentences, *facts.warnings]


async def rotate_secrets(channels: Channels, keyring: Keyring) -> int:
    """Encrypt every stored key with the newest key of the ring; return how many. Raises SecretUnreadable."""
    async with channels.database.write() as tx:
        configs = await repository.all_configs(tx.session)
        for config in configs:
            config.api_key_encrypted = keyring.rotate(config.api_key_encrypted)
        return len(configs)


def _check(values: Mapping[str, Any], config: Config | None) -> list[FieldError]:
    errors = []
    if config is None:
        errors += [
            FieldError(name, f"{name} is needed to connect a QloApps.")
            for name in ("base_url", "api_key", "qloapps_hotel_id")
            if name not in values
        ]
    if "base_url" in values and not _URL.fullmatch(values["base_url"].strip()):
        errors.append(
            FieldError("base_url", "Write the shop's address as https://shop.example, without user, query or fragment.")
        )
    elif config is not None and "api_key" not in values and _leads_elsewhere(values, config):
        errors.append(
            FieldError("api_key", "This is another server: enter the key for it too; the stored one is not sent there.")
        )
    if "api_key" in values and not KEY.fullmatch(values["api_key"]):
        errors.append(
            FieldError("api_key", "A QloApps key has exactly 32 letters and digits; copy it from the back office.")
        )
    errors += _check_ranges(values)
    if "phone_placeholder" in values and not _PHONE.fullmatch(values["phone_placeholder"]):
        errors.append(
            FieldError(
                "phone_placeholder", "Write a phone number of five digits or more, as 0000000000 or +39 06 12345."
            )
        )
    return errors + _check_policies(values.get("conflict_policy", {}))


def _leads_elsewhere(values: Mapping[str, Any], config: Config) -> bool:
    """Whether the address names another server than the one the stored key is for, or would send it in the clear."""
    if "base_url" not in values:
        return False
    before, after = urlsplit(config.base_url), urlsplit(plain_address(values["base_url"]))
    unveiled = (before.scheme, after.scheme) == ("https", "http")
    return before.netloc.casefold() != after.netloc.casefold() or unveiled


def _check_policies(given: str | Mapping[str, str]) -> list[FieldError]:
    """Return what is wrong with a policy for everything, or with policies fact by fact."""
    asked = {"": given} if isinstance(given, str) else given
    words = [str(policy) for policy in Policy]
    errors = []
    for name, word in asked.items():
        field = f"conflict_policy.{name}" if name else "conflict_policy"
        if name and name not in POLICY_FACTS:
            errors.append(FieldError(field, f"{name} is no fact of a booking; choose of {', '.join(POLICY_FACTS)}."))
        elif word not in words:
            errors.append(FieldError(field, f"{word!r} is no policy; it is one of {', '.join(words)}."))
    return errors


_RANGES: Sequence[tuple[str, int, int]] = (
    ("qloapps_hotel_id", 1, 2**31 - 1),
    ("sync_interval_minutes", MIN_INTERVAL, MAX_INTERVAL),
    ("requests_per_minute", 1, 100_000),
    ("timeout_seconds", 1, 300),
    ("log_retention_days", 1, 3650),
    ("log_retention_rows", 100, 10_000_000),
    ("personal_data_days", 1, 3650),
    ("guest_match_threshold", 0, 1),
)


def _check_ranges(values: Mapping[str, Any]) -> list[FieldError]:
    return [
        FieldError(name, f"{name} must be between {least} and {most}.")
        for name, least, most in _RANGES
        if name in values and not least <= values[name] <= most
    ]


def _policies(value: str | Mapping[str, str]) -> dict[str, str]:
    """Return the checked policies as they are kept."""
    if isinstance(value, str):
        return {"default": str(Policy(value))}
    return {"default": str(Policy.NEWEST), **{name: str(Policy(word)) for name, word in value.items()}}
