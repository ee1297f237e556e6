"""A name without a password takes as much work as one with one."""

import pytest
from argon2 import extract_parameters

from innkeeper.access.passwords import Passwords

pytestmark = pytest.mark.anyio


async def test_nobody_s_hash_is_one_of_today_s_settings_and_nobody_s_password() -> None:
    passwords = Passwords(memory_kib=64, passes=2)
    stored = await passwords.hash("a long password")
    assert extract_parameters(passwords._nobody) == extract_parameters(stored)
    assert not passwords.is_outdated(passwords._nobody)
    assert await passwords.matches(stored, "a long password")
    assert not await passwords.matches(None, "a long password")
    assert passwords._nobody != Passwords(memory_kib=64, passes=2)._nobody
