"""Price rules (`feature_prices`) in both dialects, and the limits of stay that a room type has for all dates.

1.7.0 keeps the dates in an association and refuses a rule that overlaps another [170/337]; the snapshot has plain
fields and takes both. A rule without customer groups is stored and does nothing [341] [342]; `date_to` is a night that
is priced [333]; a PUT replaces all of it [335].
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from lxml import etree

from innkeeper.connectors.qloapps.client import id_filter
from innkeeper.connectors.qloapps.errors import Proof, QloAppsError, outcome_of, proof_of
from innkeeper.connectors.qloapps.reader import QloAppsReader
from innkeeper.connectors.qloapps.shop_time import parse_date
from innkeeper.connectors.qloapps.wire import int_of, text_of
from innkeeper.domain.channel import PriceTerms, RateDraft, RateRule
from innkeeper.domain.outcome import Actor, Done, Outcome, Refused, Unknown

#: The whole name of every rule of ours; one that only begins so is somebody's. A name may not hold < > ; = # { }.
RATE_NAME = "innkeeper-rate"

#: Visitors, guests and customers, as every shop is installed. A group of the hotel's own keeps the shop's price.
GROUPS = (1, 2, 3)

_FIXED, _AMOUNT = 3, 2
_DATE_RANGE, _SINGLE_DATE = 1, 2


class QloAppsRates:
    """Price rules of one hotel. Methods raise QloAppsError."""

    def __init__(self, reader: QloAppsReader) -> None:
        self._reader = reader
        self._client = reader.client
        self._languages: tuple[int, ...] = ()

    async def terms(self) -> PriceTerms:
        """Return the shop's default currency, in which rules are, and the tax of each type."""
        facts = await self._reader.facts_for_writing()
        currency = facts.currency(facts.default_currency_id) or ""
        rates = await self._reader.tax_rates()
        return PriceTerms(currency, {kind: rate * 100 for kind, rate in rates.items()})

    async def rules(self, room_type_ids: Sequence[int]) -> list[RateRule]:
        """Return the rules that are not made for one cart, guest or room; one request."""
        rows = await self._client.rows(
            "feature_prices", "feature_prices", {"filter[id_product]": id_filter(room_type_ids), "display": "full"}
        )
        general = [row for row in rows if not any(int_of(row.get(name)) for name in ("id_cart", "id_guest", "id_room"))]
        return sorted((rule for row in general for rule in _rules(row)), key=lambda rule: rule.rule_id)

    async def make(self, draft: RateDraft) -> Outcome[RateRule]:
        """Make a rule; one request."""
        return await self._write("POST", "feature_prices", None, draft)

    async def change(self, rule_id: int, draft: RateDraft) -> Outcome[RateRule]:
        """Replace a rule; one request."""
        return await self._write("PUT", f"feature_prices/{rule_id}", rule_id, draft)

    async def _write(self, method: str, path: str, rule_id: int | None, draft: RateDraft) -> Outcome[RateRule]:
        document = await self._document(rule_id, draft)
        try:
            answer = await self._client.send_xml(method, path, document)
        except QloAppsError as error:
            return _ended(error)
        made = int(answer.findtext("feature_price/id") or rule_id or 0)
        if not made:
            return Unknown("QloApps took a price rule without saying which it is.", {"first": str(draft.first)})
        return Done(RateRule(made, draft.room_type_id, RATE_NAME, draft.first, draft.last, draft.net, ours=True))

    async def delete(self, rule_id: int) -> Outcome[None]:
        """Delete a rule; one request."""
        try:
            await self._client.delete(f"feature_prices/{rule_id}")
        except QloAppsError as error:
            return Done(None) if error.reason == "NOT_FOUND" else _ended(error)
        return Done(None)

    async def _document(self, rule_id: int | None, draft: RateDraft) -> etree._Element:
        facts = await self._reader.facts_for_writing()
        if not self._languages:
            rows = await self._client.rows("languages", "languages", {"display": "[id]"})
            self._languages = tuple(int(row["id"]) for row in rows) or (facts.default_language_id,)
        return rule_document(
            draft.room_type_id,
            draft.net,
            draft.first,
            draft.last,
            names=dict.fromkeys(self._languages, RATE_NAME),
            more={"id": str(rule_id)} if rule_id else {},
            groups=GROUPS,
            flat=facts.is_snapshot,
        )

    async def set_limits(self, room_type_id: int, min_stay: int, max_stay: int) -> bool:
        """Set `min_los` and `max_los`; no request when they were right when last read, three otherwise [357] [358]."""
        known = (await self._reader.room_type_rows()).get(room_type_id)
        if known is not None and (known.min_los, known.max_los) == (min_stay, max_stay):
            return False
        query = {"filter[id_product]": f"[{room_type_id}]", "display": "[id]"}
        for row in await self._client.rows("hotel_room_types", "hotel_room_types", query):
            path = f"hotel_room_types/{int(row['id'])}"
            document = await self._client.get_xml(path)
            for name, value in (("min_los", min_stay), ("max_los", max_stay)):
                field = document.find(f"hotel_room_type/{name}")
                if field is not None:
                    field.text = str(value)
            await self._client.send_xml("PUT", path, document)
        await self._reader.room_type_rows(fresh=True)
        return True


