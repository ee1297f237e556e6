"""Adds users, changes what they may do, and checks that a person is who they say."""

import re
from uuid import UUID

from innkeeper.access import audit, repository, throttle
from innkeeper.access.caller import SYSTEM_ID, Caller, Via
from innkeeper.access.passwords import Passwords, check_password, check_pin
from innkeeper.access.properties import KnowsProperty, knows_every, need_known
from innkeeper.access.roles import PIN_ROLES, Role
from innkeeper.access.tables import UserRow
from innkeeper.domain.errors import Conflict, Invalid, NotFound, NotSignedIn, RuleRefused
from innkeeper.storage.database import Database, Tx

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,78}[a-z0-9])?")

#: One sentence for every way in which a sign-in fails, so that it tells nothing about the name.
_WRONG = "The name or the password is not right."
_WRONG_PIN = "The name or the PIN is not right, or this person signs in with a password."


class Users:
    """The people of an installation."""

    def __init__(
        self, database: Database, passwords: Passwords | None = None, knows_property: KnowsProperty = knows_every
    ) -> None:
        self._database = database
        self._passwords = passwords or Passwords()
        self._knows_property = knows_property

    async def add(
        self,
        by: Caller,
        name: str,
        role: Role,
        *,
        password: str | None = None,
        pin: str | None = None,
        property_id: UUID | None = None,
    ) -> UserRow:
        """Add a user; without a password or PIN nobody can sign in as them yet. `property_id` None: all properties.

        Raises Invalid for a bad name, password, PIN or property, Conflict when the name is taken, NotAllowed when `by`
        works for one property and the user would not.
        """
        by.need_property(property_id)
        user = UserRow(name=check_name(name), role=role.value, property_id=property_id, active=True)
        user.password_hash = await self._passwords.hash(check_password(password)) if password is not None else None
        user.pin_hash = await self._passwords.hash(_check_pin_for(role, pin)) if pin is not None else None
        async with self._database.write() as tx:
            await need_known(tx.session, property_id, self._knows_property)
            if await repository.user_by_name(tx.session, user.name):
                raise Conflict(
                    f"There is a user named {user.name} already.",
                    code="NAME_TAKEN",
                    action="Choose another name, or change the user who has it.",
                )
            tx.session.add(user)
            await tx.session.flush()
            detail = {"name": user.name, "role": role.value}
            await audit.record(tx, by, "user.added", "user", user.id, detail, property_id=property_id)
        return user

    async def change(
        self,
        by: Caller,
        user_id: UUID,
        *,
        role: Role,
        property_id: UUID | None,
        active: bool,
        password: str | None = None,
        pin: str | None = None,
    ) -> None:
        """Give the user a role, a property (None: all) and a state, all at once.

        A password or PIN of None stays, an empty PIN is taken away. One who is not active, or has a new password, is
        signed out everywhere. Raises Invalid, NotFound, NotAllowed, and RuleRefused when no administrator would be
        left or the role may not have a PIN.
        """
        by.need_property(property_id)
        password_hash = await self._passwords.hash(check_password(password)) if password is not None else None
        pin_hash = await self._passwords.hash(_check_pin_for(role, pin)) if pin else None
        async with self._database.write() as tx:
            user = await self._require(tx, by, user_id)
            if property_id != user.property_id:
                await need_known(tx.session, property_id, self._knows_property)
            stays_admin = role is Role.ADMIN and active and property_id is None
            if user.role == Role.ADMIN.value and user.property_id is None and user.active and not stays_admin:
                await _need_another_admin(tx, user.id)
            user.role, user.property_id, user.active = role.value, property_id, active
            if pin == "" or role not in PIN_ROLES:
                user.pin_hash = None
            detail = {"role": role.value, "property_id": property_id, "active": active}
            await audit.record(tx, by, "user.changed", "user", user.id, detail, property_id=property_id)
            if pin_hash is not None:
                await self._replace_pin(tx, by, user, pin_hash)
            if password_hash is not None:
                await self._replace_password(tx, by, user, password_hash)
            if not active:
                await repository.delete_sessions_of(tx.session, user.id)

    async def set_password(self, by: Caller, user_id: UUID, password: str) -> None:
        """Set a new password, sign the user out everywhere and lift the locks. Raises Invalid, NotFound."""
        hashed = await self._passwords.hash(check_password(password))
        async with self._database.write() as tx:
            await self._replace_password(tx, by, await self._require(tx, by, user_id), hashed)

    async def set_pin(self, by: Caller, user_id: UUID, pin: str) -> None:
        """Set a PIN. Raises Invalid, NotFound, RuleRefused for a role that may not have one."""
        hashed = await self._passwords.hash(check_pin(pin))
        async with self._database.write() as tx:
            user = await self._require(tx, by, user_id)
            _check_pin_for(Role(user.role), pin)
            await self._replace_pin(tx, by, user, hashed)

    async def change_own_password(self, by: Caller, current: str, new: str, *, host: str) -> UserRow:
        """Change the password of the person who is signed in. Raises Invalid when `current` is wrong."""
        check_password(new, "new")
        try:
            user = await self.verify_password(by.name, current, host=host)
        except NotSignedIn:
            raise Invalid.field("current", "This is not your present password.") from None
        await self.set_password(by, user.id, new)
        return user

    async def verify_password(self, name: str, password: str, *, host: str) -> UserRow:
        """Return the active user with this name and password.

        Raises NotSignedIn, always with the same words, and TooManyAttempts, which names that do not exist get too.
        """
        name = normalise_name(name)
        subjects = (throttle.name_with_password(name), throttle.address(host))
        user = await self._attempt(name, subjects)
        stored = user.password_hash if user else None
        matched = await self._passwords.matches(stored, password)
        if user is None or stored is None or not matched:
            await self._failed(name, "password")
            raise NotSignedIn(_WRONG, code="WRONG_SIGN_IN", action="Check both and try again.")
        fresh = await self._passwords.hash(password) if self._passwords.is_outdated(stored) else None
        async with self._database.write() as tx:
            await throttle.forgive(tx, throttle.name_with_password(name), throttle.name_with_pin(name))
            await throttle.take_back(tx, throttle.address(host))
            if fresh and (current := await repository.user_by_id(tx.session, user.id)):
                current.password_hash = fresh
        return user

    async def verify_pin(self, name: str, pin: str, *, host: str) -> UserRow:
        """Return the active server or front desk user with this name and PIN.

        Raises NotSignedIn, always with the same words, and TooManyAttempts; after ten failures the PIN is dead until
        its owner signs in with the password.
        """
        name = normalise_name(name)
        user = await self._attempt(name, (throttle.name_with_pin(name), throttle.address(host)))
        stored = user.pin_hash if user and Role(user.role) in PIN_ROLES else None
        matched = await self._passwords.matches(stored, pin)
        if user is None or not matched:
            await self._failed(name, "pin")
            raise NotSignedIn(_WRONG_PIN, code="WRONG_SIGN_IN", action="Check both, or use the password.")
        async with self._database.write() as tx:
            await throttle.forgive(tx, throttle.name_with_pin(name))
            await throttle.take_back(tx, throttle.address(host))
        return user

    async def _attempt(self, name: str, subjects: tuple[throttle.Subject, ...]) -> UserRow | None:
        async with self._database.write() as tx:
            await throttle.count_attempt(tx, *subjects)
            user = await repository.user_by_name(tx.session, name)
        return user if user and user.active else None

    async def _failed(self, name: str, method: str) -> None:
        """Leave a trace; only names that are somebody's are written, since others can be a password typed too early."""
        async with self._database.write() as tx:
            user = await repository.user_by_name(tx.session, name)
            if user is not None:
                nobody = Caller(SYSTEM_ID, "sign-in", Role.SERVER, user.property_id, Via.SYSTEM)
                await audit.record(tx, nobody, "sign_in.failed", "user", user.id, {"method": method})

    async def _replace_password(self, tx: Tx, by: Caller, user: UserRow, password_hash: str) -> None:
        user.password_hash = password_hash
        await repository.delete_sessions_of(tx.session, user.id)
        await throttle.forgive(tx, throttle.name_with_password(user.name), throttle.name_with_pin(user.name))
        await audit.record(tx, by, "user.password_set", "user", user.id, property_id=user.property_id)

    async def _replace_pin(self, tx: Tx, by: Caller, user: UserRow, pin_hash: str) -> None:
        user.pin_hash = pin_hash
        await throttle.forgive(tx, throttle.name_with_pin(user.name))
        await audit.record(tx, by, "user.pin_set", "user", user.id, property_id=user.property_id)

    async def _require(self, tx: Tx, by: Caller, user_id: UUID) -> UserRow:
        user = await repository.user_by_id(tx.session, user_id)
        if user is None or not (by.id == user.id or by.property_id in (None, user.property_id)):
            raise NotFound("There is no such user.")
        return user


def normalise_name(name: str) -> str:
    """Return the name as it is stored and compared."""
    return name.strip().lower()


def check_name(name: str) -> str:
    """Return the name as it is stored. Raises Invalid when it has other characters than a sign-in name has."""
    plain = normalise_name(name)
    if not _NAME.fullmatch(plain):
        raise Invalid.field(
            "name", "A name has 1 to 80 letters a–z, digits, dots, hyphens and underscores, as in ana.b."
        )
    return plain


def _check_pin_for(role: Role, pin: str) -> str:
    if role not in PIN_ROLES:
        raise RuleRefused(
            f"A user with the role {role.label} signs in with a password only.",
            code="PIN_NOT_ALLOWED",
            action="Leave out the PIN.",
        )
    return check_pin(pin)


async def _need_another_admin(tx: Tx, user_id: UUID) -> None:
    if not await repository.other_admins(tx.session, user_id):
        raise RuleRefused(
            "This is the last administrator; without one nobody could change the settings.",
            code="LAST_ADMIN",
            action="Make somebody else an administrator first.",
        )
