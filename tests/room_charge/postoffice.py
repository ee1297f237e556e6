"""A mail server and a printer on this machine, that keep what they are given and can be moody."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage

from innkeeper.room_charge.mailing import MailServer


@dataclass
class PostOffice:
    """What came in; `answers` are given to the next recipients instead of a yes."""

    server: MailServer
    mails: list[EmailMessage] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        say("220 post.example ready")
        while line := (await reader.readline()).decode().strip():
            verb = line.split(":")[0].upper()
            if verb == "DATA":
                say("354 go on")
                data = await reader.readuntil(b"\r\n.\r\n")
                found = email.message_from_bytes(data[:-3], policy=email.policy.default)
                assert isinstance(found, EmailMessage)
                self.mails.append(found)
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                break
            else:
                say(self.answers.pop(0) if verb == "RCPT TO" and self.answers else "250 fine")
        writer.close()


@asynccontextmanager
async def post_office() -> AsyncIterator[PostOffice]:
    office = PostOffice(MailServer("127.0.0.1", 0, "frontdesk@miramar.example"))
    listening = await asyncio.start_server(office.talk, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    office.server = MailServer("127.0.0.1", port, "frontdesk@miramar.example")
    async with listening:
        yield office


@asynccontextmanager
async def thermal_printer() -> AsyncIterator[tuple[str, list[bytes]]]:
    """Yield the printer's address and the slips that came out of it."""
    slips: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x14\x00\x00\x0f")  # printers tell their state without being asked
        slips.append(await reader.read())
        writer.close()

    listening = await asyncio.start_server(take, "127.0.0.1", 0)
    async with listening:
        yield f"tcp://127.0.0.1:{listening.sockets[0].getsockname()[1]}", slips
