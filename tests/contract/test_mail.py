"""Letters reach an SMTP server that speaks with us, or a folder; what a server says decides what becomes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from tests.smtp_server import MailServer, a_mail_server, certificate
from tests.system.ports import free_port

from opengdi.kernel.errors import Invalid, Unavailable
from opengdi.kernel.keys import Secret
from opengdi.kernel.mail import Deferred, FolderPost, Letter, Security, SmtpPost, SmtpServer

LETTER = Letter(
    "0123abcd",
    "anna@example.org",
    "Application GDIA-1 – décision",
    "Granted: a\n.\nÜber alles.\n",
    datetime(2026, 12, 1, 9, tzinfo=UTC),
    "noreply@hub.example.org",
    "Hub, the great",
)


def post(port: int, security: Security = Security.NONE, **more: object) -> SmtpPost:
    told = {"timeout_s": 2.0, **more}
    return SmtpPost(SmtpServer("localhost", port, security, **told))  # type: ignore[arg-type]  # by name


def test_a_letter_arrives_as_it_was_written():
    with a_mail_server() as server:
        post(server.port).deliver(LETTER)
    [(to, letter)] = server.taken
    assert to == "anna@example.org"
    assert (letter["to"], letter["subject"]) == ("anna@example.org", LETTER.subject)
    assert letter["from"] == '"Hub, the great" <noreply@hub.example.org>'
    assert letter["message-id"] == "<0123abcd@hub.example.org>"
    assert letter["auto-submitted"] == "auto-generated"
    assert letter["date"].datetime == LETTER.at
    assert letter.get_content().replace("\r\n", "\n") == LETTER.text
    assert letter.get_content_type() == "text/plain"


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": "anna@example.org\r\nBcc: all@example.org"},
        {"to": "anna@example.org, eve@example.org"},
        {"to": "änna@example.org"},
        {"to": ""},
        {"sender": "nobody"},
    ],
)
def test_what_is_no_address_goes_into_no_header(wrong: dict[str, str]):
    letter = Letter(**{**{name: getattr(LETTER, name) for name in LETTER.__slots__}, **wrong})
    with a_mail_server() as server, pytest.raises(Invalid, match="e-mail address"):
        post(server.port).deliver(letter)
    assert not server.said, "nobody was even asked"


def test_a_subject_stays_one_line():
    told = {name: getattr(LETTER, name) for name in LETTER.__slots__}
    message = Letter(**{**told, "subject": "a\r\nBcc: all@example.org"}).message()
    assert message["bcc"] is None
    assert message["subject"] == "a Bcc: all@example.org"


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_letters_go_encrypted_to_whom_the_certificate_names(tmp_path: Path, security: Security):
    context, ca_file = certificate(tmp_path)
    mood = MailServer(tls=context, from_the_start=security is Security.TLS, user="hub", password="s3cret")
    with a_mail_server(mood) as server:
        known = {"user": "hub", "password": Secret(b"s3cret")}
        post(server.port, security, ca_file=ca_file, **known).deliver(LETTER)
        assert server.encrypted == [True]
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            post(server.port, security, **known).deliver(LETTER)
        wrong = {"user": "hub", "password": Secret(b"guess")}
        with pytest.raises(Unavailable, match="535"):
            post(server.port, security, ca_file=ca_file, **wrong).deliver(LETTER)
    assert len(server.taken) == 1


def test_no_letter_goes_in_the_clear_where_encryption_was_asked_for():
    with a_mail_server() as server, pytest.raises(Unavailable, match="STARTTLS"):
        post(server.port, Security.STARTTLS, user="hub", password=Secret(b"s3cret")).deliver(LETTER)
    assert not [line for line in server.said if line.startswith(("AUTH", "MAIL"))]


@pytest.mark.parametrize(
    "word,reply,kind",
    [
        ("RCPT", "550 5.1.1 <anna@example.org>: no such user", Invalid),
        ("RCPT", "450 4.2.0 greylisted, come again", Deferred),
        ("RCPT", "452 4.2.2 mailbox full", Deferred),
        ("RCPT", "421 closing", Deferred),
        ("END", "554 5.7.1 this is spam", Invalid),
        ("END", "451 4.3.0 try later", Deferred),
        ("MAIL", "550 5.7.1 you may not send from here", Unavailable),
        ("MAIL", "451 4.3.0 busy", Unavailable),
        ("HELLO", "554 no service", Unavailable),
        ("HELLO", "421 too many connections", Unavailable),
    ],
)
def test_a_refusal_is_told_for_what_it_is(word: str, reply: str, kind: type[Exception]):
    with a_mail_server(MailServer(replies={word: [reply]})) as server:
        with pytest.raises(kind) as refused:
            post(server.port).deliver(LETTER)
        assert type(refused.value) is kind
        assert "anna" not in str(refused.value), "reasons are kept and logged: no addresses"
        post(server.port).deliver(LETTER)
    assert len(server.taken) == 1


@pytest.mark.parametrize("word", ["EHLO", "MAIL", "RCPT"])
def test_a_server_that_hangs_up_is_asked_again_later(word: str):
    with a_mail_server(MailServer(hang_up_after=word)) as server, pytest.raises(Unavailable):
        post(server.port).deliver(LETTER)


def test_a_letter_that_was_taken_counts_however_the_talk_ends():
    with a_mail_server(MailServer(replies={"QUIT": ["421 gone"]})) as server:
        post(server.port).deliver(LETTER)
    assert len(server.taken) == 1


def test_a_slow_server_is_not_waited_for_without_end():
    with a_mail_server(MailServer(hold_s=0.6)) as server, pytest.raises(Unavailable, match="timed out"):
        post(server.port, timeout_s=0.2).deliver(LETTER)


def test_a_server_that_is_away_is_named():
    port = free_port()
    with pytest.raises(Unavailable, match=f"mail server localhost:{port} cannot be used"):
        post(port).deliver(LETTER)


def test_a_folder_takes_letters_that_any_mail_program_opens(tmp_path: Path):
    folder = tmp_path / "mail"
    FolderPost(folder).deliver(LETTER)
    FolderPost(folder).deliver(LETTER)
    [file] = folder.iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == ("20261201T090000-0123abcd.eml", 0o600)
    assert folder.stat().st_mode & 0o777 == 0o700
    letter = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert letter["subject"] == LETTER.subject


def test_a_folder_forgets_letters_by_their_id_and_by_whom_they_are_for(tmp_path: Path):
    folder = FolderPost(tmp_path / "mail")
    folder.forget(["n-1"], ["one@example.org"])  # there is no folder yet
    kept = replace(LETTER, id="n-2", to="other@example.org")
    for letter in (
        replace(LETTER, id="n-1", to="old@example.org"),
        kept,
        replace(LETTER, id="n-3", to="One@example.org"),
    ):
        folder.deliver(letter)
    folder.forget(["n-1"], ["one@example.org"])
    [left] = (tmp_path / "mail").iterdir()
    assert left.name.endswith(f"-{kept.id}.eml")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "mail").write_text("a file")
    with pytest.raises(Unavailable, match="mail"):
        FolderPost(tmp_path / "mail").deliver(LETTER)
