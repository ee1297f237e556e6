"""The wire: error forms as recorded, what may be logged, the budget, retries, the circuit."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from lxml import etree
from purgatory import AsyncCircuitBreakerFactory

from innkeeper.connectors.http import Exchange, parse_xml, redact, redact_path, request_id, retry_after_seconds
from innkeeper.connectors.qloapps.client import QloAppsClient
from innkeeper.connectors.qloapps.config import QloAppsSettings
from innkeeper.connectors.qloapps.errors import (
    POLICY,
    Proof,
    QloAppsAuthenticationError,
    QloAppsConnectionError,
    QloAppsError,
    QloAppsNotFoundError,
    QloAppsRateLimitError,
    QloAppsValidationError,
    outcome_of,
    proof_of,
)
from innkeeper.domain.errors import Invalid
from innkeeper.domain.outcome import Actor, Later, Refused
from tests.connectors.qloapps.recordings import DIRECTORIES, names, recording
from tests.connectors.qloapps.shops import NoLimit

pytestmark = pytest.mark.anyio

KEY = "K" * 32
Answer = httpx2.Response | Exception


def client_for(answer: Answer | Callable[[httpx2.Request], Answer], **more: Any) -> QloAppsClient:
    """Return a client to something that answers every request alike."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        given = answer(request) if callable(answer) else answer
        if isinstance(given, Exception):
            raise given
        return given

    options = {name: more.pop(name) for name in ("budget", "on_exchange", "breaker", "sleep") if name in more}
    settings = QloAppsSettings("http://qloapps.example", KEY, 1, retry_delay_seconds=0.0, **more)
    budget = options.pop("budget", NoLimit())
    return QloAppsClient(settings, budget, transport=httpx2.MockTransport(handle), **options)


async def failure(answer: Answer, *, write: bool = False) -> QloAppsError:
    """Return the error that an answer becomes."""
    client = client_for(answer, max_retries=1)
    call = client.send_booking("POST", "bookings", {"booking": {}}) if write else client.get_json("hotels")
    with pytest.raises(QloAppsError) as caught:
        await call
    await client.aclose()
    return caught.value


RECORDED = [
    ("010", "WRONG_ADDRESS", QloAppsError, Proof.NOTHING_DONE),
    ("020", "AUTH_ERROR", QloAppsAuthenticationError, Proof.NOTHING_DONE),
    ("021", "AUTH_ERROR", QloAppsAuthenticationError, Proof.NOTHING_DONE),
    ("022", "AUTH_ERROR", QloAppsAuthenticationError, Proof.NOTHING_DONE),
    ("023", "AUTH_ERROR", QloAppsAuthenticationError, Proof.NOTHING_DONE),
    ("025", "MISSING_PERMISSION", QloAppsAuthenticationError, Proof.NOTHING_DONE),
    ("026", "MISSING_PERMISSION", QloAppsAuthenticationError, Proof.NOTHING_DONE),
    ("027", "AUTH_ERROR", QloAppsAuthenticationError, Proof.NOTHING_DONE),
    ("029", "UNKNOWN_RESOURCE", QloAppsValidationError, Proof.NOTHING_DONE),
    ("030", "METHOD_FORBIDDEN", QloAppsAuthenticationError, Proof.NOTHING_DONE),
    ("031", "METHOD_FORBIDDEN", QloAppsAuthenticationError, Proof.NOTHING_DONE),
    ("052", "VALIDATION_ERROR", QloAppsValidationError, Proof.NOTHING_DONE),
    ("056", "NOT_FOUND", QloAppsNotFoundError, Proof.NOTHING_DONE),
    ("057", "NOT_FOUND", QloAppsNotFoundError, Proof.NOTHING_DONE),
    ("140", "UNKNOWN_ROOM_TYPE", QloAppsValidationError, Proof.NOTHING_DONE),
    ("142", "VALIDATION_ERROR", QloAppsValidationError, Proof.NOTHING_DONE),
    ("145", "INVALID_GUEST", QloAppsValidationError, Proof.NOTHING_DONE),
    ("146", "INVALID_GUEST", QloAppsValidationError, Proof.NOTHING_DONE),
    ("148", "CURRENCY_NOT_INSTALLED", QloAppsValidationError, Proof.NOTHING_DONE),
    ("149", "UNKNOWN_HOTEL", QloAppsValidationError, Proof.NOTHING_DONE),
    ("152", "NOT_AVAILABLE", QloAppsValidationError, Proof.NOTHING_DONE),
    ("154", "SERVER_ERROR", QloAppsError, Proof.LOOKING_SETTLES),
    ("157", "FATAL_ERROR", QloAppsError, Proof.LOOKING_SETTLES),
    ("162", "SERVER_ERROR", QloAppsError, Proof.LOOKING_SETTLES),
    ("167", "NOT_AVAILABLE", QloAppsValidationError, Proof.NOTHING_DONE),
    ("168", "NOT_AVAILABLE", QloAppsValidationError, Proof.NOTHING_DONE),
    ("246", "NOT_AVAILABLE", QloAppsValidationError, Proof.NOTHING_DONE),
    ("443", "PHP_WARNING", QloAppsError, Proof.LOOKING_SETTLES),
    ("497", "WEBSERVICE_DISABLED", QloAppsError, Proof.NOTHING_DONE),
    ("498", "AUTH_ERROR", QloAppsAuthenticationError, Proof.NOTHING_DONE),
]


