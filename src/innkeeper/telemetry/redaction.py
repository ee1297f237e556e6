"""Takes secrets and personal data out of what is about to be written to a log, an error or a trail."""

import re
from collections.abc import Mapping
from typing import Any

REDACTED = "[redacted]"

#: Names whose value is never written, whatever it is.
_SECRET_KEYS = frozenset(
    """
    api_key apikey ws_key app_key x_app_key secure_key secret_key client_secret secret password passwd passwd_hash
    password_hash pin pin_hash pwd token access_token refresh_token client_token csrf_token authorization cookie
    set_cookie signature signature_image session_id credentials phone phone_mobile mobile telephone email e_mail
    card card_number key_card pan cvv cvc iban guest_name first_name last_name firstname lastname date_of_birth
    birthday passport
    """.split()
)

#: A name with one of these words in it is one of them too (`guest_email`, `new_password`, `customer_phone`).
_SECRET_WORDS = frozenset("password passwd secret token authorization cookie phone mobile email apikey cvv".split())

_WORD_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")

#: Secrets that show by their shape wherever they stand.
_SECRET_SHAPES = (
    # user:password@ in an address
    (re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]*(?=@)"), REDACTED),
    # Authorization headers
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {REDACTED}"),
    # our own tokens
    (re.compile(r"\bink_[A-Za-z0-9_-]{8,}"), REDACTED),
    # key=value and "key": "value" in running text, such as a query string or a quoted body
    (
        re.compile(
            r"(?i)(?P<key>\b[\w.-]*(?:password|passwd|secret|api_?key|ws_key|app_key|secure_key|access_token|"
            r"client_token|phone|mobile)\w*[\"']?\s*[:=]\s*[\"']?)(?P<value>[^\s\"'&,;<>}\]]+)"
        ),
        rf"\g<key>{REDACTED}",
    ),
    # <passwd>…</passwd> in XML
    (
        re.compile(r"(?is)<(passwd|password|secure_key|email|phone|phone_mobile)\b([^>]*)>.*?</\1>"),
        rf"<\1\2>{REDACTED}</\1>",
    ),
    # password hashes: argon2, bcrypt, MD5 and SHA in hexadecimal; the 32 capitals of a QloApps key
    (re.compile(r"\$(?:argon2[a-z]*|2[abxy])\$[A-Za-z0-9+/=.,$-]*"), REDACTED),
    (re.compile(r"(?<![0-9A-Za-z-])(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9A-Z]{32})(?![0-9A-Za-z-])"), REDACTED),
    # JSON web tokens, Fernet texts
    (re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), REDACTED),
    (re.compile(r"\bgAAAA[A-Za-z0-9_=-]{20,}"), REDACTED),
    # pictures, such as a signature
    (re.compile(r"data:image/[a-z+]+;base64,[A-Za-z0-9+/=]+"), REDACTED),
    (re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"), REDACTED),
)

#: Anything that could be a telephone or card number: seven digits or more, in groups of any kind.
_DIGIT_RUN = re.compile(r"(?<![\w.:/-])(?<![\w.:/-]\()\+?\(?\d(?:[ ().–-]{0,2}\d){6,}(?![\w:-]|\.\d)")
_ISO_DATE = re.compile(r"\b(?:19|20)\d\d-[01]\d-[0-3]\d")
_PLAIN_DECIMAL = re.compile(r"\d+\.\d+")
_DOTTED_QUAD = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_SHORTEST_NATIONAL, _SHORTEST_INTERNATIONAL, _LONGEST_PHONE = 9, 7, 15
_SHORTEST_CARD, _LONGEST_CARD = 12, 19

#: Deeper than this nothing is logged; it is a document, not a log line.
_MAX_DEPTH = 8


def is_secret_key(name: str) -> bool:
    """Whether a value under this name must not be written."""
    words = [word.lower() for word in _WORD_BREAK.split(name) if word]
    return "_".join(words) in _SECRET_KEYS or not _SECRET_WORDS.isdisjoint(words)


def redact_text(text: str) -> str:
    """Return `text` without keys, hashes, e-mail addresses, telephone and card numbers."""
    return _DIGIT_RUN.sub(_redact_digits, redact_shapes(text))


def redact_shapes(text: str) -> str:
    """Return `text` without what shows by its shape: keys, hashes, e-mail addresses. Numbers stay.

    For sentences of ours, in which a long number is a limit, an identifier or an example.
    """
    for shape, replacement in _SECRET_SHAPES:
        text = shape.sub(replacement, text)
    return text


def redact(value: Any, depth: int = 0) -> Any:
    """Return a copy of `value` that may be written; numbers, dates and the like pass unchanged."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes | bytearray):
        return f"[{len(value)} bytes]"
    if isinstance(value, Mapping):
        if depth >= _MAX_DEPTH:
            return REDACTED
        return {key: redact_entry(str(key), item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return REDACTED if depth >= _MAX_DEPTH else [redact(item, depth + 1) for item in value]
    if isinstance(value, BaseException):
        return redact_text(f"{type(value).__name__}: {value}")
    return value


def redact_entry(key: str, value: Any, depth: int = 0) -> Any:
    """Return what may be written of `value`, which stands under `key`."""
    if value is None or isinstance(value, bool):
        return value
    return REDACTED if is_secret_key(key) else redact(value, depth)


def _redact_digits(match: re.Match[str]) -> str:
    run = match.group()
    digits = sum(character.isdigit() for character in run)
    if _ISO_DATE.search(run) or _PLAIN_DECIMAL.fullmatch(run) or _DOTTED_QUAD.fullmatch(run):
        return run
    if run.startswith("+"):
        return REDACTED if digits >= _SHORTEST_INTERNATIONAL else run
    if _SHORTEST_NATIONAL <= digits <= _LONGEST_PHONE:
        return REDACTED
    return REDACTED if digits <= _LONGEST_CARD and _passes_luhn(run) else run


def _passes_luhn(run: str) -> bool:
    """ISO/IEC 7812: every second digit from the right doubled, the sum a multiple of ten."""
    digits = [int(character) for character in reversed(run) if character.isdigit()]
    if len(digits) < _SHORTEST_CARD:
        return False
    total = sum(digits[0::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return total % 10 == 0
