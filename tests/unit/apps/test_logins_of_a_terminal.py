"""What `gdi login` keeps, and the forms that it finds on its way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from opengdi.apps.native_login import ConsentForm
from opengdi.apps.person_tokens import FILE, Kept, TokenFile
from opengdi.kernel.errors import Invalid, NotAuthenticated

ONE = Kept("https://one.example.org", "s1", "One", "secret-one")
TWO = Kept("https://two.example.org", "s2", "Two", "secret-two")


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    file = TokenFile(tmp_path / "gdi")
    with file.alone():
        file.keep(ONE)
        file.keep(TWO)
    return file


def test_the_last_login_counts_where_no_hub_is_named(file):
    assert file.find() == TWO
    assert file.find(ONE.hub) == ONE


def test_a_renewed_token_does_not_change_which_login_is_the_last(file):
    file.renew(replace(ONE, refresh_token="newer"))
    assert file.find() == TWO
    assert file.find(ONE.hub).refresh_token == "newer"


def test_a_second_login_at_a_hub_takes_the_place_of_the_first(file):
    file.keep(replace(ONE, subject="s3"))
    assert file.find().subject == "s3"
    assert len(file.all()) == 2


def test_who_is_not_logged_in_is_told_how_to(file):
    file.forget(ONE)
    with pytest.raises(NotAuthenticated, match=r"gdi login --hub https://one\.example\.org"):
        file.find(ONE.hub)


def test_a_login_prints_without_its_secret(file):
    assert "secret" not in repr(file.find())


@pytest.mark.parametrize("content", ["", "{}", "[1]", '[{"hub": "x"}]', "\x00"])
def test_a_file_that_is_not_ours_is_refused_and_left_alone(file, tmp_path, content):
    (tmp_path / "gdi" / FILE).write_text(content)
    with pytest.raises(Invalid, match="move it away"):
        file.find()
    assert (tmp_path / "gdi" / FILE).read_text() == content


def test_a_consent_form_is_known_by_its_button():
    page = (
        '<form action="/search"><input type="hidden" name="q" value="1"></form>'
        '<form action="/oidc/consent"><input type="hidden" name="ticket" value="t"><button name="answer">'
    )
    form = ConsentForm(page)
    assert (form.action, form.hidden["ticket"]) == ("/oidc/consent", "t")
    assert ConsentForm("<form action='/login'><button name='go'>").action == ""
