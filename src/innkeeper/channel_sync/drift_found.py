"""What a part of a comparison found, and where the next one begins."""

from typing import Any

#: One difference between the two sides, as the API shows it: kind, subject, what, healing, heals, and more by kind.
Difference = dict[str, Any]

#: The differences of one step, and the position of the next one; None when the phase is over.
Part = tuple[list[Difference], dict[str, Any] | None]
