"""The comparison behind the contract test notices what it should, and nothing else."""

from __future__ import annotations

import pytest

from tests.simulators.qloapps.recordings import Exchange, compare

JSON = '{"orders":[{"id":1,"total":"5.000000","note":null,"associations":{"bookings":[{"id":2}]}}]}'
XML = '<q xmlns:xlink="x"><order a="1"><id><![CDATA[1]]></id><name><language id="1">A</language></name></order></q>'


def exchange(answer: str, content_type: str, *, trimmed: bool = False, status: int = 200) -> Exchange:
    return Exchange("000", "000-x", 0, "GET", "/api/orders", {}, "", status, content_type, answer, trimmed)


@pytest.mark.parametrize(
    ("ours", "differs"),
    [
        (JSON, False),
        (JSON.replace('"id":1', '"id":7'), True),
        (JSON.replace('"id":1', '"id":"1"'), True),
        (JSON.replace('"5.000000"', '"5.000001"'), True),
        (JSON.replace("null", '""'), True),
        (JSON.replace('"note":null,', ""), True),
        (JSON.replace('"note":null', '"note":null,"more":1'), True),
        (JSON.replace('[{"id":2}]', '[{"id":2},{"id":3}]'), True),
        (JSON.replace('[{"id":2}]', "[]"), True),
        (JSON.replace('[{"id":2}]', '{"2":{"id":2}}'), True),
    ],
)
def test_a_json_answer_that_differs_in_one_place_is_noticed(ours: str, differs: bool) -> None:
    found = compare(exchange(JSON, "application/json"), 200, "application/json", ours, frozenset())
    assert bool(found) is differs


@pytest.mark.parametrize(
    ("ours", "differs"),
    [
        (XML, False),
        (XML.replace("[1]", "[2]"), True),
        (XML.replace('a="1"', 'a="2"'), True),
        (XML.replace(' a="1"', ""), True),
        (XML.replace("<id>", "<no>").replace("</id>", "</no>"), True),
        (XML.replace("</order>", "<more/></order>"), True),
        (XML.replace(">A<", ">B<"), True),
        (XML.replace("<![CDATA[1]]>", ""), True),
    ],
)
def test_an_xml_answer_that_differs_in_one_place_is_noticed(ours: str, differs: bool) -> None:
    found = compare(exchange(XML, "text/xml;charset=utf-8"), 200, "text/xml;charset=utf-8", ours, frozenset())
    assert bool(found) is differs


def test_status_and_content_type_count() -> None:
    recorded = exchange(JSON, "application/json")
    assert compare(recorded, 500, "application/json", JSON, frozenset())
    assert compare(recorded, 200, "text/html", JSON, frozenset())


def test_a_mask_spares_the_value_and_never_the_shape() -> None:
    recorded, masks = exchange(JSON, "application/json"), frozenset(("total",))
    assert not compare(recorded, 200, "application/json", JSON.replace("5.000000", "6.000000"), masks)
    assert compare(recorded, 200, "application/json", JSON.replace('"5.000000"', "5"), masks)


@pytest.mark.parametrize(("text", "content_type"), [(JSON, "application/json"), (XML, "text/xml;charset=utf-8")])
def test_a_trimmed_answer_is_compared_as_far_as_it_goes(text: str, content_type: str) -> None:
    recorded = exchange(text[:-8], content_type, trimmed=True)
    assert not compare(recorded, 200, content_type, text, frozenset())
    wrong = text.replace('"id":1', '"id":9').replace("<id><![CDATA[1]]>", "<id><![CDATA[9]]>")
    assert compare(recorded, 200, content_type, wrong, frozenset())
