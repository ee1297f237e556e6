"""Sends receipts by e-mail over the hotel's own mail server.

The standard library's client is used, in a thread: other than Apprise, which sends our alerts, it tells an address that
is refused for good from a server that is busy, and only the latter is tried again.
"""

import asyncio
import re
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formataddr
from urllib.parse import parse_qs, unquote, urlsplit

from innkeeper.domain.errors import Invalid
from innkeeper.domain.outcome import Actor, Done, Later, Outcome, Refused

#: Seconds that the server may take for one answer.
_PATIENCE = 20.0

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?=.{4,253}\Z)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_EXAMPLE = "smtp://name:password@mail.example.com:587?from=frontdesk@example.com"


@dataclass(frozen=True, slots=True)
class MailServer:
    """A mail server and who we are there. `smtps` speaks TLS at once; else it is begun as soon as it is offered."""

    host: str
    port: int
    sender: str
    implicit_tls: bool = False
    username: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, url: str) -> "MailServer":
        """Return the server of `INNKEEPER_SMTP_URL`. Raises Invalid."""
        try:
            parts = urlsplit(url.strip())
            port = parts.port
        except ValueError:
            raise _unusable() from None
        sender = parse_qs(parts.query).get("from", [""])[0]
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or not is_address(sender):
            raise _unusable()
        secure = parts.scheme == "smtps"
        name, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(parts.hostname, port or (465 if secure else 587), sender, secure, name, password)

    def connect(self) -> smtplib.SMTP:
        """Return a connection that is signed in. Raises OSError, smtplib.SMTPException."""
        context = ssl.create_default_context()
        if self.implicit_tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=_PATIENCE, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=_PATIENCE)
        try:
            server.ehlo()
            if not self.implicit_tls and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
            elif not self.implicit_tls and self.password:
                raise smtplib.SMTPNotSupportedError("the server offers no TLS, and the password is not sent without")
            if self.username:
                server.login(self.username, self.password)
        except BaseException:
            server.close()
            raise
        return server


def _unusable() -> Invalid:
    return Invalid.field("smtp_url", f"It must look like {_EXAMPLE}.")


def is_address(text: str) -> bool:
    """Whether this can be an e-mail address."""
    return bool(_ADDRESS.fullmatch(text)) and len(text) <= 254


def message(server: MailServer, hotel: str, to: str, subject: str, text: str, html: str, number: str) -> EmailMessage:
    """Return the e-mail; the same number makes the same message, so that a second copy is recognised as one."""
    mail = EmailMessage()
    mail["From"] = formataddr((" ".join(hotel.split()), server.sender))
    mail["To"] = to
    mail["Subject"] = " ".join(subject.split())
    mail["Message-ID"] = f"<{number}@{server.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    mail.add_alternative(html, subtype="html")
    return mail


async def send(server: MailServer, mail: EmailMessage) -> Outcome[None]:
    """Hand the e-mail to the server."""
    return await asyncio.to_thread(_send, server, mail)


def _send(server: MailServer, mail: EmailMessage) -> Outcome[None]:
    try:
        with server.connect() as connection:
            connection.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        if any(code >= 500 for code in codes):
            return Refused("ADDRESS_REFUSED", "The mail server refuses the address.", Actor.FRONT_DESK)
        return Later(f"The mail server does not take it now ({codes[0]}).")
    except (smtplib.SMTPDataError, smtplib.SMTPSenderRefused) as error:
        if error.smtp_code >= 500:
            return Refused("MAIL_REFUSED", f"The mail server refuses the message ({error.smtp_code}).")
        return Later(f"The mail server does not take it now ({error.smtp_code}).")
    except (smtplib.SMTPException, OSError) as error:
        return Later(f"The mail server cannot be had: {type(error).__name__}.")
    return Done(None)


async def check(server: MailServer) -> str | None:
    """Return why the server cannot be used, None when it can."""

    def sign_in() -> str | None:
        try:
            with server.connect() as connection:
                connection.noop()
        except (smtplib.SMTPException, OSError) as error:
            return f"It cannot be had: {type(error).__name__}."
        return None

    return await asyncio.to_thread(sign_in)
