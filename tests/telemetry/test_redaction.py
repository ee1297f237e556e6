"""Nothing that is written holds a secret or a guest, and what is neither stays readable."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest

from innkeeper.domain.ids import new_id
from innkeeper.telemetry.redaction import REDACTED, is_secret_key, redact, redact_text

SECRETS = [
    "ana.guest@example.com",
    "o'neil+hotel@mail.example.co.uk",
    "+351912345678",
    "+351 912 345 678",
    "+1 (555) 010-9999",
    "(555) 010-9999",
    "555-010-9999",
    "912 345 678",
    "00351912345678",
    "030 1234 5678",
    "4111 1111 1111 1111",
    "4111111111111111",
    "5500-0000-0000-0004",
    "$argon2id$v=19$m=19456,t=3,p=1$c29tZXNhbHQ$aGFzaA",
    "$2y$10$abcdefghijklmnopqrstuv",
    "5f4dcc3b5aa765d61d8327deb882cf99",
    "QWERTYUIOPASDFGHJKLZXCVBNM123456",
    "ink_fU7RLbK8THKfPyqsbN1zOKo1wflXCS",
    "Bearer abcdef0123456789",
    "Basic UVdFUlRZVUlPUDo=",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
    "data:image/png;base64,iVBORw0KGgo=",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("frame", ["{}", "the guest {} called", 'key="{}"', "({}), again", "a: {}."])
def test_what_is_secret_by_its_shape_is_taken_out_of_any_sentence(secret: str, frame: str) -> None:
    written = redact_text(frame.format(secret))
    assert REDACTED in written
    assert not any(part in written for part in re.split(r"[ @.$,()-]", secret) if len(part) > 6 and part != "Bearer")
    assert secret not in written


@pytest.mark.parametrize(
    "text",
    [
        "https://hotel:S3cretKey@shop.example.com/api",
        "https://S3cretKey:@shop.example.com/api",
        "/api/orders?ws_key=S3cretKey&display=full",
        '{"passwd": "S3cretKey", "id": 7}',
        "<customer><passwd><![CDATA[S3cretKey]]></passwd></customer>",
        "password=S3cretKey",
        "api_key: S3cretKey",
        "postgresql://innkeeper:S3cretKey@db.example.com/inn",
    ],
)
def test_a_secret_after_its_name_is_taken_out(text: str) -> None:
    assert "S3cretKey" not in redact_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "Room 412 was charged 105.00 USD on check 1247",
        "from 2026-01-25 to 2026-01-28",
        "at 2026-01-27T19:45:00Z",
        "at 2026-01-27 19:45:00.123456+00:00",
        "reservation 00000000-0000-0000-0000-000000000001",
        "order 4512345 of HX78451290",
        "POS-TXN-78451 failed after 3 tries in 1234.5678901 ms",
        "connected to 192.168.100.200:5432",
        "192.168.100.200 answered 503",
        "QloApps 1.7.0 answered with status 500 after 12.345 s",
        "1234567.89 EUR",
        "request b2a4cc51f969ef4d4e98",
    ],
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert redact_text(text) == text


def test_our_identifiers_are_never_taken_for_telephone_numbers() -> None:
    for make in (new_id, uuid4):
        for _ in range(5000):
            text = f"reservation {make()} changed"
            assert redact_text(text) == text


@pytest.mark.parametrize(
    "key",
    [
        "api_key",
        "apiKey",
        "X-App-Key",
        "passwd",
        "secure_key",
        "password",
        "new_password",
        "token",
        "access_token",
        "Authorization",
        "signature",
        "phone",
        "phone_mobile",
        "guest_email",
        "email",
        "card",
        "card_number",
        "key_card",
        "pin",
        "Set-Cookie",
        "client_secret",
        "guestPhone",
    ],
)
def test_what_stands_under_a_secret_name_is_never_written(key: str) -> None:
    assert is_secret_key(key)
    assert redact({key: "anything"}) == {key: REDACTED}
    assert redact({"deep": [{key: 12345}]}) == {"deep": [{key: REDACTED}]}


@pytest.mark.parametrize("key", ["room", "status", "card_type_count", "spin", "shipping", "monkey", "key", "code"])
def test_ordinary_names_are_not_secret(key: str) -> None:
    assert not is_secret_key(key)


def test_other_values_pass_unchanged() -> None:
    now = datetime(2026, 1, 27, tzinfo=UTC)
    value = {"amount": Decimal("105.00"), "count": 3, "at": now, "ok": True, "none": None}
    assert redact(value) == value


def test_bytes_and_endless_documents_are_not_written() -> None:
    assert redact(b"secret") == "[6 bytes]"
    loop: dict[str, object] = {}
    loop["again"] = loop
    assert REDACTED in str(redact(loop))
