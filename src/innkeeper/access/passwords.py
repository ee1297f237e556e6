"""Hashes and checks passwords and PINs, away from the event loop and never too many at once."""

import asyncio
import re
import secrets
from base64 import b64encode
from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from innkeeper.domain.errors import Invalid

T = TypeVar("T")

MIN_PASSWORD, MAX_PASSWORD = 10, 200
_PIN = re.compile(r"\d{4,8}")
_FEW_DIFFERENT = 3


class Passwords:
    """Argon2id with 19 MiB and three passes (more than the OWASP minimum), two computations at a time.

    The bounds keep a burst of sign-ins from taking the machine's memory and both of its cores.
    """

    def __init__(self, *, memory_kib: int = 19 * 1024, passes: int = 3, at_once: int = 2) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._turns = asyncio.Semaphore(at_once)
        #: What a name without a password is compared with, so that it takes as long as a name with one. It need not be
        #: computed, since it need not be the hash of anything that somebody knows.
        self._nobody = f"$argon2id$v=19$m={memory_kib},t={passes},p=1${_some(16)}${_some(32)}"

    async def hash(self, secret: str) -> str:
        """Return what to store for a password or PIN."""
        return await self._run(lambda: self._hasher.hash(secret))

    async def matches(self, stored: str | None, secret: str) -> bool:
        """Whether `secret` is the one that `stored` was made from; takes the same time when nothing is stored."""
        matched = await self._run(lambda: self._verify(stored or self._nobody, secret[:MAX_PASSWORD]))
        return matched and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with weaker settings than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str, secret: str) -> bool:
        try:
            return self._hasher.verify(stored, secret)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        async with self._turns:
            return await asyncio.to_thread(work)


def _some(count: int) -> str:
    """Return random bytes as a hash writes its salt and its digest."""
    return b64encode(secrets.token_bytes(count)).decode().rstrip("=")


def check_password(password: str, field: str = "password") -> str:
    """Return the password. Raises Invalid when it is too short, too long or made of one or two characters."""
    if len(password) < MIN_PASSWORD:
        raise Invalid.field(field, f"Use at least {MIN_PASSWORD} characters; a few words are easy to remember.")
    if len(password) > MAX_PASSWORD:
        raise Invalid.field(field, f"Use at most {MAX_PASSWORD} characters.")
    if len(set(password)) < _FEW_DIFFERENT:
        raise Invalid.field(field, "Use more than one or two different characters.")
    return password


def check_pin(pin: str, field: str = "pin") -> str:
    """Return the PIN. Raises Invalid when it is not four to eight digits or the first that anybody would try."""
    if not _PIN.fullmatch(pin) or not pin.isascii():
        raise Invalid.field(field, "A PIN has four to eight digits.")
    steps = {int(b) - int(a) for a, b in pairwise(pin)}
    if steps in ({0}, {1}, {-1}):
        raise Invalid.field(field, "This PIN is too easy to guess; do not use a row of digits or one digit only.")
    return pin
