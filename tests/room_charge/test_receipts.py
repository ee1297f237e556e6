"""Receipts on paper and by mail: asked for in a request, brought by a job, once the charge stands or not."""

from typing import Any

import pytest
from sqlalchemy import select

from innkeeper.access.roles import Role
from innkeeper.domain.errors import Invalid
from innkeeper.jobs.tables import JobRow
from innkeeper.jobs.worker import Worker
from innkeeper.room_charge import jobs, mailing, printing, work
from innkeeper.room_charge.mailing import MailServer
from innkeeper.room_charge.settings import OUTLETS
from innkeeper.simulators.opera.demo_hotel import OUTLET_CODES
from innkeeper.telemetry.alerts import Alerts
from tests.end_to_end.processes import free_port
from tests.room_charge.postoffice import post_office, thermal_printer
from tests.room_charge.world import World

pytestmark = pytest.mark.anyio


async def print_at(world: World, printer: str, **more: Any) -> None:
    """Give the restaurant a printer."""
    outlets = [
        {**one.model_dump(mode="json"), "pms_codes": OUTLET_CODES[one.code], "printer": printer, **more}
        for one in OUTLETS
    ]
    answer = await world.call("PUT", "/outlets", outlets, role=Role.ADMIN)
    assert answer.status_code == 200, answer.text


def mail_by(world: World, server: MailServer) -> None:
    """Give the installation a mail server."""

    def send(_addresses: Any, title: str, body: str) -> bool:
        world.alerts.append(f"{title}: {body}")
        return True

    world.app.state.mail_server = server
    handlers = jobs.handlers(world.systems, Alerts(["json://alerts.example"], sender=send), server)
    world.worker = Worker(world.database, handlers, clock=world.clock)


async def posted(world: World, **changes: Any) -> str:
    return str((await world.post(check_number="1247", **changes)).json()["id"])


async def waiting(world: World, kind: str) -> list[JobRow]:
    async with world.database.read() as session:
        return list(await session.scalars(select(JobRow).where(JobRow.kind == kind, JobRow.status == "queued")))


# --- forms --------------------------------------------------------------------------------------------------------


async def test_receipt_comes_as_text_page_and_printer_bytes(world: World) -> None:
    path = f"/postings/{await posted(world)}/receipt"
    text = await world.call("GET", path)
    page = await world.call("GET", f"{path}?format=html")
    slip = await world.call("GET", f"{path}?format=escpos")
    assert "105.00 USD" in text.text
    assert page.headers["content-type"].startswith("text/html")
    assert "Mr. James Wilson" in page.text
    assert slip.content.startswith(b"\x1b@\x1bt\x13")
    assert slip.content.endswith(b"\x1dVB\x00")
    assert b"\x1bE\x01Total" in slip.content
    assert (await world.call("GET", f"{path}?format=pdf")).status_code == 422


async def test_receipt_says_nothing_is_owed_only_of_what_is_not_sent_any_more(world: World) -> None:
    await world.configure(retry={"max_attempts": 1, "interval_minutes": 1})
    world.opera.dial.next("maintenance", method="POST", path="/charges")
    posting = await posted(world)
    path = f"/postings/{posting}/receipt"
    assert "Will be charged to your room" in (await world.call("GET", path)).text
    world.opera.dial.set(maintenance=1.0)
    for _ in range(3):
        await world.work(600)
    found = await world.posting(posting)
    assert (found["posting_status"], found["owed"]) == ("failed", True)
    assert "Not yet charged: the hotel settles it" in (await world.call("GET", path)).text
    (entry,) = (await world.call("GET", "/queue")).json()["items"]
    await world.call("DELETE", f"/queue/{entry['id']}?reason=Paid by card", role=Role.MANAGER)
    assert (await world.posting(posting))["owed"] is False
    assert "Not charged: nothing is owed" in (await world.call("GET", path)).text


