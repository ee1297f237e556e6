"""Normal forms that guests are matched by, and what is refused as an address or a number."""

import pytest

from innkeeper.domain.errors import Invalid
from innkeeper.house import guests
from innkeeper.house.checks import Errors
from innkeeper.house.guests import normal_email, normal_name, normal_phone, split_name
from innkeeper.house.model import GuestDraft
from tests.house.hotel import Hotel


@pytest.mark.parametrize(
    ("phone", "normal"),
    [
        ("+351 912 345 678", "+351912345678"),
        ("00351912345678", "+351912345678"),
        ("+49 (0)30 123456", "+4930123456"),
        ("912 345 678", "912345678"),
        ("", None),
        (None, None),
        ("none", None),
    ],
)
def test_phones_of_one_line_have_one_form(phone: str | None, normal: str | None) -> None:
    assert normal_phone(phone) == normal


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("José  ÅKESSON", "jose akesson"),
        ("Dr. José de la Cruz Jr.", "jose de la cruz"),
        ("Silva, Ana Maria", "ana maria silva"),
        ("Søren Łukasz Straße", "soren lukasz strasse"),
        ("李小龍", "李小龍"),
        ("Madonna", "madonna"),
    ],
)
def test_names_are_compared_without_titles_case_and_accents(name: str, normal: str) -> None:
    assert normal_name(name) == normal


def test_a_single_word_is_a_last_name() -> None:
    assert split_name("Madonna") == ("", "Madonna")
    assert split_name("Ana Maria Silva") == ("Ana Maria", "Silva")
    assert split_name("Ludwig van Beethoven") == ("Ludwig", "van Beethoven")


def test_addresses_differ_in_more_than_case_and_blanks() -> None:
    assert normal_email("  Ana@Example.COM ") == "ana@example.com"
    assert normal_email("  ") is None


@pytest.mark.parametrize(
    "address",
    [
        *(
            "plain",
            "a@b",
            "a@@example.com",
            "a b@example.com",
            "@example.com",
            "a@example.",
            "a@.com",
            "a..b@example.com",
        ),
        *(".a@example.com", "a.@example.com", "a@exa mple.com", "a@example.c", "a@-x.com", f"{'a' * 120}@example.com"),
    ],
)
def test_addresses_that_the_broker_chokes_on_are_refused(address: str) -> None:
    errors = Errors("primary_guest.")
    errors.email("email", address)
    assert [error.field for error in errors.found] == ["primary_guest.email"]


@pytest.mark.parametrize("address", ["ana@example.com", "o'neil+x@mail.example.co.uk", "josé@exämple.de", "a_b@x-y.io"])
def test_addresses_of_people_are_taken(address: str) -> None:
    errors = Errors()
    errors.email("email", address)
    assert errors.found == []


@pytest.mark.anyio
async def test_a_channels_guest_is_stored_whatever_is_known_of_him(hotel: Hotel) -> None:
    odd = GuestDraft(name="\x00" + "N" * 300, email="not an address", phone="?" * 60)
    async with hotel.database.write() as tx:
        guest = await guests.create(tx, hotel.id, odd, lenient=True)
        nobody = await guests.create(tx, hotel.id, GuestDraft(name=" "), lenient=True)
    assert (guest.name, guest.email, len(guest.phone or "")) == ("N" * 200, "not an address", 50)
    assert nobody.name == "Guest without a name"
    async with hotel.database.write() as tx:
        with pytest.raises(Invalid) as refused:
            await guests.create(tx, hotel.id, odd, field="primary_guest.")
    assert {error.field for error in refused.value.errors} == {
        "primary_guest.name",
        "primary_guest.email",
        "primary_guest.phone",
    }