@pytest.mark.parametrize(("number", "reason", "kind", "proof"), RECORDED)
async def test_each_recorded_error_form_is_recognised(
    number: str, reason: str, kind: type[QloAppsError], proof: Proof
) -> None:
    for directory in DIRECTORIES:
        if number == "443" and directory != "v1.7.0":
            continue
        error = await failure(recording(number, directory).response(), write=True)
        assert (error.reason, type(error), proof_of(error)) == (reason, kind, proof), directory


@pytest.mark.parametrize("directory", DIRECTORIES)
async def test_every_recorded_failure_has_a_row_in_the_policy(directory: str) -> None:
    numbers = names(directory)
    if not numbers:
        pytest.skip("needs the recordings in ../shared, which are not here")
    for number in numbers:
        recorded = recording(number, directory)
        if recorded.status >= 300:
            assert (await failure(recorded.response())).reason in POLICY, recorded.name


PLAIN = [
    (httpx2.ConnectError("refused"), "CONNECTION_ERROR", Proof.NOTHING_DONE),
    (httpx2.ConnectTimeout("slow"), "CONNECTION_ERROR", Proof.NOTHING_DONE),
    (httpx2.PoolTimeout("full"), "CONNECTION_ERROR", Proof.NOTHING_DONE),
    (httpx2.ReadTimeout("slow"), "TIMEOUT", Proof.STILL_OPEN),
    (httpx2.WriteTimeout("slow"), "TIMEOUT", Proof.STILL_OPEN),
    (httpx2.ReadError("gone"), "LINE_DROPPED", Proof.STILL_OPEN),
    (httpx2.RemoteProtocolError("gone"), "LINE_DROPPED", Proof.STILL_OPEN),
    (httpx2.Response(429), "RATE_LIMIT", Proof.NOTHING_DONE),
    (httpx2.Response(503, text="<html>soon</html>"), "MAINTENANCE", Proof.NOTHING_DONE),
    (httpx2.Response(502, text="<html>bad</html>"), "GATEWAY", Proof.STILL_OPEN),
    (httpx2.Response(504), "GATEWAY", Proof.STILL_OPEN),
    (httpx2.Response(301, headers={"location": "https://qloapps.example/"}), "WRONG_ADDRESS", Proof.NOTHING_DONE),
    (httpx2.Response(403, text="no"), "AUTH_ERROR", Proof.NOTHING_DONE),
    (httpx2.Response(404, text="<html>no such page</html>"), "WRONG_ADDRESS", Proof.NOTHING_DONE),
    (httpx2.Response(200, text="<html>hello</html>"), "BROKEN_ANSWER", Proof.STILL_OPEN),
    (httpx2.Response(200, headers={"content-type": "application/json"}, content=b'{"book'), "BROKEN_ANSWER",
     Proof.STILL_OPEN),
    (httpx2.Response(400, headers={"content-type": "application/json"}, content=b'{"errors":[{"co'), "BROKEN_ANSWER",
     Proof.STILL_OPEN),
    (httpx2.Response(200, json={"booking": {}}), "BROKEN_ANSWER", Proof.STILL_OPEN),
    (httpx2.Response(418, text="teapot"), "BROKEN_ANSWER", Proof.STILL_OPEN),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "reason", "proof"), PLAIN)
