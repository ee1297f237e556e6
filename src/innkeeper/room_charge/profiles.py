"""Brings over what the point of sale may know of a guest: the fields that the property chose, and no others."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.domain.charge import GuestProfile, Preference
from innkeeper.domain.errors import NotFound
from innkeeper.domain.ids import new_id
from innkeeper.domain.outcome import Done, Later, Outcome, Refused
from innkeeper.room_charge import lookup, repository
from innkeeper.room_charge.connection import Link
from innkeeper.room_charge.errors import PmsAway, Refusal
from innkeeper.room_charge.profile_queue import EVERY
from innkeeper.room_charge.settings import ProfileSync
from innkeeper.room_charge.tables import LocalProfile

#: Words in the names of a PMS's groups of preferences, by what the specification calls them.
_GROUPS: Mapping[str, Sequence[str]] = {
    "dietary_restrictions": ("diet", "food", "meal"),
    "seating_preferences": ("seat", "table"),
    "favorite_items": ("fav", "like", "drink", "item"),
}
#: What stands in a field that does not come over.
_BLANKS: Mapping[str, Any] = {
    "name": "",
    "email": None,
    "phone": None,
    "vip_level": None,
    "loyalty_number": None,
    "preferences": [],
    "allergies": [],
}
_LENGTHS = {"name": 200, "email": 254, "phone": 50, "vip_level": 50, "loyalty_number": 100}


async def fetch(link: Link, guest_id: str) -> dict[str, Any]:
    """Return a guest's profile, kept here too where the property says so; the kept one while the PMS is away.

    With loyalty numbers linked, likes and allergies are also those that another profile with the same number holds.
    Raises Refusal where profiles are switched off or the PMS refuses, NotFound, PmsAway.
    """
    options = link.options.guest_profile_sync
    if not options.enabled:
        raise Refusal("NOT_SUPPORTED", message="Guest profiles are switched off.")
    outcome = await link.connector.guest_profile(guest_id)
    if isinstance(outcome, Done):
        if outcome.value is None:
            raise NotFound("The PMS does not know this guest.")
        values = chosen(outcome.value, options)
        if options.create_local_profile:
            await _keep(link, guest_id, values)
        linked = await _linked(link, guest_id, values)
        return {"guest_id": guest_id, **values, **linked, "synced_at": link.now().isoformat(), "fresh": True}
    if isinstance(outcome, Refused):
        lookup.refuse(outcome)
    async with link.database.read() as session:
        row = await repository.profile(session, link.property_id, guest_id)
    if row is None:
        raise PmsAway(outcome.reason)
    kept = _allowed(row, options)
    linked = await _linked(link, guest_id, kept)
    return {"guest_id": guest_id, **kept, **linked, "synced_at": row.synced_at.isoformat(), "fresh": False}


async def sync(link: Link, guest_id: str) -> Outcome[str]:
    """Bring a guest's profile over, unless that was done lately or the property does not want it."""
    options = link.options.guest_profile_sync
    if not options.enabled or not options.create_local_profile:
        return Done("switched off")
    async with link.database.read() as session:
        row = await repository.profile(session, link.property_id, guest_id)
    if row is not None and link.now() - row.synced_at < EVERY:
        return Done("known")
    outcome = await link.connector.guest_profile(guest_id)
    if isinstance(outcome, Refused):
        return Done(f"refused: {outcome.code}")
    if not isinstance(outcome, Done):
        return Later(outcome.reason, code="CONNECTION_FAILED")
    if outcome.value is None:
        return Done("the PMS does not know this guest")
    await _keep(link, guest_id, chosen(outcome.value, options))
    return Done("brought over")


async def forget_unwanted(session: AsyncSession, property_id: UUID, options: ProfileSync) -> None:
    """Take out of the profiles that are kept what the property does not want to have any more."""
    if not options.enabled or not options.create_local_profile:
        await repository.delete_profiles(session, property_id)
        return
    blanks = {name: blank for name, blank in _BLANKS.items() if name not in _kept_fields(options)}
    if blanks:
        await repository.blank_profiles(session, property_id, blanks)


def _kept_fields(options: ProfileSync) -> set[str]:
    return {name for name in options.sync_fields if name != "loyalty_number" or options.link_to_loyalty}


def _allowed(row: LocalProfile, options: ProfileSync) -> dict[str, Any]:
    """Return of what is kept what may be told by now."""
    kept = _kept_fields(options)
    values: dict[str, Any] = {name: getattr(row, name) if name in kept else None for name in options.sync_fields}
    if "preferences" in values:
        values["preferences"] = [one for one in row.preferences if one["kind"] in ("", *options.preferences_import)]
    return values


async def _linked(link: Link, guest_id: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return who else the guest is by the loyalty number, and likes and allergies with theirs added."""
    number, options = values.get("loyalty_number"), link.options.guest_profile_sync
    if not number:
        return {"linked_guest_ids": []}
    async with link.database.read() as session:
        others = await repository.profiles_of_loyalty(session, link.property_id, number, guest_id)
    found: dict[str, Any] = {"linked_guest_ids": [one.pms_guest_id for one in others]}
    theirs = [_allowed(one, options) for one in others]
    for name in ("preferences", "allergies"):
        if name in values:
            mine = list(values[name])
            for one in theirs:
                mine += [each for each in one[name] if each not in mine]
            found[name] = mine
    return found


def chosen(profile: GuestProfile, options: ProfileSync) -> dict[str, Any]:
    """Return the fields that may come over; the loyalty number only where it is to be linked."""
    values: dict[str, Any] = {
        "name": profile.name,
        "email": profile.email or None,
        "phone": profile.phone or None,
        "vip_level": profile.vip_level or None,
        "preferences": _wanted(profile.preferences, options.preferences_import, profile.allergies),
        "allergies": list(profile.allergies),
        "loyalty_number": profile.loyalty_number or None if options.link_to_loyalty else None,
    }
    return {name: values[name] for name in options.sync_fields}


def _wanted(
    preferences: Iterable[Preference], imported: Sequence[str], allergies: Sequence[str]
) -> list[dict[str, str]]:
    found = []
    for one in preferences:
        text = one.description or one.code
        kind = next((name for name in imported if _is_of(one.group, name)), None)
        if text not in allergies and (kind is not None or not one.group):
            found.append({"kind": kind or "", "description": text})
    return found


def _is_of(group: str, name: str) -> bool:
    words = _GROUPS.get(name, (name,))
    return any(word in group.casefold() for word in words)


async def _keep(link: Link, guest_id: str, values: Mapping[str, Any]) -> None:
    async with link.database.write() as tx:
        row = await repository.profile(tx.session, link.property_id, guest_id)
        if row is None:
            row = LocalProfile(id=new_id(), property_id=link.property_id, pms_guest_id=guest_id)
            row.preferences, row.allergies = [], []
            tx.session.add(row)
        for name, value in {**_BLANKS, **values}.items():
            most = _LENGTHS.get(name)
            setattr(row, name, value[:most] if most and value else value)
        row.name = row.name or ""
        row.synced_at = link.now()
