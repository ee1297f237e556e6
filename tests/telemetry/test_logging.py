"""Each line has its request, none has a secret, whoever wrote it."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from innkeeper.telemetry.logging import LogFormat, configure_logging, get_logger, request_id

SECRETS = ("S3cretKey", "+351 912 345 678", "ana.guest@example.com", "$argon2id$v=19$m=1$aa$bb", "4111 1111 1111 1111")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, before = list(root.handlers), root.level, structlog.get_config()
    yield
    root.handlers, root.level = handlers, level
    structlog.configure(**before)


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_no_line_holds_a_secret_whoever_writes_it(log_format: LogFormat) -> None:
    stream = io.StringIO()
    configure_logging(log_format, stream=stream)
    _, phone, email, password_hash, card = SECRETS
    log = get_logger("innkeeper.test")
    log.info("guest saved", api_key="S3cretKey", phone=phone, customer={"email": email, "passwd": password_hash})
    log.info(f"calling {phone} about {card}")
    log.info("answer", body=f'{{"secure_key": "S3cretKey", "email": "{email}"}}')
    logging.getLogger("somebody.else").warning("sent to %s with %s", email, password_hash)
    logging.getLogger("somebody.else").warning("with extra", extra={"password": "S3cretKey"})
    try:
        raise ValueError(f"no such guest {email}, password=S3cretKey")
    except ValueError:
        log.exception("failed", card=card)
        logging.getLogger("somebody.else").exception("failed too")
    written = stream.getvalue()
    assert written.count("ValueError: no such guest") == 2, "the traceback is there"
    for secret in SECRETS:
        assert secret not in written


def test_json_lines_are_json_and_bear_the_request_id() -> None:
    stream = io.StringIO()
    configure_logging("json", stream=stream)
    token = request_id.set("b2a4cc51f969ef4d4e98")
    try:
        get_logger("innkeeper.test").info("posting sent", outlet="REST")
        logging.getLogger("somebody.else").warning("slow")
    finally:
        request_id.reset(token)
    get_logger("innkeeper.test").info("between requests")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line.get("request_id") for line in lines] == ["b2a4cc51f969ef4d4e98"] * 2 + [None]
    assert lines[0]["outlet"] == "REST"
    assert all(line["timestamp"].endswith("Z") for line in lines)


def test_below_the_level_nothing_is_written() -> None:
    stream = io.StringIO()
    configure_logging("console", level="WARNING", stream=stream)
    get_logger("innkeeper.test").info("chatter")
    logging.getLogger("somebody.else").info("chatter")
    assert stream.getvalue() == ""