async def test_what_hosts_and_lines_do_is_recognised(answer: Answer, reason: str, proof: Proof) -> None:
    error = await failure(answer, write=True)
    assert (error.reason, proof_of(error)) == (reason, proof)
    if isinstance(answer, Exception):
        assert isinstance(error, QloAppsConnectionError)


async def test_a_refusal_says_what_to_grant_and_where() -> None:
    answer = httpx2.Response(
        405, json={"errors": [{"code": 25, "message": "Method POST is not allowed for the resource bookings"}]}
    )
    refused = outcome_of(await failure(answer, write=True))
    assert isinstance(refused, Refused)
    assert refused.who is Actor.ADMIN
    assert "Advanced Parameters > Webservice" in refused.message
    assert "POST" in refused.detail
    assert "bookings" in refused.detail


async def test_retry_after_travels_into_the_outcome_and_is_not_waited_for_here() -> None:
    error = await failure(httpx2.Response(429, headers={"Retry-After": "17"}))
    assert isinstance(error, QloAppsRateLimitError)
    assert outcome_of(error) == Later(
        POLICY["RATE_LIMIT"].sentence + " (GET /hotels: " + error.message + ")", 17.0, "RATE_LIMIT"
    )
    maintenance = await failure(httpx2.Response(503, text="soon", headers={"Retry-After": "60"}))
    later = outcome_of(maintenance)
    assert isinstance(later, Later)
    assert later.after_seconds == 60.0


def test_retry_after_may_be_a_date() -> None:
    now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
    assert retry_after_seconds({"retry-after": "Sun, 22 Nov 2026 10:00:30 GMT"}, now) == 30.0
    assert retry_after_seconds({"retry-after": "Sun, 22 Nov 2026 09:00:00 GMT"}, now) == 0.0
    assert retry_after_seconds({"retry-after": "soon"}, now) is None
    assert retry_after_seconds({}, now) is None


async def test_reads_are_repeated_and_writes_never_are() -> None:
    client = client_for(httpx2.ReadError("gone"))
    with pytest.raises(QloAppsConnectionError):
        await client.get_json("hotels")
    assert client.requests_made == 3
    with pytest.raises(QloAppsConnectionError):
        await client.send_booking("POST", "bookings", {})
    assert client.requests_made == 4


async def test_a_refused_read_is_not_repeated() -> None:
    client = client_for(httpx2.Response(401))
    with pytest.raises(QloAppsAuthenticationError):
        await client.get_json("hotels")
    assert client.requests_made == 1


async def test_redirects_are_not_followed_and_the_key_goes_nowhere_else() -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.host)
        return httpx2.Response(302, headers={"location": "http://elsewhere.example/"})

    client = client_for(answer)
    with pytest.raises(QloAppsError) as caught:
        await client.get_json("hotels")
    assert caught.value.reason == "WRONG_ADDRESS"
    assert asked == ["qloapps.example"]


async def test_the_budget_is_asked_before_every_request_and_its_wait_is_kept() -> None:
    waited: list[float] = []

    class Tight:
        async def take(self) -> float:
            return 2.5

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    client = client_for(httpx2.ReadError("gone"), budget=Tight(), sleep=sleep)
    with pytest.raises(QloAppsConnectionError):
        await client.get_json("hotels")
    assert waited == [2.5, 2.5, 2.5]


