"""What was typed is quoted shortly, and never where it could be a guest's."""

import pytest

from innkeeper.domain.quoting import quoted


@pytest.mark.parametrize("typed", ["+351 912 345 678", "(555) 010-9999", "4111111111111111", "ana@example.com"])
def test_what_could_be_a_guest_s_is_not_quoted(typed: str) -> None:
    assert quoted(f"of {typed}!") == "'…'"


@pytest.mark.parametrize(("typed", "shown"), [("1.2.3", "'1.2.3'"), (400, "'400'"), ("x" * 50, f"'{'x' * 40}…'")])
def test_the_rest_is_quoted_shortly(typed: object, shown: str) -> None:
    assert quoted(typed) == shown
