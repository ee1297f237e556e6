"""What can go wrong with OPERA Cloud, and the table that says what each failure means and who must act."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

from innkeeper.connectors.failures import CallFailed, Kind, Policy, PolicyTable, Proof, transport_policy
from innkeeper.connectors.rest import Call, status_key
from innkeeper.domain.charge import PmsCode
from innkeeper.domain.outcome import Actor

_REJECTED = PmsCode.POSTING_REJECTED

#: The failure policy. Statuses and error body: csh.json; 429: gateway limits; codes: seen in the field, see README.
POLICY: PolicyTable = {
    **transport_policy("OPERA Cloud"),
    "TOKEN_UNAVAILABLE": Policy(
        PmsCode.CONNECTION_FAILED,
        Kind.LATER,
        Proof.NOTHING_DONE,
        Actor.NOBODY,
        "OPERA Cloud's sign-in service cannot be reached; nothing was posted.",
    ),
    "WRONG_HOTEL": Policy(
        PmsCode.NOT_AUTHORIZED,
        Kind.REFUSED,
        Proof.NOTHING_DONE,
        Actor.ADMIN,
        "OPERA Cloud does not let the integration user into this hotel; check the property code first.",
    ),
    "NO_CASHIER": Policy(
        _REJECTED,
        Kind.REFUSED,
        Proof.NOTHING_DONE,
        Actor.ADMIN,
        "OPERA Cloud wants a cashier: enter the cashier id of the integration user in the connection's settings.",
    ),
    "PAGE_TOO_LARGE": Policy(
        _REJECTED,
        Kind.REFUSED,
        Proof.NOTHING_DONE,
        Actor.VENDOR,
        "OPERA Cloud gives fewer rows at once than asked for.",
    ),
}


@dataclass(frozen=True, slots=True)
class Sign:
    """How a refusal is recognised: its `o:errorCode` ends with `number`, or `words` are in its text."""

    key: str
    number: str | None = None
    words: re.Pattern[str] | None = None

    def matches(self, code: str, text: str) -> bool:
        """Whether an answer with this code and this text bears the sign."""
        return (self.number is None or code.endswith(self.number)) and (
            self.words is None or self.words.search(text) is not None
        )


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


#: Read from top to bottom, the first that fits counts. Oracle publishes no list of codes: where none is known, words.
SIGNS: Sequence[Sign] = (
    Sign("WRONG_HOTEL", number="GEN01244"),
    Sign("NO_CASHIER", number="FOF00094"),
    Sign("NO_CASHIER", words=_words(r"invalid cashier")),
    Sign("PAGE_TOO_LARGE", number="ODE09998"),
    Sign("CHARGES_BLOCKED", words=_words(r"\bno[- ]?post\b|posting.{0,20}(not allowed|restrict|block)")),
    Sign("CREDIT_EXCEEDED", words=_words(r"credit limit")),
    Sign("GUEST_CHECKED_OUT", words=_words(r"checked[- ]?out|already departed")),
)


def classify(response: httpx2.Response, call: Call) -> CallFailed | None:
    """Return which failure an answer is, None when it is a good one."""
    key = status_key(response.status_code)
    if key is None:
        return None
    problem = _problem(response)
    texts = list(_texts(problem))
    code = str(problem.get("o:errorCode", ""))
    if key in ("POSTING_REJECTED", "NOT_AUTHORIZED"):
        key = next((sign.key for sign in SIGNS if sign.matches(code, " ".join(texts))), key)
    if response.status_code == 404 and not problem:
        key = "WRONG_ADDRESS"
    detail = "; ".join(dict.fromkeys(texts))[:300] or f"HTTP {response.status_code}"
    return CallFailed(key, f"{code} {detail}".strip(), operation=call.operation, status=response.status_code)


def _problem(response: httpx2.Response) -> dict[str, Any]:
    try:
        document = json.loads(response.content)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _texts(problem: dict[str, Any]) -> Iterator[str]:
    """Yield title and detail of an `exceptionDetailType` and of the details below it."""
    for name in ("title", "detail"):
        if isinstance(problem.get(name), str):
            yield problem[name]
    details = problem.get("o:errorDetails")
    for inner in details if isinstance(details, list) else ():
        if isinstance(inner, dict):
            yield from _texts(inner)
