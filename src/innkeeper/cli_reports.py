"""How the command line shows a report: in columns to a person, in plain lines to a pipe, as JSON to a program."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from innkeeper.doctor import Finding


def sync(console: Console, errors: Console, result: Mapping[str, Any], *, as_json: bool) -> None:
    """Show what a synchronisation did."""
    if as_json:
        _json(result)
        return
    lead = "Would have" if result["dry_run"] else "Has"
    console.print(
        f"{lead} created {result['created_items']}, updated {result['updated_items']}, left {result['skipped_items']} "
        f"as they are, failed on {result['failed_items']}.",
        f"{result['requests']} requests in {result['duration_ms']} ms.",
        highlight=False,
    )
    for action in result["actions"] if result["dry_run"] else ():
        console.print("  " + ", ".join(f"{name} {value}" for name, value in action.items()), highlight=False)
    for error in result["errors"]:
        errors.print(error, highlight=False, markup=False)


def day(console: Console, report: Mapping[str, Any], *, as_json: bool) -> None:
    """Show the reconciliation of a day, one line for each outlet and each difference."""
    if as_json:
        _json(report)
        return

    def line(name: str, checks: object, *amounts: str) -> None:
        columns = "".join(f"{amount:>14}" for amount in amounts)
        console.print(f"{name[:28]:<28}{checks!s:>8}{columns}", highlight=False, markup=False, soft_wrap=True)

    line(f"{report['date']}, {report['currency']}", "checks", "checks' sum", "in the PMS", "variance")
    for outlet in report["by_outlet"]:
        sums = (outlet["pos_total"], outlet["pms_posted"], outlet["variance"])
        line(outlet["name"], outlet["checks"], *sums)
    line("Total", report["total_checks"], report["pos_total"], report["total_posted"], report["variance"])
    for one in report["exceptions"]:
        where = f"room {one['room_number']}, check {one['check_number']}" if one["check_number"] else one["reference"]
        words = f"{one['kind']}: {where}: {one['detail']} {one['suggested_action']}"
        console.print(words, highlight=False, markup=False, soft_wrap=True)
    state = "It balances" if report["balanced"] else "It does not balance"
    signed = f", signed by {report['signed_off_by']}" if report["signed_off_at"] else ""
    console.print(f"{state}{signed}.", highlight=False, markup=False, soft_wrap=True)
    since = report.get("since_signing")
    if since and since["movements"]:
        words = f"Since the signature: {since['movements']} movements of {since['amount']}, not in these figures."
        console.print(words, highlight=False, markup=False, soft_wrap=True)


def findings(console: Console, found: Sequence[Finding], *, as_json: bool) -> None:
    """Show what the doctor found."""
    if as_json:
        _json([finding.document() for finding in found])
        return
    if not console.is_terminal:
        for finding in found:
            sys.stdout.write(f"{finding.name}: {finding.state}: {finding.detail}\n")
        return
    table = Table(box=None)
    for column in ("What", "State", "Detail"):
        table.add_column(column)
    for finding in found:
        table.add_row(finding.name, finding.state, finding.detail)
    console.print(table)


def properties(found: Sequence[dict[str, str]], *, as_json: bool) -> None:
    """Show the hotels, one a line with its id in front."""
    if as_json:
        _json(found)
        return
    for one in found:
        sys.stdout.write(f"{one['id']}  {one['name']}  {one['timezone']}  {one['currency']}\n")


def _json(document: object) -> None:
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