async def test_page_shows_a_guest_called_like_a_script_as_letters(world: World) -> None:
    world.opera.state.profiles[world.opera.state.in_room("412")[0].profile_id].surname = "<script>alert(1)</script>"
    page = await world.call("GET", f"/postings/{await posted(world)}/receipt?format=html")
    assert "<script>" not in page.text


def test_printer_gets_letters_that_it_has_and_never_a_command_out_of_a_name() -> None:
    slip = printing.escpos("Hôtel €\nŁukasz 東\nEvil\x1dV\x00Guest\n")
    assert "Hôtel €".encode("cp858") in slip
    assert b"?ukasz ?" in slip
    assert b"\nEvil V Guest\n" in slip
    assert slip.count(b"\x1dV") == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tcp://192.168.1.50:9100", ("192.168.1.50", 9100)),
        ("192.168.1.50", ("192.168.1.50", 9100)),
        ("printer-bar.lan:9101", ("printer-bar.lan", 9101)),
        ("tcp://[fe80::1]:9100", ("fe80::1", 9100)),
    ],
)
def test_printer_s_address_may_leave_out_what_is_usual(text: str, found: tuple[str, int]) -> None:
    assert printing.address(text) == found


@pytest.mark.parametrize("text", ["http://printer", "printer:99999", "printer:0", "two words", "a/b", "tcp://"])
async def test_what_is_no_printer_is_refused_in_the_settings(world: World, text: str) -> None:
    outlets = [{"code": "REST", "name": "Restaurant", "printer": text}]
    answer = await world.call("PUT", "/outlets", outlets, role=Role.ADMIN)
    assert answer.status_code == 422
    assert "tcp://" in answer.text


# --- on paper -----------------------------------------------------------------------------------------------------


async def test_receipt_is_printed_at_the_outlet_in_its_width(world: World) -> None:
    async with thermal_printer() as (address, slips):
        await print_at(world, address, printer_width=32)
        answer = await world.call("POST", f"/postings/{await posted(world)}/receipt/print")
        assert answer.status_code == 202
        assert slips == []
        await world.work()
    (slip,) = slips
    for command in (b"\x1b@", b"\x1bt\x13", b"\x1bE\x01", b"\x1bE\x00", b"\x1dVB\x00"):
        slip = slip.replace(command, b"")
    lines = slip.split(b"\n")
    assert any(b"1247" in line for line in lines)
    assert max(len(line) for line in lines) <= 32


async def test_slip_waits_for_a_printer_without_paper_and_is_given_up_after_a_while(world: World) -> None:
    await print_at(world, f"tcp://127.0.0.1:{free_port()}")
    posting = await posted(world)
    await world.call("POST", f"/postings/{posting}/receipt/print")
    await world.work()
    assert len(await waiting(world, work.PRINT)) == 1
    async with thermal_printer() as (address, slips):
        await print_at(world, address)
        await world.work(30)
        assert len(slips) == 1
    await print_at(world, f"tcp://127.0.0.1:{free_port()}")
    await world.call("POST", f"/postings/{posting}/receipt/print")
    await world.work()
    await world.work(1200)
    assert await waiting(world, work.PRINT) == []
    assert any("could not be printed" in one and "1247" in one for one in world.alerts)


async def test_outlet_without_printer_says_so(world: World) -> None:
    answer = await world.call("POST", f"/postings/{await posted(world)}/receipt/print")
    assert (answer.status_code, answer.json()["code"]) == (422, "NO_PRINTER")


# --- by mail ------------------------------------------------------------------------------------------------------


async def test_receipt_is_mailed_to_the_guest_s_own_address_as_text_and_page(world: World) -> None:
    async with post_office() as office:
        mail_by(world, office.server)
        answer = await world.call("POST", f"/postings/{await posted(world)}/receipt/email")
        assert answer.status_code == 202
        assert office.mails == []
        await world.work()
    (mail,) = office.mails
    assert mail["To"].startswith("james.wilson")
    assert mail["From"] == "Hotel Miramar <frontdesk@miramar.example>"
    assert "1247" in mail["Subject"]
    text, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert page is not None
    assert "105.00 USD" in text.get_content()
    assert "105.00 USD" in page.get_content()
    for content in (text.get_content(), page.get_content()):
        assert "Signature" not in content, "nobody signs a mail"
        assert "____" not in content


