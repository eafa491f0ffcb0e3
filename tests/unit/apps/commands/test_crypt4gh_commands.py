"""`gdi crypt4gh` over files: what it writes, what it refuses, and what is left after an error."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.crypt4gh_desk import PLAIN, SIZE, desk
from tests.unit.standards.crypt4gh.kit import decrypted

from opengdi.apps.commands.crypt4gh import streams
from opengdi.apps.commands.crypt4gh.progress import progress_on_stderr
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import Conflict
from opengdi.standards.crypt4gh import CIPHER_SEGMENT, SEGMENT, parse_private_key, public_key_text

__all__ = ["desk"]


def test_a_file_goes_to_several_people_and_each_reads_it(desk):
    sealed = desk.encrypted("alice", "bob")
    assert decrypted(sealed.read_bytes(), desk.keys["bob"]) == PLAIN
    desk.gdi("decrypt", "sealed", "a", "--key", "alice.sec", "--passphrase-file", "word")
    desk.gdi("decrypt", "sealed", "b", "--key", "carol.sec", "--key", "bob.sec")
    assert desk.read("a") == desk.read("b") == PLAIN
    assert stat.S_IMODE((desk.folder / "a").stat().st_mode) == 0o600


@pytest.mark.parametrize("part", ["0-1", "65535-65537", "100000-", f"{SIZE - 5}-{SIZE + 5}", f"{SIZE + 1}-"])
def test_a_part_is_decrypted(desk, part):
    desk.encrypted()
    first, last = part.split("-")
    desk.gdi("decrypt", "sealed", "part", "--key", "bob.sec", "--range", part)
    assert desk.read("part") == PLAIN[int(first) : int(last or SIZE)]


def test_reencryption_changes_the_header_alone(desk):
    sealed = desk.encrypted("bob", "alice").read_bytes()
    desk.gdi("reencrypt", "sealed", "again", "--key", "bob.sec", "--recipient", "carol.pub")
    assert desk.read("again")[124:] == sealed[232:]
    assert decrypted(desk.read("again"), desk.keys["carol"]) == PLAIN
    assert "again: no private key" in desk.fails("decrypt", "again", "x", "--key", "bob.sec")[1]
    desk.gdi("reencrypt", "sealed", "kept", "--keep-others", "--key", "bob.sec", "--recipient", "carol.pub")
    for reader in ("alice", "carol"):
        assert decrypted(desk.read("kept"), desk.keys[reader]) == PLAIN


def test_the_body_is_copied_where_the_kernel_cannot_too(desk, monkeypatch):
    def refuse(_source, _target, _size):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(streams, "_copy_in_kernel", refuse)
    copied: list[int] = []
    with (
        streams.open_input(desk.folder / "plain") as source,
        streams.output(desk.folder / "b", force=False) as made,
    ):
        streams.copy_range(source, made, 100, SIZE - 5, copied.append)
    assert desk.read("b") == PLAIN[100 : SIZE - 5]
    assert sum(copied) == SIZE - 105


def test_a_slice_of_a_slice_is_for_its_readers(desk):
    desk.encrypted()
    desk.gdi("slice", "sealed", "cut", "--key", "bob.sec", "--range", "100-300000", "--range", "900000-")
    seen = PLAIN[100:300_000] + PLAIN[900_000:]
    assert decrypted(desk.read("cut"), desk.keys["bob"]) == seen
    desk.gdi(
        "slice", "cut", "again", "--key", "bob.sec", "--range", "70000-400000", "--recipient", "carol.pub"
    )
    assert decrypted(desk.read("again"), desk.keys["carol"]) == seen[70_000:400_000]
    assert len(desk.read("again")) < len(desk.read("cut")) < len(desk.read("sealed"))
    desk.gdi("decrypt", "again", "few", "--key", "carol.sec", "--range", "5-9")
    assert desk.read("few") == seen[70_005:70_009]


def test_inspect_tells_the_structure_to_all_and_the_content_to_readers(desk):
    desk.encrypted("alice", "bob")
    desk.gdi("slice", "sealed", "cut", "--key", "bob.sec", "--range", "100-300000")
    seen = json.loads(desk.gdi("inspect", "sealed", "--json"))
    assert [packet["offset"] for packet in seen["packets"]] == [16, 124]
    assert (seen["header_bytes"], seen["plain_bytes"], seen["segments"]) == (232, SIZE, 21)
    assert "data_keys" not in seen
    read = json.loads(desk.gdi("inspect", "cut", "--key", "bob.sec", "--json"))
    assert (read["opened"], read["data_keys"], read["edit_list"]) == ([16, 124], 1, [100, 299_900])
    assert (read["edited_bytes"], read["plain_bytes"]) == (299_900, 5 * SEGMENT)
    words = desk.gdi("inspect", "sealed", "--key", "bob.sec")
    assert "at 16: 108 bytes, writer " in words
    assert ", foreign\n  at 124:" in words
    assert f"plaintext: {SIZE} bytes\ndata keys: 1\nedit list: none; {SIZE} bytes after it" in words


@pytest.mark.parametrize(
    "change, message",
    [
        (
            lambda file: file.__setitem__(place := 124 + 2 * CIPHER_SEGMENT + 9, file[place] ^ 1),
            f"bad: byte {124 + 2 * CIPHER_SEGMENT}: ",
        ),
        (
            lambda file: file.__delitem__(slice(-1, None)),
            f"bad: byte {124 + 20 * CIPHER_SEGMENT}: the segment",
        ),
        (
            lambda file: file.__delitem__(slice(124 + CIPHER_SEGMENT + 9, None)),
            "the last segment has 9 bytes",
        ),
        (lambda file: file.__delitem__(slice(100, None)), "bad: the file ends within the Crypt4GH header"),
        (lambda file: file.__setitem__(0, 66), "bad: byte 0: not a Crypt4GH file"),
        (lambda file: file.__setitem__(8, 2), "bad: byte 8: Crypt4GH version 2; only version 1"),
    ],
)
def test_damage_is_named_with_file_and_offset_and_leaves_nothing(
    desk, change: Callable[[bytearray], object], message: str
):
    file = bytearray(desk.encrypted().read_bytes())
    change(file)
    (desk.folder / "bad").write_bytes(file)
    code, said = desk.fails("decrypt", "bad", "out", "--key", "bob.sec")
    assert code == 2
    assert message in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("encrypt", "plain", "word", "--recipient", "bob.pub"),
        ("decrypt", "sealed", "word", "--key", "bob.sec"),
        ("reencrypt", "sealed", "word", "--key", "bob.sec", "--recipient", "bob.pub"),
        ("slice", "sealed", "word", "--key", "bob.sec", "--range", "0-5"),
    ],
)
def test_what_is_there_is_replaced_only_by_force(desk, arguments):
    desk.encrypted()
    assert desk.fails(*arguments) == (7, "word exists; --force replaces it")
    assert desk.read("word").startswith(b"open it")
    desk.gdi(*arguments, "--force")
    assert not desk.read("word").startswith(b"open it")


def test_a_key_is_not_replaced_by_accident(desk):
    before = desk.read("bob.sec")
    assert desk.fails("keygen", "bob", "--unprotected") == (7, "bob.sec exists; --force replaces it")
    desk.gdi("keygen", "bob", "--unprotected", "--force")
    assert desk.read("bob.sec") != before


def test_a_file_may_take_the_place_of_itself(desk):
    desk.encrypted()
    desk.gdi("decrypt", "sealed", "sealed", "--key", "bob.sec", "--force")
    assert desk.read("sealed") == PLAIN


def test_a_target_that_appears_in_the_meantime_stays(desk):
    def write() -> None:
        with streams.output(desk.folder / "late", force=False) as made:
            made.write(b"ours")
            (desk.folder / "late").write_bytes(b"theirs")

    with pytest.raises(Conflict, match="late exists"):
        write()
    assert desk.read("late") == b"theirs"
    assert not [name for name in desk.names() if name.startswith(".")]


def test_a_device_is_written_to_and_not_replaced(desk):
    desk.encrypted()
    desk.gdi("decrypt", "sealed", "/dev/null", "--key", "bob.sec", "--force")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            ("decrypt", "sealed", "x", "--key", "alice.sec", "--passphrase-file", "plain"),
            "alice.sec: the passphrase",
        ),
        (
            ("decrypt", "sealed", "x", "--key", "bob.pub"),
            "bob.pub: character 11: a public key; expected `CRYPT4GH PRIVATE KEY`",
        ),
        (("encrypt", "plain", "x", "--recipient", "bob.sec"), "bob.sec: character 11: not a public key"),
        (("encrypt", "plain", "x", "--recipient", "plain"), "plain: a key of 65537 bytes"),
        (
            ("decrypt", "sealed", "x", "--key", "bob.sec", "--range", "5"),
            "--range 5: FIRST-LAST or FIRST- is expected",
        ),
        (("decrypt", "sealed", "x", "--key", "bob.sec", "--range", "5-5"), "LAST must be larger than FIRST"),
        (("keygen", "new", "--passphrase-file", "/dev/null"), "the passphrase is empty"),
        (("keygen", "new", "--unprotected", "--kdf", "md5"), "--kdf md5: one of scrypt, bcrypt"),
    ],
)
def test_mistakes_are_explained_and_leave_nothing(desk, arguments, message):
    desk.encrypted()
    code, said = desk.fails(*arguments)
    assert code == 2
    assert message in said


def test_a_file_that_is_not_there_is_named(desk):
    assert desk.fails("decrypt", "nowhere", "x", "--key", "bob.sec") == (
        9,
        "nowhere: No such file or directory",
    )


@pytest.mark.parametrize("kdf", ["scrypt", "pbkdf2_hmac_sha256"])
def test_a_new_key_is_private_protected_and_works(desk, kdf):
    said = desk.gdi("keygen", "new", "--passphrase-file", "word", "--kdf", kdf, "--comment", "me")
    assert stat.S_IMODE((desk.folder / "new.sec").stat().st_mode) == 0o600
    key = parse_private_key(desk.read("new.sec"), lambda: b"open it")
    assert desk.read("new.pub").decode() == public_key_text(key.public)
    assert said == f"private key new.sec, for nobody else; public key new.pub: {key.public}\n"


def test_the_sender_can_be_named(desk):
    desk.gdi("encrypt", "plain", "sealed", "--recipient", "bob.pub", "--sender", "carol.sec")
    seen = json.loads(desk.gdi("inspect", "sealed", "--json"))
    assert seen["packets"][0]["writer"] == str(desk.keys["carol"].public)


def test_what_takes_long_says_a_line_every_ten_seconds(capsys):
    clock = FixedClock()
    with progress_on_stderr(Path("genome.bam"), 100 << 20, clock) as advance:
        advance(10 << 20)
        clock.advance(10)
        advance(10 << 20)
        advance(10 << 20)
    assert capsys.readouterr().err == "genome.bam: 20 of 100 MiB, 2 MiB/s\n"
