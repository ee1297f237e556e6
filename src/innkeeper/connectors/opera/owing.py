"""Says what of a charge is still owed in OPERA's books, and what was taken back more often than it stood; pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from innkeeper.connectors.opera.wire import PostingRow
from innkeeper.domain.charge import ChargeLine, PostedLine, VoidDraft, restored_reference, void_reference
from innkeeper.domain.charge_lines import plan_lines
from innkeeper.domain.errors import InnkeeperError

#: What makes two lines the same to us: the transaction code and the signed amount.
Line = tuple[str, Decimal]


@dataclass(frozen=True, slots=True)
class Account:
    """A charge's rows: `owed` are those that nothing takes back, `reversals` take back what stands, each row once.

    `excess` are reversals of what was taken back already. `begun` says that more than a second posting was taken back.
    """

    owed: tuple[PostingRow, ...]
    reversals: tuple[PostingRow, ...]
    excess: tuple[PostingRow, ...]
    begun: bool


def account(
    rows: Sequence[PostingRow],
    reference: str,
    wanted: Counter[Line],
    keep: Sequence[PostedLine] | None = None,
) -> Account:
    """Return how the charge stands. `wanted` are its lines as they were sent, of which a discount is negative.

    What bears the charge's own name, is none of these and is the opposite of a line is the front desk's reversal.
    With `keep` these lines shall stand once, else none shall; that tells what was taken back too often.
    """
    own = [row for row in rows if row.reference == reference and row.amount]
    put_back = [row for row in rows if row.reference == restored_reference(reference) and row.amount]
    reversals = [row for row in rows if row.reference == void_reference(reference) and row.amount]
    by_desk = _by_desk(own, wanted)
    lines = [row for row in own if row not in by_desk]
    taken_back = Counter(_opposite(row) for row in (*reversals, *by_desk))
    owed = []
    for row in (*lines, *put_back):
        if taken_back[_line(row)] > 0:
            taken_back[_line(row)] -= 1
        else:
            owed.append(row)
    stand, back = Counter(map(_line, lines)), Counter(map(_line, put_back))
    kept = Counter((line.code, line.amount) for line in keep or ())
    # a line that the desk deleted after its reversal was taken back once all the same
    due = stand - kept if kept else stand | wanted
    excess = _beyond(reversals, due + back)
    return Account(
        tuple(owed),
        tuple(row for row in reversals if row not in excess),
        tuple(excess),
        begun=bool(Counter(map(_opposite, reversals)) - back - (stand - wanted)),
    )


def of_void(rows: Sequence[PostingRow], draft: VoidDraft) -> Account:
    """Return how the charge of a void stands."""
    sent = Counter((line.code, line.amount) for line in planned(draft))
    known = Counter((line.code, line.amount) for line in draft.lines)
    return account(rows, draft.reference, sent | known, draft.keep or None)


def planned(draft: VoidDraft) -> tuple[ChargeLine, ...]:
    """Return the charge's lines as they were sent, nothing where the draft does not tell."""
    if draft.charge is None:
        return ()
    try:
        return plan_lines(draft.charge)
    except InnkeeperError:
        return ()


def _line(row: PostingRow) -> Line:
    return row.code, row.amount or Decimal(0)


def _opposite(row: PostingRow) -> Line:
    return row.code, -(row.amount or Decimal(0))


def _by_desk(own: Sequence[PostingRow], wanted: Counter[Line]) -> list[PostingRow]:
    """Return the front desk's reversals, the newest of those that look alike.

    Where a charge holds a line and its opposite, one of them more is the desk's, but both of them more are a double.
    """
    there = Counter(map(_line, own))
    found: list[PostingRow] = []
    for line, count in there.items():
        opposite = line[0], -line[1]
        answers = count
        if line in wanted:
            answers -= wanted[line] + max(0, there[opposite] - wanted[opposite])
        if opposite in wanted or (line not in wanted and line[1] < 0 and opposite in there):
            found += [row for row in own if _line(row) == line][count - max(0, answers) :]
    return found


def _beyond(reversals: Sequence[PostingRow], due: Counter[Line]) -> list[PostingRow]:
    """Return the reversals that are one too many, the newest of those that look alike."""
    left = Counter(due)
    found = []
    for row in reversals:
        if left[_opposite(row)] > 0:
            left[_opposite(row)] -= 1
        else:
            found.append(row)
    return found