async def test_the_circuit_opens_after_failures_of_the_whole_and_then_nothing_is_sent() -> None:
    client = client_for(httpx2.ConnectError("refused"), breaker=AsyncCircuitBreakerFactory(2, 30), max_retries=1)
    for _ in range(2):
        with pytest.raises(QloAppsConnectionError):
            await client.get_json("hotels")
    with pytest.raises(QloAppsConnectionError) as caught:
        await client.get_json("hotels")
    assert caught.value.reason == "CIRCUIT_OPEN"
    assert client.requests_made == 2
    later = outcome_of(caught.value)
    assert isinstance(later, Later)
    assert later.after_seconds is not None
    assert 0 < later.after_seconds <= 30


async def test_refusals_and_errors_of_one_request_do_not_open_the_circuit() -> None:
    client = client_for(httpx2.Response(500), breaker=AsyncCircuitBreakerFactory(2, 30), max_retries=1)
    for _ in range(5):
        with pytest.raises(QloAppsError) as caught:
            await client.get_json("hotels")
        assert caught.value.reason == "SERVER_ERROR"


async def test_each_request_bears_the_id_of_its_cause_and_asks_for_json_in_upper_case() -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json=[])

    client = client_for(answer)
    token = request_id.set("job-7")
    try:
        assert await client.rows("orders", "orders", {"filter[id]": "[1|2]", "display": "[id]"}) == []
    finally:
        request_id.reset(token)
    assert seen[0].headers["x-request-id"] == "job-7"
    assert seen[0].headers["output-format"] == "JSON"
    assert str(seen[0].url) == "http://qloapps.example/api/orders?filter[id]=[1%7C2]&display=[id]"
    assert KEY not in str(seen[0].url)


async def test_neither_key_nor_password_hash_nor_searched_address_reaches_a_log() -> None:
    told: list[Exchange] = []
    body = {"customers": [{"id": 1, "passwd": "$2y$hash", "secure_key": "abcdef", "email": "a@b.example"}]}
    client = client_for(httpx2.Response(200, json=body), on_exchange=told.append)
    rows = await client.rows("customers", "customers", {"filter[email]": "[ada@guest.example]"})
    assert rows == [{"id": 1, "email": "a@b.example"}]
    everything = repr(told) + repr(client) + repr(client.settings)
    for secret in (KEY, "$2y$hash", "abcdef", "ada@guest.example"):
        assert secret not in everything
    assert told[0].status == 200
    assert told[0].duration_ms >= 0


async def test_a_listener_that_fails_does_not_lose_the_answer() -> None:
    def broken(exchange: Exchange) -> None:
        raise OSError("disk full")

    client = client_for(httpx2.Response(200, json={"booking": {"id": 7}}), on_exchange=broken)
    assert (await client.send_booking("POST", "bookings", {}))["id"] == 7


def test_redaction_covers_both_formats() -> None:
    xml = "<customer><passwd><![CDATA[x1]]></passwd><secure_key>y2</secure_key><email>a@b</email></customer>"
    assert "x1" not in redact(xml)
    assert "y2" not in redact(xml)
    assert "a@b" in redact(xml)
    secrets = {"passwd": 'quo"te', "last_passwd_gen": "2026", "reset_password_token": None, "ps_shop_token": "t"}
    text = json.dumps(secrets)
    assert json.loads(redact(text)) == dict.fromkeys(secrets, "[removed]")
    assert redact_path("customers?filter[email]=[a@b]&x=1") == "customers?filter[email]=[removed]&x=1"
    assert redact_path("hotels?ws_key=SECRET") == "hotels?ws_key=[removed]"