async def test_address_is_readable_neither_in_the_job_nor_in_the_answer(world: World) -> None:
    async with post_office() as office:
        mail_by(world, office.server)
        body = {"to": "someone.else@example.com"}
        answer = await world.call("POST", f"/postings/{await posted(world)}/receipt/email", body)
        (job,) = await waiting(world, work.MAIL)
        assert "someone" not in f"{job.payload} {job.key} {answer.text}"
        await world.work()
    assert [mail["To"] for mail in office.mails] == ["someone.else@example.com"]


async def test_busy_mail_server_is_asked_again_and_a_refused_address_is_told(world: World) -> None:
    async with post_office() as office:
        mail_by(world, office.server)
        office.answers = ["451 try later", "250 fine", "550 no such mailbox"]
        path = f"/postings/{await posted(world)}/receipt/email"
        await world.call("POST", path)
        await world.work()
        assert office.mails == []
        await world.work(600)
        assert len(office.mails) == 1
        await world.call("POST", path)
        await world.work()
        await world.work(1)
    assert len(office.mails) == 1
    assert any("could not be mailed" in one for one in world.alerts)
    assert not any("wilson" in one.casefold() for one in world.alerts)


async def test_same_mail_asked_for_twice_goes_out_once(world: World) -> None:
    async with post_office() as office:
        mail_by(world, office.server)
        path = f"/postings/{await posted(world)}/receipt/email"
        for _ in range(3):
            await world.call("POST", path, {"to": "a@example.com"})
        await world.work()
    assert len(office.mails) == 1


@pytest.mark.parametrize("to", ["nobody", "a@b", "a b@example.com", "a@example.com\nBcc: b@example.com", "@x.example"])
async def test_what_is_no_address_is_refused(world: World, to: str) -> None:
    mail_by(world, MailServer("127.0.0.1", 1, "frontdesk@miramar.example"))
    answer = await world.call("POST", f"/postings/{await posted(world)}/receipt/email", {"to": to})
    assert answer.status_code == 422
    assert await waiting(world, work.MAIL) == []


async def test_without_server_or_address_the_answer_says_what_to_do(world: World) -> None:
    path = f"/postings/{await posted(world)}/receipt/email"
    answer = await world.call("POST", path)
    assert (answer.status_code, answer.json()["code"]) == (422, "MAIL_OFF")
    mail_by(world, MailServer("127.0.0.1", 1, "frontdesk@miramar.example"))
    await world.configure(guest_profile_sync={"sync_fields": ["name"]})
    answer = await world.call("POST", path)
    assert (answer.status_code, answer.json()["code"]) == (422, "NO_EMAIL")


def test_mail_server_is_read_from_one_address_and_never_shown_with_its_password() -> None:
    found = MailServer.of("smtps://desk%40x:p%2Fw@mail.example.com?from=desk@example.com")
    assert (found.host, found.port, found.username, found.password) == ("mail.example.com", 465, "desk@x", "p/w")
    assert "p/w" not in repr(found)
    assert MailServer.of("smtp://mail.example.com?from=desk@example.com").port == 587
    for wrong in (
        "mail.example.com",
        "smtp://mail.example.com",
        "http://m?from=a@example.com",
        "smtp://m:x?from=a@b.c",
    ):
        with pytest.raises(Invalid):
            MailServer.of(wrong)


async def test_password_is_not_sent_over_a_line_without_tls() -> None:
    async with post_office() as office:
        server = MailServer("127.0.0.1", office.server.port, "a@example.com", username="a", password="secret")
        assert await mailing.check(server) == "It cannot be had: SMTPNotSupportedError."
        assert await mailing.check(office.server) is None
