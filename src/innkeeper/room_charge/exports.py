"""Writes the reconciliation of a day, or of several, as CSV, XLSX or PDF.

The libraries for the last two are loaded when they are wanted: they take a sixth of the time that the server has to
start, and a night audit is exported once a day.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from innkeeper.web.pages import STATIC

Report = Mapping[str, Any]

_OUTLET = ("outlet_code", "name", "checks", "pos_total", "pms_posted", "variance")
_EXCEPTION = (
    "kind",
    "outlet_code",
    "room_number",
    "check_number",
    "pos_amount",
    "pms_amount",
    "pos_reference",
    "detail",
    "suggested_action",
)
_DAY = (
    "date",
    "total_checks",
    "pos_total",
    "total_posted",
    "variance",
    "balanced",
    "signed_off_by",
    "signed_off_at",
    "since_signing",
)
_RECOVERED = ("at", "room_number", "outlet_code", "check_number", "total", "story")

#: A cell that begins so is a formula to a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = frozenset("0123456789.-")

#: A font with the letters of a guest's and a clerk's name wherever they are from; the build brings it through npm.
_FONT, _FONTS = "DejaVu", {"": "DejaVuSans.ttf", "B": "DejaVuSans-Bold.ttf"}


def tables(report: Report, hotel: str) -> list[tuple[str, Sequence[str], list[list[str]]]]:
    """Return title, columns and rows of each part of the hotel's report, of a day or of a period."""
    if "days" in report:
        return _period_tables(report, hotel)
    summary = [
        ["Hotel", hotel],
        ["Date", report["date"]],
        ["Currency", report["currency"]],
        ["Total posted", report["total_posted"]],
        ["POS total", report["pos_total"]],
        ["Checks", str(report["total_checks"])],
        ["Variance", report["variance"]],
        ["Balanced", "yes" if report["balanced"] else "no"],
        ["Signed off by", report.get("signed_off_by") or "not signed off"],
        ["Signed off at", report.get("signed_off_at") or ""],
        ["Note", report.get("note") or ""],
        ["Since the signature", _since(report)],
    ]
    return [
        ("Summary", ("what", "value"), summary),
        ("By outlet", _OUTLET, _rows(report["by_outlet"], _OUTLET)),
        ("Exceptions", _EXCEPTION, _rows(report["exceptions"], _EXCEPTION)),
        ("Recovered", _RECOVERED, _rows(report["recovered"], _RECOVERED)),
    ]


def _period_tables(report: Report, hotel: str) -> list[tuple[str, Sequence[str], list[list[str]]]]:
    summary = [
        ["Hotel", hotel],
        ["From", report["start"]],
        ["Until", report["end"]],
        ["Currency", report["currency"]],
        ["Total posted", report["total_posted"]],
        ["POS total", report["pos_total"]],
        ["Checks", str(report["total_checks"])],
        ["Variance", report["variance"]],
        ["All days balanced", "yes" if report["balanced"] else "no"],
    ]
    days = [
        {
            **day,
            "balanced": "yes" if day["balanced"] else "no",
            "signed_off_by": day.get("signed_off_by") or "not signed off",
            "since_signing": _since(day),
        }
        for day in report["days"]
    ]
    of_days = [{**one, "date": day["date"]} for day in report["days"] for one in day["by_outlet"]]
    return [
        ("Summary", ("what", "value"), summary),
        ("By outlet", _OUTLET, _rows(report["by_outlet"], _OUTLET)),
        ("Days", _DAY, _rows(days, _DAY)),
        ("Days by outlet", ("date", *_OUTLET), _rows(of_days, ("date", *_OUTLET))),
        ("Exceptions", ("date", *_EXCEPTION), _rows(report["exceptions"], ("date", *_EXCEPTION))),
        ("Recovered", ("date", *_RECOVERED), _rows(report["recovered"], ("date", *_RECOVERED))),
    ]


def _since(report: Report) -> str:
    """Say what came on the day after it was signed, which the other figures do not hold."""
    since = report.get("since_signing")
    if not since or not since["movements"]:
        return "nothing" if since else ""
    movements = "1 movement" if since["movements"] == 1 else f"{since['movements']} movements"
    return f"{movements} of {since['amount']} {report['currency']}, not in these figures"


def _rows(items: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[list[str]]:
    return [["" if item.get(name) is None else str(item[name]) for name in columns] for item in items]


def _safe(text: str) -> str:
    """Return the cell so that no spreadsheet takes it for a formula; amounts stay amounts."""
    if text.startswith(_FORMULA) and not set(text) <= _NUMBER:
        return f"'{text}"
    return text


def as_csv(report: Report, hotel: str) -> bytes:
    """Return the hotel's report as CSV, one part under the other."""
    return csv_of(tables(report, hotel))


def csv_of(parts: Sequence[tuple[str, Sequence[str], list[list[str]]]]) -> bytes:
    """Return the parts as CSV, one under the other; a single one without a title is a plain table."""
    out = io.StringIO()
    writer = csv.writer(out)
    for title, columns, rows in parts:
        if title:
            writer.writerow([title])
        writer.writerow(columns)
        writer.writerows([_safe(cell) for cell in row] for row in rows)
        if title:
            writer.writerow([])
    return out.getvalue().encode("utf-8-sig")


def as_xlsx(report: Report, hotel: str) -> bytes:
    """Return the hotel's report as a workbook, one sheet a part."""
    from openpyxl import Workbook
    from openpyxl.styles import Font

    book = Workbook()
    first = book.active
    if first is not None:
        book.remove(first)
    for title, columns, rows in tables(report, hotel):
        sheet = book.create_sheet(title)
        sheet.append(list(columns))
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        for row in rows:
            sheet.append([_safe(cell) for cell in row])
        for number, _ in enumerate(columns, 1):
            letter = sheet.cell(row=1, column=number).column_letter
            sheet.column_dimensions[letter].width = 18
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def as_pdf(report: Report, hotel: str) -> bytes:
    """Return the hotel's report for printing."""
    from fpdf import FPDF

    page = FPDF(orientation="landscape")
    for style, file in _FONTS.items():
        page.add_font(_FONT, style, STATIC / "vendor" / file)
    when = report.get("date") or f"{report['start']} to {report['end']}"
    page.set_title(f"{hotel}: room charge reconciliation {when}")
    page.add_page()
    page.set_font(_FONT, "B", 16)
    page.cell(0, 10, hotel, new_x="LMARGIN", new_y="NEXT")
    page.set_font(_FONT, "", 12)
    page.cell(0, 8, f"Room charge reconciliation, {when}", new_x="LMARGIN", new_y="NEXT")
    for title, columns, rows in tables(report, hotel):
        page.set_font(_FONT, "B", 12)
        page.cell(0, 10, title, new_x="LMARGIN", new_y="NEXT")
        page.set_font(_FONT, "", 8)
        if not rows:
            page.cell(0, 6, "None", new_x="LMARGIN", new_y="NEXT")
            continue
        with page.table() as table:
            for cells in (columns, *rows):
                row = table.row()
                for cell in cells:
                    row.cell(cell)
    return bytes(page.output())


FORMATS: Mapping[str, tuple[str, Callable[[Report, str], bytes]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", as_xlsx),
    "pdf": ("application/pdf", as_pdf),
}
