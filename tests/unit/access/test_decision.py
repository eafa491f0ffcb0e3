"""A decision is the body's own: whoever has its public key can tell, and nothing in it can be changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.access.decision import (
    Decision,
    Ruling,
    body_key_name,
    decision_digest,
    open_decision,
    sign_decision,
)
from opengdi.kernel.keys import SigningKey
from opengdi.standards.faults import Malformed, Unverified

KEY, OTHER = SigningKey.generate(), SigningKey.generate()
AT = datetime(2026, 11, 29, 12, tzinfo=UTC)
DECISION = Decision(
    "ee.dac",
    "ee.node",
    "GDIA-1.ee.dac",
    "GDIA-1",
    "ab" * 32,
    AT,
    (
        Ruling(
            "GDI-EE-A-1", "1", True, "fits", ("no linkage",), datetime(2027, 1, 1, tzinfo=UTC), ("X:5-9",)
        ),
        Ruling("GDI-EE-B-1", "2", False, "out of scope"),
    ),
    "f" * 32,
)


def test_the_public_key_alone_shows_whose_decision_it_is() -> None:
    jws = sign_decision(DECISION, KEY)
    assert open_decision(jws, [KEY.public], body="ee.dac") == DECISION
    assert len(decision_digest(jws)) == 64
    assert body_key_name("ee.dac") == "body-ee.dac"


def test_another_key_another_body_or_another_purpose_proves_nothing() -> None:
    jws = sign_decision(DECISION, KEY)
    with pytest.raises(Unverified):
        open_decision(jws, [OTHER.public], body="ee.dac")
    with pytest.raises(Malformed, match=r"fi\.dac"):
        open_decision(jws, [KEY.public], body="fi.dac")
    with pytest.raises(Unverified):
        open_decision(KEY.sign(b"{}", purpose="gdi-permit+jwt"), [KEY.public], body="ee.dac")


@pytest.mark.parametrize(
    "changed",
    [
        replace(DECISION, rulings=()),
        replace(DECISION, rulings=(DECISION.rulings[0],) * 2),
        replace(DECISION, rulings=(replace(DECISION.rulings[0], until=None),)),
        replace(DECISION, at=datetime(2026, 1, 1)),  # noqa: DTZ001
    ],
)
def test_a_decision_that_says_too_little_is_none(changed: Decision) -> None:
    with pytest.raises(Malformed):
        open_decision(sign_decision(changed, KEY), [KEY.public], body="ee.dac")


@given(st.binary(max_size=200))
def test_whatever_was_signed_it_is_read_or_refused(payload: bytes) -> None:
    jws = KEY.sign(payload, purpose="gdi-decision+jwt")
    with pytest.raises(Malformed):
        open_decision(jws, [KEY.public], body="ee.dac")