def test_xml_with_a_document_type_or_entities_is_refused() -> None:
    bomb = b'<!DOCTYPE q [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><q>&b;</q>'
    with pytest.raises(ValueError, match="document type"):
        parse_xml(bomb)
    with pytest.raises(ValueError, match="not XML"):
        parse_xml(b"<q>")
    assert etree.tostring(parse_xml(b"<q/>")) == b"<q/>"


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("http://q.example", "http://q.example/api"),
        ("http://q.example/", "http://q.example/api"),
        ("https://q.example/api", "https://q.example/api"),
        ("https://q.example:8443/shop/api/", "https://q.example:8443/shop/api"),
    ],
)
def test_the_address_may_end_with_or_without_api(given: str, used: str) -> None:
    assert QloAppsSettings(given, KEY, 1).api_url == used


@pytest.mark.parametrize(
    "given", ["", "q.example", "ftp://q.example", "http://user:pw@q.example", "http://q.example/?a=1"]
)
def test_an_address_that_cannot_be_one_is_refused_with_its_field(given: str) -> None:
    with pytest.raises(Invalid) as caught:
        _ = QloAppsSettings(given, KEY, 1).api_url
    assert caught.value.errors[0].field == "base_url"
    assert "pw" not in str(caught.value)


def test_settings_name_what_is_missing() -> None:
    with pytest.raises(Invalid) as caught:
        QloAppsSettings.from_mapping({"base_url": "http://q.example", "hotel_id": 1})
    assert caught.value.errors[0].field == "api_key"
    settings = QloAppsSettings.from_mapping({"base_url": "http://q.example", "api_key": KEY, "hotel_id": "3", "x": 1})
    assert settings.hotel_id == 3


async def test_each_class_bears_the_code_of_the_plan_whatever_the_finer_cause() -> None:
    permission = httpx2.Response(401, json={"errors": [{"code": 26, "message": "not granted"}]})
    full = httpx2.Response(400, json={"errors": [{"code": 404, "message": "Requested room(s) not available."}]})
    for answer, code, reason in (
        (httpx2.Response(401, text="401 Unauthorized"), "AUTH_ERROR", "AUTH_ERROR"),
        (permission, "AUTH_ERROR", "MISSING_PERMISSION"),
        (full, "VALIDATION_ERROR", "NOT_AVAILABLE"),
        (httpx2.Response(404), "NOT_FOUND", "NOT_FOUND"),
        (httpx2.Response(429), "RATE_LIMIT", "RATE_LIMIT"),
        (httpx2.ConnectError("refused"), "CONNECTION_ERROR", "CONNECTION_ERROR"),
        (httpx2.ReadTimeout("slow"), "CONNECTION_ERROR", "TIMEOUT"),
        (httpx2.Response(500), "SERVER_ERROR", "SERVER_ERROR"),
    ):
        error = await failure(answer, write=True)
        assert (error.code, error.reason) == (code, reason)
        assert outcome_of(error).code == reason


@pytest.mark.parametrize(
    ("asked", "location", "reason"),
    [
        ("http://shop.example:8080", "http://shop.example:8080/", "HOST_WITHOUT_PORT"),
        ("http://shop.example:8080", "/", "HOST_WITHOUT_PORT"),
        ("http://shop.example:8080", "http://www.shop.example/", "WRONG_ADDRESS"),
        ("http://shop.example:8080", "https://shop.example/", "WRONG_ADDRESS"),
        ("http://shop.example", "http://shop.example/", "WRONG_ADDRESS"),
    ],
)
async def test_shop_that_sends_us_back_to_its_own_port_is_told_from_one_that_sends_us_away(
    asked: str, location: str, reason: str
) -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(302, headers={"location": location})

    settings = QloAppsSettings(asked, KEY, 1, retry_delay_seconds=0.0)
    client = QloAppsClient(settings, NoLimit(), transport=httpx2.MockTransport(answer))
    with pytest.raises(QloAppsError) as caught:
        await client.get_xml("")
    await client.aclose()
    refused = outcome_of(caught.value)
    assert isinstance(refused, Refused)
    assert refused.code == reason
    assert ("fastcgi_param HTTP_HOST $http_host;" in refused.message) == (reason == "HOST_WITHOUT_PORT")
