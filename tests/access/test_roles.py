"""Each role may do all that the one below it may, and nothing above."""

from uuid import UUID

import pytest

from innkeeper.access.caller import Caller, Via
from innkeeper.access.roles import Role
from innkeeper.domain.errors import NotAllowed

SERVER, FRONT_DESK, MANAGER, ADMIN = Role.SERVER, Role.FRONT_DESK, Role.MANAGER, Role.ADMIN
HERE, THERE = UUID(int=1), UUID(int=2)

#: The columns of the specification's permission table; a row is the lowest role that may.
TABLE = {
    SERVER: (True, True, True, True),
    FRONT_DESK: (False, True, True, True),
    MANAGER: (False, False, True, True),
    ADMIN: (False, False, False, True),
}


def caller(role: Role, property_id: UUID | None = None) -> Caller:
    return Caller(UUID(int=9), "ana", role, property_id, Via.SESSION)


@pytest.mark.parametrize("needed", Role)
@pytest.mark.parametrize("role", Role)
def test_a_role_may_do_what_is_at_or_below_it(role: Role, needed: Role) -> None:
    allowed = TABLE[needed][list(Role).index(role)]
    assert role.at_least(needed) is allowed
    if allowed:
        caller(role).need(needed)
    else:
        with pytest.raises(NotAllowed):
            caller(role).need(needed)


def test_a_refusal_names_the_role_that_is_needed() -> None:
    with pytest.raises(NotAllowed) as refused:
        caller(SERVER).need(FRONT_DESK)
    assert "front desk" in refused.value.detail
    assert "front desk" in refused.value.action


def test_a_caller_of_one_property_enters_no_other() -> None:
    assert caller(ADMIN, HERE).may_enter(HERE)
    assert not caller(ADMIN, HERE).may_enter(THERE)
    with pytest.raises(NotAllowed):
        caller(ADMIN, HERE).need_property(None)
    caller(SERVER).need_property(THERE)
