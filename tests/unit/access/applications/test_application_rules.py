"""Who is what in an application, which cases it has, what it costs, what its digest covers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.access.applications.histories import DATASETS, ID

from opengdi.access.applications.checks import Circumstances, submission_faults
from opengdi.access.applications.content import (
    Content,
    WireAnswer,
    checked_content,
    digest_of,
    read_content,
    version_document,
    write_content,
)
from opengdi.access.applications.costs import PriceList, estimate, months_until, told_estimate
from opengdi.access.applications.hints import hints_for
from opengdi.access.applications.model import (
    Application,
    Attachment,
    CaseAt,
    CaseKind,
    Command,
    Member,
    OpenedCase,
    Role,
    State,
)
from opengdi.access.applications.rules import permitted, refusal_of, roles_in
from opengdi.access.applications.splitting import split
from opengdi.access.model import AskedDataset, Purpose
from opengdi.access.ports import Match, Standing
from opengdi.kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from opengdi.kernel.principal import Duty
from opengdi.kernel.principal import Role as Held
from opengdi.kernel.release import DatasetType

NOW = datetime(2026, 11, 29, tzinfo=UTC)
SENT = Application(
    id=ID,
    state=State.PENDING,
    applicant="ann",
    organisation="uni",
    members=(Member("ben", "uni"),),
    datasets=DATASETS,
    cases=(CaseAt(OpenedCase("c", CaseKind.DECIDE, "n1", "b1", DATASETS[:1])),),
)


def test_officials_and_coordinators_who_take_part_are_only_that():
    duties = frozenset({Duty(Held.COORDINATOR), Duty(Held.SIGNING_OFFICIAL, "uni")})
    assert roles_in(SENT, "ann", duties, frozenset({"ann"})) == {Role.APPLICANT}
    assert roles_in(SENT, "ben", duties) == {Role.MEMBER}
    assert roles_in(SENT, "cleo", duties) == {Role.COORDINATOR, Role.SIGNING_OFFICIAL}
    assert roles_in(SENT, "cleo", frozenset({Duty(Held.SIGNING_OFFICIAL, "other")})) == {Role.EVERYONE_ELSE}
    assert roles_in(SENT, "cleo", frozenset({Duty(Held.DAC_MEMBER, "b1")})) == {Role.REVIEWER_BODY}
    assert roles_in(SENT, "", duties=frozenset()) == {Role.EVERYONE_ELSE}


def test_a_draft_concerns_no_office():
    draft = replace(SENT, state=State.DRAFT)
    assert roles_in(draft, "cleo", frozenset({Duty(Held.COORDINATOR)}), frozenset({"cleo"})) == {
        Role.EVERYONE_ELSE
    }


def test_a_refusal_says_as_much_as_the_asker_may_know():
    assert refusal_of(SENT, frozenset({Role.APPLICANT}), Command.WITHDRAW) is None
    assert isinstance(refusal_of(SENT, frozenset({Role.APPLICANT}), Command.SUBMIT), Conflict)
    assert isinstance(refusal_of(SENT, frozenset({Role.APPLICANT}), Command.CONFIRM), NotPermitted)
    assert isinstance(refusal_of(SENT, frozenset({Role.EVERYONE_ELSE}), Command.CONFIRM), NotFound)


@given(st.sampled_from(sorted(State)), st.frozensets(st.sampled_from(sorted(Role))))
def test_more_roles_never_permit_less(state: State, roles: frozenset[Role]):
    for role in roles:
        assert permitted(state, {role}) <= permitted(state, roles)


ASKED = st.lists(
    st.builds(
        AskedDataset,
        st.sampled_from(["d1", "d2", "d3", "d4", "d5"]),
        st.just("1"),
        st.sampled_from(["n1", "n2"]),
        st.sampled_from(["b1", "b2", "eu"]),
        st.sampled_from(list(DatasetType)),
    ),
    max_size=8,
    unique_by=lambda one: one.dataset,
)


@given(ASKED)
def test_every_dataset_is_asked_about_by_those_who_decide_and_no_case_is_named_twice(
    datasets: list[AskedDataset],
):
    cases = split(ID, datasets, hub="hub", central_body="eu")
    assert len({case.case for case in cases}) == len(cases)
    assert cases == split(ID, reversed(datasets), hub="hub", central_body="eu")
    for asked in datasets:
        kinds = sorted(case.kind for case in cases if asked in case.datasets)
        assert (
            kinds
            == {
                DatasetType.COMPLIANT: ["decide"],
                DatasetType.COHORT: ["central", "countersign"],
                DatasetType.EXTERNALLY_GOVERNED: [],
            }[asked.dataset_type]
        )
    for case in cases:
        if case.kind is not CaseKind.CENTRAL:
            assert {(asked.node, asked.body) for asked in case.datasets} == {(case.node, case.body)}
        assert case.case.startswith(f"{ID}.{case.body}")


def test_the_digest_changes_with_whatever_is_submitted():
    file = Attachment("f", "n", "ab", 1, "text/plain", "ann")
    draft = Application(id=ID, applicant="ann", datasets=DATASETS, attachments=(file,))
    content = Content("Title", answers=[WireAnswer("f", "a", "x")])
    variants = [
        version_document(draft, content, "uni"),
        version_document(draft, msgspec.structs.replace(content, title="Other"), "uni"),
        version_document(draft, msgspec.structs.replace(content, until="2030-01-01"), "uni"),
        version_document(draft, content, "institute"),
        version_document(replace(draft, datasets=DATASETS[1:]), content, "uni"),
        version_document(replace(draft, members=(Member("ben"),)), content, "uni"),
        version_document(replace(draft, attachments=(replace(file, sha256="cd"),)), content, "uni"),
        version_document(replace(draft, attachments=()), content, "uni"),
    ]
    assert len({digest_of(document) for document in variants}) == len(variants)
    assert digest_of(variants[0]) == digest_of(version_document(draft, content, "uni"))


@given(
    st.text(max_size=20),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers(), max_size=3),
)
def test_content_reads_back_as_it_was(title: str, duo: dict[str, object]):
    content = Content(title, duo=duo, answers=[WireAnswer("f", "a", ["x", {"y": "z"}])])
    assert read_content(write_content(content)) == content
    assert read_content(write_content(content)).digest == content.digest


@pytest.mark.parametrize(
    "content",
    [
        Content("x" * 301),
        Content(until="tomorrow"),
        Content(until="2026-02-30"),
        Content(duo={"share": 0.5}),
        Content(duo={"a": {"b": {"c": {"d": {"e": {"f": {}}}}}}}),
        Content(duo={"a": "x" * 17_000}),
    ],
)
def test_content_that_has_no_one_spelling_or_no_end_is_refused(content: Content):
    with pytest.raises(Invalid):
        checked_content(content)


def test_costs_are_by_node_and_say_where_no_price_is_known():
    prices = {"n2": PriceList("n2", "EUR", application=100, dataset=10, month=2, egress_gib=1)}
    items, without = estimate(DATASETS, prices, months=6, egress_gib=5)
    assert without == ["n1"]
    assert {item.what: item.amount for item in items} == {
        "application": 100,
        "provisioning": 30,
        "processing": 36,
        "egress": 5,
    }
    told = told_estimate(items, without, 6)
    assert told["totals"] == [{"currency": "EUR", "amount": 171}]
    assert months_until("2027-11-29", date(2026, 11, 29)) == 12
    assert months_until("", date(2026, 11, 29)) == months_until("2020-01-01", date(2026, 11, 29)) == 1


def test_members_elsewhere_need_their_own_standing_and_care_needs_a_licence():
    circumstances = Circumstances(
        (),
        {
            "ann": Standing("ann", "uni", True, signing_officials=frozenset({"official"})),
            "ben": Standing("ben", "lab", False, lacking=("Training is over.",)),
        },
        [None] * len(DATASETS),
        (),
    )
    draft = Application(id=ID, applicant="ann", members=(Member("ben", "lab"),), datasets=DATASETS)
    content = Content("Title", until="2028-01-01")
    faults = submission_faults(draft, content, circumstances, NOW)
    assert [fault.type for fault in faults] == ["dataset-not-offered"] * 4 + ["member-may-not-request"]
    assert "Training is over." in faults[-1].detail
    care = submission_faults(replace(draft, purpose=Purpose.HEALTHCARE), content, circumstances, NOW)
    assert "applicant-may-not-reuse-for-care" in [fault.type for fault in care]


def test_hints_name_what_a_committee_would_ask():
    draft = Application(id=ID, applicant="ann", organisation="uni", members=(Member("ben", "lab"),))
    content = Content(
        "Title",
        duo={"topics": ["health"]},
        until="2050-01-01",
        answers=[WireAnswer("f", "variables", [{"variable": "BRCA1", "rationale": ""}])],
    )
    matches = {"d1": Match("no", ("Only cancer.",)), "d2": Match("unsure", ("Ask.",)), "d3": Match("yes")}
    hints = {hint.code: hint for hint in hints_for(draft, content, matches, NOW)}
    assert {"duo-conflict", "duo-unsure", "rationale-missing", "until-far", "other-organisations"} <= set(
        hints
    )
    assert hints["duo-conflict"].dataset == "d1"
    assert "BRCA1" in hints["rationale-missing"].text
