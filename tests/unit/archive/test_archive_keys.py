"""The archive's keys: made once, kept apart, one to seal to, all to open."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from tests.encrypted_uploads import archive_key, data_key, header_for, keyring, private_key

from opengdi.archive.keyring import load_keyring, new_key, retire_key
from opengdi.kernel.errors import Conflict, Invalid, NotFound
from opengdi.kernel.keys import KeyFolder
from opengdi.standards.crypt4gh import NoKeyFits, open_header, parse_public_key, public_key_text
from opengdi.standards.faults import Malformed, Unverified


@pytest.fixture
def folder(tmp_path: Path) -> KeyFolder:
    return KeyFolder(tmp_path / "keys", data_dir=tmp_path / "data")


def test_a_first_key_is_made_when_it_is_asked_for_and_is_the_same_from_then_on(
    folder: KeyFolder, tmp_path: Path
) -> None:
    made = load_keyring(folder)
    assert load_keyring(folder).current.key_id == made.current.key_id
    mode = (tmp_path / "keys" / "archive-1.c4gh").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_what_providers_get_is_the_current_public_key(folder: KeyFolder) -> None:
    load_keyring(folder)
    newest = new_key(folder)
    assert parse_public_key(load_keyring(folder).public_text) == newest.private.public


def test_all_keys_open_and_the_newest_that_is_not_retired_seals(folder: KeyFolder) -> None:
    first = load_keyring(folder).current
    second = new_key(folder)
    ours = load_keyring(folder)
    assert ours.current == second
    old = header_for(first.private.public, [data_key()])
    assert ours.opener(old) == first
    assert ours.opener(ours.seal(ours.open(old))) == second


def test_a_key_that_another_process_made_opens_too(folder: KeyFolder) -> None:
    ours = load_keyring(folder)
    newest = new_key(folder)
    assert ours.open(header_for(newest.private.public, [data_key()]))
    assert ours.current == newest


def test_a_retired_key_opens_and_seals_no_more(folder: KeyFolder) -> None:
    first = load_keyring(folder).current
    new_key(folder)
    retire_key(folder, load_keyring(folder), first.key_id)
    ours = load_keyring(folder)
    assert ours.key(first.key_id).retired
    assert ours.open(header_for(first.private.public, [data_key()]))
    with pytest.raises(Conflict, match="retired"):
        ours.target(first.key_id)


def test_the_current_key_is_not_retired(folder: KeyFolder) -> None:
    ours = load_keyring(folder)
    with pytest.raises(Conflict, match="current"):
        retire_key(folder, ours, ours.current.key_id)


def test_a_keyring_of_retired_keys_only_is_refused() -> None:
    with pytest.raises(Invalid, match="gdi archive key new"):
        keyring(archive_key(retired=True))


def test_an_unknown_key_is_no_target() -> None:
    with pytest.raises(NotFound, match="abcd"):
        keyring().target("abcd")


def test_a_key_file_that_others_may_read_is_refused(folder: KeyFolder, tmp_path: Path) -> None:
    load_keyring(folder)
    (tmp_path / "keys" / "archive-1.c4gh").chmod(0o644)
    with pytest.raises(Invalid, match="0600"):
        load_keyring(folder)


def test_a_damaged_key_file_is_named_and_not_shown(folder: KeyFolder, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "archive-1.c4gh"
    load_keyring(folder)
    path.write_text("-----BEGIN CRYPT4GH PRIVATE KEY-----\nc2VjcmV0\n-----END CRYPT4GH PRIVATE KEY-----\n")
    with pytest.raises(Invalid, match=r"archive-1\.c4gh") as refused:
        load_keyring(folder)
    assert "c2VjcmV0" not in str(refused.value)


def test_other_files_in_the_folder_are_no_keys(folder: KeyFolder, tmp_path: Path) -> None:
    for name in ("archive-x.c4gh", "archive-01.c4gh", "archive-2.c4gh.old", "node.pem"):
        descriptor = os.open(tmp_path / "keys" / name, os.O_CREAT, 0o600)
        os.close(descriptor)
    assert [key.number for key in load_keyring(folder).keys] == [1]


def test_the_recovery_key_opens_what_is_sealed_and_is_known_by_its_public_half(folder: KeyFolder) -> None:
    safe = private_key()
    ours = load_keyring(folder, recovery_key=public_key_text(safe.public))
    sealed = ours.seal(ours.open(header_for(ours.current.private.public, [data_key()])))
    assert open_header(sealed, [safe])
    with pytest.raises(NoKeyFits):
        ours.open(header_for(safe.public, [data_key()]))
    rescued = keyring(rescue=safe)
    assert rescued.open(sealed) == ours.open(sealed)
    assert rescued.opener(sealed) is None


def test_a_recovery_key_that_is_none_is_named_by_its_setting(folder: KeyFolder) -> None:
    with pytest.raises(Invalid, match=r"archive\.recovery_key"):
        load_keyring(folder, recovery_key="nonsense")


def test_only_what_this_archive_signed_for_this_purpose_is_verified() -> None:
    ours = keyring()
    token = ours.sign(b"said", purpose="one thing")
    assert ours.verified(token, purpose="one thing") == b"said"
    with pytest.raises(Unverified):
        ours.verified(token, purpose="another")
    for broken in (token[:-10], b"\xff", b""):
        with pytest.raises((Malformed, Unverified)):
            ours.verified(broken, purpose="one thing")


def test_keys_do_not_show() -> None:
    key = archive_key()
    shown = repr(key) + repr(keyring(key))
    assert key.private.reveal().hex() not in shown
    assert repr(key.private.reveal()) not in shown
