"""The benchmarks: each module measures one promise of the product and says its goal."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure. `goal` is the bound that it is held against, such as "<= 8"; empty is only told."""

    name: str
    value: float
    unit: str
    goal: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached, None without one. Raises ValueError for a goal that is no bound."""
        if not self.goal:
            return None
        sign, _, bound = self.goal.partition(" ")
        if sign not in ("<=", ">=", "<", ">"):
            raise ValueError(f"{self.goal!r} is not a bound such as '<= 8'")
        limit = float(bound)
        return {
            "<=": self.value <= limit,
            ">=": self.value >= limit,
            "<": self.value < limit,
            ">": self.value > limit,
        }[sign]

    def document(self) -> dict[str, Any]:
        """Return the figure as one line of the report."""
        return {**asdict(self), "value": round(self.value, 3), "reached": self.reached}


def percentile(values: list[float], share: float) -> float:
    """Return the value below which `share` (0 to 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
