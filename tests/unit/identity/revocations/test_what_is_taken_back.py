"""What a revocation takes back, and what it leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.identity.model import CheckedVisa
from opengdi.identity.revocations.model import Kind, Revocation
from opengdi.identity.revocations.rules import Ended, as_notice, for_everybody, read_notice
from opengdi.kernel.errors import Invalid

NOW = datetime(2026, 1, 1, tzinfo=UTC)
VISA = CheckedVisa(
    "ControlledAccessGrants",
    "https://north.example.org/datasets/GDID-1",
    "https://dac.example.org",
    "dac",
    NOW - timedelta(days=3),
    "https://north.example.org",
    "GDIP-ABCDEFGHIJ.5f2c",
    "r1",
    NOW + timedelta(minutes=30),
    "GDID-1",
)

texts = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FFF), min_size=1, max_size=60)
times = st.datetimes(timezones=st.just(UTC))
revocations = st.builds(
    Revocation,
    id=texts,
    kind=st.sampled_from(Kind),
    at=times,
    permit=texts,
    jti=texts,
    subject=texts,
    dataset=texts,
    node=texts,
)


def ended(kind: Kind, **facts: str) -> Ended:
    found = Ended()
    found.take(Revocation("1", kind, NOW, **facts))
    return found


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        (Kind.PERMIT, {"permit": "GDIP-ABCDEFGHIJ"}),
        (Kind.VISA, {"jti": "GDIP-ABCDEFGHIJ.5f2c"}),
        (Kind.SUBJECT, {"subject": "r1"}),
        (Kind.DATASET_SUBJECT, {"subject": "r1", "dataset": "GDID-1"}),
    ],
)
def test_a_visa_ends_with_its_permit_its_id_its_person_or_the_persons_use_of_the_dataset(
    kind: Kind, facts: dict[str, str]
):
    assert ended(kind, **facts).covers(VISA)


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        (Kind.PERMIT, {"permit": "GDIP-ABCDEFGHI"}),
        (Kind.PERMIT, {"permit": "GDIP-ABCDEFGHIJ.5f2c"}),
        (Kind.VISA, {"jti": "GDIP-ABCDEFGHIJ"}),
        (Kind.SUBJECT, {"subject": "r2"}),
        (Kind.DATASET_SUBJECT, {"subject": "r1", "dataset": "GDID-2"}),
        (Kind.DATASET_SUBJECT, {"subject": "r2", "dataset": "GDID-1"}),
        (Kind.GRANT, {"jti": "GDIP-ABCDEFGHIJ.5f2c"}),
    ],
)
def test_it_leaves_everything_else(kind: Kind, facts: dict[str, str]):
    assert not ended(kind, **facts).covers(VISA)


def test_a_visa_without_an_id_is_not_ended_by_an_id_or_a_permit():
    for kind, facts in ((Kind.VISA, {"jti": ""}), (Kind.PERMIT, {"permit": ""})):
        assert not ended(kind, **facts).covers(replace(VISA, jti=""))


@pytest.mark.parametrize("kind", [Kind.PERMIT, Kind.DATASET_SUBJECT])
def test_visas_signed_well_after_the_end_are_of_an_issuer_that_knew_of_it(kind: Kind):
    """A permit was suspended and goes on; somebody left and came back."""
    found = ended(kind, permit="GDIP-ABCDEFGHIJ", subject="r1", dataset="GDID-1")
    assert found.covers(replace(VISA, issued=NOW))
    assert found.covers(replace(VISA, issued=NOW + timedelta(seconds=60)))
    assert not found.covers(replace(VISA, issued=NOW + timedelta(seconds=61)))


@pytest.mark.parametrize("kind", [Kind.VISA, Kind.SUBJECT])
def test_when_a_visa_was_signed_does_not_matter_where_itself_or_the_person_was_taken_back(kind: Kind):
    found = ended(kind, jti=VISA.jti, subject="r1")
    assert found.covers(replace(VISA, issued=NOW + timedelta(days=1)))


@pytest.mark.parametrize("kind", [Kind.SUBJECT, Kind.DATASET_SUBJECT])
def test_a_later_decision_opens_again_what_was_taken_back_of_a_person(kind: Kind):
    found = ended(kind, subject="r1", dataset="GDID-1")
    assert found.covers(replace(VISA, asserted=NOW))
    assert not found.covers(replace(VISA, asserted=NOW + timedelta(seconds=1)))


@given(st.lists(revocations, max_size=8))
def test_the_order_in_which_revocations_come_does_not_matter(told: list[Revocation]):
    forwards, backwards = Ended(), Ended()
    for each in told:
        forwards.take(each)
    for each in reversed(told):
        backwards.take(each)
        backwards.take(each)
    visas = [replace(VISA, subject=each.subject, dataset=each.dataset, jti=each.jti) for each in told]
    assert [forwards.covers(visa) for visa in visas] == [backwards.covers(visa) for visa in visas]


@given(revocations)
def test_what_the_feed_tells_is_what_was_written(told: Revocation):
    assert read_notice(as_notice(told)) == told


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
fields = st.sampled_from(["id", "kind", "at", "permit", "jti", "subject", "dataset", "node"])


@given(st.dictionaries(fields, json | st.sampled_from([kind.value for kind in Kind])))
def test_a_notice_is_read_or_called_invalid(body: dict[str, object]):
    try:
        found = read_notice(body)
    except Invalid:
        return
    assert found.id


@given(revocations)
def test_strangers_hear_nothing_about_a_person(told: Revocation):
    private = replace(told, subject="somebody-secret", dataset="dataset-secret")
    heard = for_everybody(private)
    if told.kind in {Kind.VISA, Kind.PERMIT}:
        assert heard is not None
        assert set(heard) <= {"jti", "permit", "at"}
        assert "secret" not in str(heard)
    else:
        assert heard is None


def test_what_is_old_is_forgotten():
    found = ended(Kind.VISA, jti=VISA.jti)
    found.forget_before(NOW + timedelta(seconds=1))
    assert not found.covers(VISA)
    assert len(found) == 0
