"""Settings of mail: what would be read by others on its way, or by others on this machine, is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from opengdi.apps.notices import open_post, open_wording, page_of
from opengdi.apps.settings import Settings
from opengdi.apps.settings_file import Misconfigured, load_settings
from opengdi.kernel.errors import Invalid
from opengdi.kernel.mail import FolderPost, SmtpPost

SERVER = 'server = "smtp.example.org"\nsender = "noreply@example.org"\n'
PROD = """
[hub]
id = "eu.gdi.hub"
environment = "prod"
organisation = { id = "eu.gdi", name = "Genome EDIC" }
[public]
external_url = "https://hub.gdi.eu"
"""


def settings(folder: Path, mail: str, more: str = "") -> Settings:
    file = folder / "gdi.toml"
    file.write_text(f"{more}\n[mail]\n{mail}")
    return load_settings(file, {})


@pytest.mark.parametrize(
    "mail,said",
    [
        (f'{SERVER}security = "none"\nuser = "hub"\npassword_file = "p"', "in the clear"),
        (f'{SERVER}user = "hub"', "go together"),
        (f'{SERVER}password_file = "p"', "go together"),
        ('server = "smtp.example.org"', "sender must be set"),
        ('sender = "noreply"', "e-mail address"),
        ('sender = "a@example.org\\nBcc: b@example.org"', "e-mail address"),
        ('language = "../../etc"', "language"),
        ('sevrer = "smtp.example.org"', "sevrer"),
        ('security = "maybe"', "security"),
    ],
)
def test_what_cannot_be_is_named(tmp_path: Path, mail: str, said: str):
    with pytest.raises(Misconfigured, match=said):
        settings(tmp_path, mail)


def test_production_sends_no_letter_in_the_clear_to_another_machine(tmp_path: Path):
    with pytest.raises(Misconfigured, match=r"mail\.security"):
        settings(tmp_path, f'{SERVER}security = "none"', PROD)
    assert settings(tmp_path, SERVER, PROD).mail.security == "starttls"
    here = 'server = "127.0.0.1"\nport = 25\nsender = "noreply@example.org"\nsecurity = "none"'
    assert settings(tmp_path, here, PROD).mail.port == 25


def test_a_laptop_needs_no_settings(tmp_path: Path):
    assert isinstance(open_post(Settings().mail, tmp_path), FolderPost)


def test_a_password_that_others_can_read_is_refused(tmp_path: Path):
    password = tmp_path / "mail.password"
    mail = settings(tmp_path, f'{SERVER}user = "hub"\npassword_file = "mail.password"').mail
    with pytest.raises(Invalid, match="cannot be read"):
        open_post(mail, tmp_path)
    password.write_text("s3cret\n")
    password.chmod(0o640)
    with pytest.raises(Invalid, match="chmod 600"):
        open_post(mail, tmp_path)
    password.chmod(0o600)
    post = open_post(mail, tmp_path)
    assert isinstance(post, SmtpPost)
    assert post._server.password is not None
    assert post._server.password.reveal() == b"s3cret"
    assert "s3cret" not in repr(post._server)


def test_texts_of_the_settings_are_read_at_the_start(tmp_path: Path):
    with pytest.raises(Invalid, match="there are texts in"):
        open_wording(settings(tmp_path, 'language = "xx"').mail)
    with pytest.raises(Invalid, match="cannot be read"):
        open_wording(settings(tmp_path, 'texts = "none.toml"').mail)


@pytest.mark.parametrize(
    "what,path",
    [
        (("application", "GDIA-1", "", ""), "/requests/GDIA-1"),
        (("application", "GDIA-1", "i", "c"), "/requests/GDIA-1#invitation=i&token=c"),
        (("permit", "GDIA-1", "", ""), "/requests/GDIA-1"),
        (("case", "GDIA-1.ee.dac", "", ""), "/cases/GDIA-1.ee.dac"),
        (("organisation", "GDIO-1", "i", "c"), "/invitation#c"),
        (("person", "somebody", "", ""), ""),
    ],
)
def test_a_letter_leads_to_the_page_of_its_thing(what: tuple[str, str, str, str], path: str):
    assert page_of(*what) == path
