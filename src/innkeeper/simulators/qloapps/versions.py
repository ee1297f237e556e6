"""What differs between the recorded QloApps versions, as one table of switches."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Version:
    """The quirks of one version; the numbers in brackets are recordings."""

    name: str
    number: str | None
    """What ``QLO_VERSION_DB`` holds; None when the row does not exist [011]."""
    multiplies_price: bool
    """A room price for N >= 2 nights is stored times N/(N-1) [120-123]."""
    adults_key: str
    """The key of the room occupancy that is read; the other spelling is ignored [115, 116]."""
    tax_sign_wrong: bool
    """A tax that differs from the default is corrected in the wrong direction [124, 172]."""
    crashes_on_lower_total: bool
    """A total below the computed one: 500 although the booking exists [125]."""
    restrictions_on_rates: bool
    """Dates of a feature price are an association and overlaps are refused [332, 337]."""
    breakdown_totals_wrong: bool
    """``hotel_ari`` by date copies the available total and shows inactive rooms [308, 352]."""
    has_qlo: bool
    """The resources ``qlo`` and ``extra_services`` exist [002, 320-323]."""
    price_in_default_currency: bool
    """A price in a booking of another currency is taken in the default one and converted [496]."""
    mails_on_post: bool
    """POST of a booking sends mails."""
    warning_line_total_tax: int
    """Source line in the warning that a strict server reports [443]."""
    warns_without_use_tax: bool
    """A strict server fails every read of a booking when the group is priced without tax [440, 442]."""

    @property
    def is_170(self) -> bool:
        """Whether field lists follow 1.7.0."""
        return self.restrictions_on_rates


V170 = Version(
    name="1.7.0",
    number="1.7.0.0",
    multiplies_price=True,
    adults_key="adults",
    tax_sign_wrong=False,
    crashes_on_lower_total=False,
    restrictions_on_rates=True,
    breakdown_totals_wrong=False,
    has_qlo=False,
    price_in_default_currency=False,
    mails_on_post=False,
    warning_line_total_tax=510,
    warns_without_use_tax=False,
)

DEV_2024_10 = Version(
    name="dev-2024-10",
    number=None,
    multiplies_price=False,
    adults_key="adult",
    tax_sign_wrong=True,
    crashes_on_lower_total=True,
    restrictions_on_rates=False,
    breakdown_totals_wrong=True,
    has_qlo=True,
    price_in_default_currency=True,
    mails_on_post=True,
    warning_line_total_tax=504,
    warns_without_use_tax=True,
)

VERSIONS = {version.name: version for version in (V170, DEV_2024_10)}


def version_named(name: str) -> Version:
    """The version of that name; raises ValueError with the known ones."""
    try:
        return VERSIONS[name.removeprefix("v")]
    except KeyError:
        raise ValueError(f"no such QloApps version: {name}; there are {', '.join(VERSIONS)}") from None
