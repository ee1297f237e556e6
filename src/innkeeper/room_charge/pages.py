"""The screens of room charge: the terminal, the posting queue, the night audit, and who finds them where."""

from innkeeper.access.roles import Role
from innkeeper.room_charge import pages_pos, pages_postings, pages_receipts, pages_reconciliation
from innkeeper.web.pages import NavEntry

ROUTERS = (pages_pos.router, pages_postings.router, pages_receipts.router, pages_reconciliation.router)

NAVIGATION = (
    NavEntry("/pos", "Room charge"),
    NavEntry("/postings", "Postings"),
    NavEntry("/reconciliation", "Night audit", Role.FRONT_DESK),
)
