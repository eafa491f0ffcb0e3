"""Workflows are data: those that ship serve every purpose, and a wrong file says what is wrong with it."""

from __future__ import annotations

from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.access.cases.model import CaseKind, State
from opengdi.access.cases.workflow import (
    Rule,
    read_workflows,
    shipped_workflows,
    workflow_as_json,
    workflow_of_json,
)
from opengdi.access.model import Purpose
from opengdi.kernel.errors import Invalid

SHIPPED = resources.files("opengdi.access.cases").joinpath("shipped.toml").read_text(encoding="utf-8")


def test_every_purpose_and_kind_of_case_has_one_that_ships():
    found = shipped_workflows()
    assert set(found) == {(purpose, kind) for purpose in Purpose for kind in CaseKind}
    for workflow in found.values():
        assert workflow_of_json(workflow_as_json(workflow)) == workflow


@pytest.mark.parametrize(
    ("change", "to", "said"),
    [
        ("[[workflow]]", "[[wrkflow]]", "cannot be read"),
        ("people = 2\ndeadline_working_days = 1\n", "people = 1\ndeadline_working_days = 1\n", "two people"),
        ('kinds = ["countersign"]', 'kinds = ["decide"]', "two workflows"),
        ('purposes = ["quality-management"]', 'purposes = ["fun"]', "fun"),
        ('purposes = ["quality-management"]', "purposes = []", "no workflow"),
        ('name = "ethics-check"', 'name = "consensus"', "no step"),
        ('name = "opinion", roles = ["dac-member", ', 'name = "opinion", roles = ["operator", ', "operator"),
        ('name = "decision", roles = ["dac-chair"', 'name = "decision", roles = ["dac-member"', "formally"),
        ('name = "vote"', 'name = "decision"', "once"),
        ("quorum = 2", "quorum = 0", "quorum"),
    ],
)
def test_a_wrong_workflow_is_refused_with_what_is_wrong(change: str, to: str, said: str):
    assert change in SHIPPED
    with pytest.raises(Invalid, match=said):
        read_workflows(SHIPPED.replace(change, to))


def test_a_bodys_rule_makes_votes_stricter_never_laxer():
    found = shipped_workflows()[Purpose.HEALTHCARE, CaseKind.DECIDE]
    assert Rule("EE", quorum=1).apply(found).quorum == 2
    assert Rule("EE", quorum=4, seats=7).apply(found).may_vote == 7
    countersign = shipped_workflows()[Purpose.RESEARCH, CaseKind.COUNTERSIGN]
    assert Rule("EE", quorum=4).apply(countersign).quorum == 1
    assert countersign.step(State.VOTE) is None


@given(st.text(max_size=200))
def test_whatever_a_file_holds_it_is_read_or_refused_in_words(text: str):
    with pytest.raises(Invalid):
        read_workflows(text)
