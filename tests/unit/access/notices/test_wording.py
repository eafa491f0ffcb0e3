"""Texts of notices: one for each line of the table, with the facts it may use and no others."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from opengdi.access.notices.facts import FACTS
from opengdi.access.notices.rules import NOTICES, RULES
from opengdi.access.notices.wording import read_wording, shipped_wording, wording_of
from opengdi.kernel.errors import Invalid

ENGLISH = (files("opengdi.access.notices") / "texts" / "en.toml").read_text(encoding="utf-8")


def test_every_notice_has_a_subject_and_a_text_that_lead_somewhere():
    wording = shipped_wording("en")
    for rule in NOTICES:
        facts = {fact: f"<{fact}>" for fact in FACTS[rule.story]}
        subject, text = wording.letter(rule, facts)
        assert "\n" not in subject
        assert "<link>" in text, rule.name
        assert "<service>" in text
        assert "<code>" not in subject
        assert ("/notices" in text) is not rule.duty, "only news can be declined"


def test_a_code_stands_in_no_text_but_an_invitation():
    with_code = {name for name, told in tomllib.loads(ENGLISH).items() if "{code}" in str(told)}
    assert with_code <= {"member-invited", "organisation-invited"}


@pytest.mark.parametrize(
    "before,after,said",
    [
        ("Please confirm application {application}", "{subject.__class__}", "subject.__class__"),
        ("Please confirm application {application}", "{application!r}", "application"),
        ("Please confirm application {application}", "{application:>9999999}", "application"),
        ("Please confirm application {application}", "{0}", r"\{0\} is not known"),
        ("Please confirm application {application}", "{", "confirmation-wanted"),
        ("Please confirm application {application}", " ", "must be a text"),
        ("[member-left]", "[member-gone]", "member-gone"),
        (
            '[member-left]\nsubject = "Somebody left application {application}"',
            "[member-left]",
            "member-left",
        ),
        ("[frame]", "[frame]\nmore = 'x'", "frame"),
        ("[frame]", "[frame", "TOML|Expected|line"),
    ],
)
def test_a_wrong_text_is_refused_by_its_place(before: str, after: str, said: str):
    assert before in ENGLISH
    with pytest.raises(Invalid, match=said):
        read_wording(ENGLISH.replace(before, after, 1), "xx.toml")


def test_an_unknown_language_is_told_which_there_are():
    with pytest.raises(Invalid, match="there are texts in en"):
        shipped_wording("xx")


def test_an_operators_file_takes_the_place_of_ours(tmp_path: Path):
    file = tmp_path / "et.toml"
    file.write_text(ENGLISH.replace("Please confirm application", "Palun kinnita taotlus"), encoding="utf-8")
    assert wording_of(file).subjects["confirmation-wanted"] == "Palun kinnita taotlus {application}"
    with pytest.raises(Invalid, match="cannot be read"):
        wording_of(tmp_path / "none.toml")


def test_names_of_notices_are_told_once():
    assert len(RULES) == len(NOTICES)
