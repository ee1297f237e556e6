"""What a synchronisation did, counted and listed."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from innkeeper.domain.business_day import utc_now

#: A run over ten thousand bookings must not answer with ten thousand sentences.
MOST_LISTED = 200


@dataclass(slots=True)
class SyncResult:
    """Counts of a run. `synced` are all items looked at, `actions` says what a dry run would do."""

    started_at: datetime = field(default_factory=utc_now)
    sync_id: UUID | None = None
    synced: int = 0
    created: int = 0
    updated: int = 0
    skipped: int = 0
    failed: int = 0
    conflicts: int = 0
    requests: int = 0
    dry_run: bool = False
    complete: bool = True
    errors: list[str] = field(default_factory=list)
    actions: list[dict[str, Any]] = field(default_factory=list)
    duration_ms: int = 0

    def count(self, operation: str) -> None:
        """Count one item by what was done with it: create, update, skip, conflict or fail."""
        self.synced += 1
        match operation:
            case "create":
                self.created += 1
            case "update":
                self.updated += 1
            case "conflict":
                self.updated += 1
                self.conflicts += 1
            case "fail":
                self.failed += 1
            case _:
                self.skipped += 1

    def fail(self, message: str) -> None:
        """Note an error that concerns the run."""
        if len(self.errors) < MOST_LISTED:
            self.errors.append(message)

    def act(self, **what: Any) -> None:
        """Note an action, done or, in a dry run, intended."""
        if len(self.actions) < MOST_LISTED:
            self.actions.append(what)

    def add(self, other: "SyncResult") -> None:
        """Add the counts of another run to this one's."""
        for name in ("synced", "created", "updated", "skipped", "failed", "conflicts", "requests"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.complete = self.complete and other.complete
        self.errors = (self.errors + other.errors)[:MOST_LISTED]
        self.actions = (self.actions + other.actions)[:MOST_LISTED]

    def finish(self) -> "SyncResult":
        """Set the duration and return the result."""
        self.duration_ms = int((utc_now() - self.started_at).total_seconds() * 1000)
        return self

    def document(self) -> dict[str, Any]:
        """Return the result as the API and the command line print it."""
        return {
            "success": not self.errors and self.failed == 0,
            "sync_id": str(self.sync_id) if self.sync_id else None,
            "synced_items": self.synced,
            "created_items": self.created,
            "updated_items": self.updated,
            "skipped_items": self.skipped,
            "failed_items": self.failed,
            "conflicts": self.conflicts,
            "errors": self.errors,
            "duration_ms": self.duration_ms,
            "requests": self.requests,
            "started_at": self.started_at.isoformat(),
            "dry_run": self.dry_run,
            "complete": self.complete,
            "actions": self.actions,
        }
