"""The refusals of room charge: a code, its message and its action, word for word where the specification has them."""

from collections.abc import Mapping, Sequence

from innkeeper.domain.charge import ERROR_TEXTS, ErrorText, PmsCode
from innkeeper.domain.errors import Conflict, FieldError, OutsideUnavailable, RuleRefused

#: Beyond those of the specification.
TEXTS: Mapping[str, ErrorText] = {
    **ERROR_TEXTS,
    "OUTLET_UNKNOWN": ErrorText("There is no such outlet", "Choose one of the outlets in the settings"),
    "OUTLET_NOT_ALLOWED": ErrorText("This outlet may not charge to rooms", "Collect payment by another tender"),
    "GUEST_NOT_CHOSEN": ErrorText("Several guests share this room", "Ask for the guest's name and choose the guest"),
    "GUEST_MOVED": ErrorText(
        "The guest is in another room", "Confirm the room with the guest, and send the check to that room"
    ),
    "GUEST_NOT_CONFIRMED": ErrorText("The guest's name was not confirmed", "Ask the guest for the name and confirm it"),
    "SIGNATURE_REQUIRED": ErrorText("This amount needs the guest's signature", "Let the guest sign and post again"),
    "SIGNATURE_INVALID": ErrorText("The signature is not a usable picture", "Let the guest sign again"),
    "TIP_TOO_HIGH": ErrorText("The tip is higher than the check", "Check the tip with the guest"),
    "CHECKOUT_TODAY": ErrorText("The guest leaves today", "Collect payment or contact front desk"),
    "CURRENCY_MISMATCH": ErrorText("The folio is kept in another currency", "Send the amounts in the folio's currency"),
    "KEY_CARD_OFF": ErrorText("Key cards are not used here", "Enter the room number"),
    "NOT_ACTIVE": ErrorText("Room charges are switched off", "Collect payment by another tender"),
    "POSTED_BY_HAND": ErrorText(
        "This charge was posted in the PMS by hand", "Take it back in the PMS and enter the reversal's number here"
    ),
    "NO_PRINTER": ErrorText("This outlet has no printer", "Show or mail the receipt, or set the outlet's printer"),
    "MAIL_OFF": ErrorText("No mail server is set", "Print the receipt, or set INNKEEPER_SMTP_URL"),
    "NO_EMAIL": ErrorText("No e-mail address of the guest is known", "Ask the guest for an address and enter it"),
    "PMS_NOT_SUPPORTED": ErrorText("This PMS is not supported yet", "Choose another PMS type"),
}


class Refusal(RuleRefused):
    """A charge that may not be made; nothing is owed."""

    def __init__(self, code: str, errors: Sequence[FieldError] = (), *, message: str | None = None) -> None:
        text = TEXTS.get(code) or TEXTS[PmsCode.POSTING_REJECTED]
        super().__init__(message or text.message, code=code, action=text.action, errors=errors)
        self.title = text.message


class RoomUnknown(Refusal):
    """Nobody is known under the room number or the key card that was asked for."""

    status = 404


class PmsAway(OutsideUnavailable):
    """The PMS cannot be had now; nothing was done."""

    def __init__(self, reason: str = "") -> None:
        text = TEXTS[PmsCode.CONNECTION_FAILED]
        errors = [FieldError("pms", reason)] if reason else []
        super().__init__(text.message, code=PmsCode.CONNECTION_FAILED, action=text.action, errors=errors)
        self.title = text.message


class InProgress(Conflict):
    """Somebody is talking to the PMS about this charge at this moment."""

    def __init__(self) -> None:
        super().__init__(
            "This charge is being worked on at this moment.",
            code="POSTING_IN_PROGRESS",
            action="Wait a few seconds and look again.",
        )
