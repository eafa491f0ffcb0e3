"""The signed object and its print: what anybody can check, and read."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader
from tests.permit_kit import ANNA, BENO, END, HUB, HUB_KEY, KEYS, NOW, decision, ruling, signed
from tests.unit.access.permits.histories import histories, opened
from tests.unit.access.permits.test_permit_rules import issued

from opengdi.access.permits.document import (
    PERMIT_PURPOSE,
    SignedPermit,
    document_of,
    open_permit,
    sha256_of,
    sign_permit,
)
from opengdi.access.permits.model import Permit, State
from opengdi.access.permits.pdf import render
from opengdi.access.permits.verification import CheckedDecision, verdict_of
from opengdi.kernel.canonical import canonical_json
from opengdi.kernel.keys import SigningKey
from opengdi.standards.faults import Malformed, Unverified

BODY_KEYS = {"ee.dac": [KEYS["ee.dac"].public]}


def permit(**more: object) -> Permit:
    facts = {
        "title": "text-1",
        "environment": "SPE Tartu",
        "legal_basis": "EHDS Art 68",
        "datasets": tuple(replace(opened(each, END), conditions=("Only in the morning",)) for each in "AB"),
    }
    return replace(issued().permit, **(facts | more))


def made(**more: object) -> SignedPermit:
    return sign_permit(document_of(permit(**more), HUB), HUB_KEY)


@given(histories)
def test_a_signed_permit_says_what_the_permit_says(history):
    document = document_of(history.permit, HUB)
    assert open_permit(sign_permit(document, HUB_KEY).jws, [HUB_KEY.public], hub=HUB).document == document


def test_a_permit_of_another_key_hub_or_purpose_does_not_hold():
    found = made()
    with pytest.raises(Unverified):
        open_permit(found.jws, [SigningKey.generate().public])
    with pytest.raises(Malformed, match="of hub"):
        open_permit(found.jws, [HUB_KEY.public], hub="other.hub")
    payload = msgspec.json.encode(found.document)
    with pytest.raises(Unverified, match="signed as"):
        open_permit(HUB_KEY.sign(payload, purpose="gdi-decision+jwt"), [HUB_KEY.public])


@given(st.integers(min_value=0), st.characters(categories=["L", "N"]))
def test_no_character_of_it_can_be_changed(place: int, other: str):
    jws = made().jws
    place %= len(jws)
    if jws[place] != other:
        with pytest.raises((Malformed, Unverified)):
            open_permit(jws[:place] + other + jws[place + 1 :], [HUB_KEY.public], hub=HUB)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner), max_leaves=5
    )
)
def test_whatever_a_hub_signed_is_a_permit_or_malformed(told: object):
    with pytest.raises(Malformed):
        open_permit(HUB_KEY.sign(msgspec.json.encode(told), purpose=PERMIT_PURPOSE), [HUB_KEY.public])


@pytest.mark.parametrize("text", ["", "a.b.c", "x" * 5000, "é.é.é", made().jws + "."])
def test_what_is_no_jws_is_malformed(text: str):
    with pytest.raises((Malformed, Unverified)):
        open_permit(text, [HUB_KEY.public])


# -- checked by whoever holds it


def real(**more: object) -> SignedPermit:
    """A permit that follows from a decision on its datasets."""
    own = decision(ruling(until=END), ruling(until=END))
    rulings = tuple(replace(ruling(until=END), dataset=each) for each in "AB")
    each = [
        signed(replace(own, body="ee.dac", node="ee.node", rulings=rulings)),
    ]
    datasets = tuple(replace(opened(name, END), node="ee.node", body="ee.dac") for name in "AB")
    return made(**({"datasets": datasets, "decisions": tuple(each)} | more))


def test_a_permit_that_follows_from_its_decisions_holds():
    found = verdict_of(real(), BODY_KEYS, NOW)
    assert (found.word, found.faults) == ("holds", ())
    assert found.decisions == (CheckedDecision("ee.dac", "holds", NOW, "GDIA-1.ee.dac"),)


def test_without_a_bodys_key_its_decision_is_not_checked():
    found = verdict_of(real(), {}, NOW)
    assert (found.decisions, found.faults) == ((CheckedDecision("ee.dac", "not checked: no key given"),), ())


def test_a_decision_of_somebody_else_is_a_fault():
    [fault] = verdict_of(real(), {"ee.dac": [SigningKey.generate().public]}, NOW).faults
    assert "does not hold" in fault


def test_a_hub_that_widens_a_decision_is_found_out():
    datasets = permit().datasets
    own = tuple(replace(each, node="ee.node", body="ee.dac") for each in datasets)
    for wrong in (
        (*own, replace(own[0], dataset="C")),
        (replace(own[0], until=END + timedelta(1)),),
        (replace(own[0], version="2"),),
        (replace(own[0], node="fi.node"),),
    ):
        assert verdict_of(real(datasets=wrong), BODY_KEYS, NOW).faults, wrong
    assert not verdict_of(real(datasets=(replace(own[0], regions=("22:1-5",)),)), BODY_KEYS, NOW).faults


def test_the_time_and_the_state_are_told():
    assert verdict_of(real(), {}, END).word == "expired"
    assert verdict_of(real(), {}, NOW - timedelta(1)).word == "not yet in force"
    assert verdict_of(real(state=State.SUSPENDED), {}, NOW).word == "suspended"


# -- for people


def text_of(pdf: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages).split())


def test_a_print_says_all_that_the_permit_says():
    found = made()
    names = {ANNA.subject: "Researcher One", "GDIO-A": "University One"}
    text = text_of(render(found, lambda _ids: names, "Variants of lung & <other> cancers"))
    for said in (
        found.document.permit, "Variants of lung & <other> cancers", "Scientific research", "SPE Tartu", "EHDS Art 68",
        "2028-01-03", "A.node", "B.dac", "Researcher One", "University One", BENO.subject, "Only in the morning",
        "Publish.", "gdi permit verify", "1 decision(s)",
    ):  # fmt: skip
        assert said in text, said
    assert found.sha256 in text.replace(" ", "")
    assert sha256_of(found.jws) == found.sha256


def test_a_print_is_the_same_each_time_and_runs_over_pages():
    many = tuple(opened(f"GDI-EE-COHORT-{number:04}", END) for number in range(120))
    found = made(datasets=many)
    pdf = render(found, lambda _ids: {})
    assert pdf == render(found, lambda _ids: {})
    assert len(PdfReader(BytesIO(pdf)).pages) > 2
    assert PdfReader(BytesIO(pdf)).metadata.title == f"Data permit {found.document.permit}"
    assert "GDI-EE-COHORT-0119" in text_of(pdf)


def test_a_long_word_does_not_keep_a_permit_from_being_printed():
    assert render(made(environment="<b>" * 300), lambda _ids: {}, "x" * 3000).startswith(b"%PDF-")


def test_what_was_signed_holds_nothing_that_an_applicant_wrote():
    """It is at every node, for years, where no erasure reaches it."""
    found = made()
    assert "text-1" not in found.jws
    assert b"title" not in urlsafe_b64decode(found.jws.split(".")[1] + "==")
    assert "Untitled" in text_of(render(found, lambda _ids: {}))


def test_a_permit_that_was_signed_with_its_title_is_still_read():
    document = made().document
    told = msgspec.to_builtins(document) | {"title": "Variants of lung cancer"}
    jws = HUB_KEY.sign(canonical_json(told), purpose=PERMIT_PURPOSE)
    assert open_permit(jws, [HUB_KEY.public], hub=HUB).document == document