def rule_document(
    room_type_id: int,
    net: Decimal,
    first: date,
    last: date | None,
    *,
    names: Mapping[int, str],
    more: Mapping[str, str],
    groups: Sequence[int] = (),
    flat: bool = False,
) -> etree._Element:
    """Return a rule that fixes the price of nights; without a last one it is for the first alone.

    `names` are by language, `more` are further fields; `flat` has the dates among the fields, as the snapshot wants it.
    """
    nights = {
        "date_from": first.isoformat(),
        "date_to": (last or first).isoformat(),
        "date_selection_type": str(_DATE_RANGE if last else _SINGLE_DATE),
        "is_special_days_exists": "0",
        "special_days": "",
    }
    fixed = {
        "id_product": str(room_type_id),
        "impact_way": str(_FIXED),
        "impact_type": str(_AMOUNT),
        "impact_value": f"{net:.6f}",
        "active": "1",
    }
    root = etree.Element("qloapps")
    rule = etree.SubElement(root, "feature_price")
    for name, text in {**more, **fixed, **(nights if flat else {})}.items():
        etree.SubElement(rule, name).text = text
    title = etree.SubElement(rule, "feature_price_name")
    for language, text in names.items():
        etree.SubElement(title, "language", id=str(language)).text = text
    parts = etree.SubElement(rule, "associations")
    listed = etree.SubElement(parts, "groups")
    for group in groups:
        etree.SubElement(etree.SubElement(listed, "group"), "id").text = str(group)
    if not flat:
        restriction = etree.SubElement(etree.SubElement(parts, "restrictions"), "price_rule")
        for name, text in nights.items():
            etree.SubElement(restriction, name).text = text
    return root


def _ended(error: QloAppsError) -> Outcome[Any]:
    """Return what a failed write of a rule means: whoever is in doubt reads the rules, which tell all."""
    if error.reason == "VALIDATION_ERROR" and "overlapping" in error.message:
        sentence = "Another price rule stands on one of these nights in QloApps."
        return Refused("RATE_OVERLAPS", sentence, Actor.MANAGER, error.message)
    if proof_of(error) is Proof.NOTHING_DONE:
        return outcome_of(error)
    return Unknown("A price rule was sent to QloApps without an answer.", {"answer": error.reason})


def _rules(row: Mapping[str, Any]) -> list[RateRule]:
    """Return one rule for each range of dates of a row."""
    parts = row.get("associations") or {}
    spans = parts.get("restrictions") if "date_from" not in row else [row]
    name = text_of(row.get("feature_price_name"))
    fixed = (int_of(row.get("impact_way")), int_of(row.get("impact_type"))) == (_FIXED, _AMOUNT)
    groups = {int(group["id"]) for group in parts.get("groups") or ()}
    active = bool(int_of(row.get("active")))
    return [
        RateRule(
            int(row["id"]),
            int_of(row["id_product"]),
            name,
            *_nights(span),
            Decimal(str(row["impact_value"])),
            ours=name == RATE_NAME,
            sound=active and fixed and set(GROUPS) <= groups and not int_of(span.get("is_special_days_exists")),
            idle=not active or not groups,
        )
        for span in spans or ()
    ]


def _nights(span: Mapping[str, Any]) -> tuple[date, date]:
    first = parse_date(text_of(span.get("date_from")))
    ranged = int_of(span.get("date_selection_type")) == _DATE_RANGE and text_of(span.get("date_to"))
    return first, max(first, parse_date(text_of(span.get("date_to")))) if ranged else first
