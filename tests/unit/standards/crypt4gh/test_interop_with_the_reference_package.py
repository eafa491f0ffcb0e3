"""Both ways with the `crypt4gh` package, the field's reference, and with the file and keys of htsget-rs's tests."""

from __future__ import annotations

import io
import logging
import struct
from pathlib import Path

import pytest
from crypt4gh import header as peer_header
from crypt4gh import lib as peer
from crypt4gh.keys import c4gh as peer_c4gh
from crypt4gh.keys import get_private_key as peer_private_key
from crypt4gh.keys import get_public_key as peer_public_key
from tests.unit.standards.crypt4gh.kit import (
    ALICE,
    BOB,
    SIZES,
    WRITER,
    BytesSource,
    body,
    data_key,
    decrypted,
    fresh_nonces,
    private_key,
    some_bytes,
    whole_file,
)
from tests.unit.standards.crypt4gh.test_edit_lists_and_slices import apply_edit_list
from tests.unit.standards.crypt4gh.test_headers import DATA_KEY, EDIT_LIST, KEYS, with_payloads

from opengdi.standards.crypt4gh import (
    SEGMENT,
    EditList,
    Header,
    NoKeyFits,
    PrivateKey,
    SeekableReader,
    header_length,
    open_header,
    parse_private_key,
    parse_public_key,
    plain_size,
    plan_slice,
    private_key_text,
    public_key_text,
    reencrypt_header,
    seal_header,
)
from opengdi.standards.crypt4gh.keys import KDFS

EDIT_LISTS = {
    "no edit list": None,
    "even": (3, 40_000, 70_000, 10_000),
    "odd": (3, 40_000, 100),
    "discards more than a segment": (5, 10, 140_000, 100),
    "ends beyond the end": (10, 1 << 30),
}


@pytest.fixture(autouse=True)
def _quiet_peer():
    """The package writes keys to its debug log, and an error for each key that does not fit."""
    logging.getLogger("crypt4gh").setLevel(logging.CRITICAL)


def as_keys(reader: PrivateKey) -> list:
    return [(0, reader.reveal(), None)]


def peer_decrypted(file: bytes, reader: PrivateKey) -> bytes:
    out = io.BytesIO()
    peer.decrypt(as_keys(reader), io.BytesIO(file), out)
    return out.getvalue()


def peer_encrypted(plain: bytes, readers: list[PrivateKey]) -> bytes:
    out = io.BytesIO()
    peer.encrypt([(0, WRITER.reveal(), reader.public.raw) for reader in readers], io.BytesIO(plain), out)
    return out.getvalue()


@pytest.mark.parametrize("size", [*SIZES, 40 * SEGMENT + 1])
@pytest.mark.parametrize("recipients", [1, 2, 50])
@pytest.mark.parametrize("keys", [1, 2])
@pytest.mark.parametrize("edits", EDIT_LISTS)
def test_the_package_reads_what_we_write(size, recipients, keys, edits):
    readers = [private_key(number) for number in range(recipients)]
    plain, lengths = some_bytes(size), EDIT_LISTS[edits]
    edit_list = None if lengths is None else EditList(lengths)
    file = whole_file(plain, readers, [data_key(number) for number in range(keys)], edit_list)
    expected = apply_edit_list(lengths or (), plain)
    for reader in {0: readers[0], 1: readers[-1]}.values():
        assert peer_decrypted(file, reader) == expected
        assert decrypted(file, reader) == expected


@pytest.mark.parametrize("size", [*SIZES, 40 * SEGMENT + 1])
@pytest.mark.parametrize("recipients", [1, 2, 50])
def test_we_read_what_the_package_writes(size, recipients):
    readers = [private_key(number) for number in range(recipients)]
    file = peer_encrypted(some_bytes(size), readers)
    assert header_length(file) == 16 + 108 * recipients
    for reader in (readers[0], readers[-1]):
        assert decrypted(file, reader) == some_bytes(size)
    with pytest.raises(NoKeyFits):
        decrypted(file, BOB)


OF_ANOTHER_METHOD = struct.pack("<II", 48, 7) + bytes(40)


@pytest.mark.parametrize("size", SIZES)
def test_a_packet_of_an_unknown_method_is_passed_over_by_both(size):
    raw = with_payloads(DATA_KEY, EDIT_LIST)
    raw = raw[:12] + struct.pack("<I", 3) + OF_ANOTHER_METHOD + raw[16:]
    file = raw + body(some_bytes(size), KEYS[:1])
    assert decrypted(file, ALICE) == peer_decrypted(file, ALICE) == some_bytes(size)[5:15]


@pytest.mark.parametrize("size", SIZES)
def test_an_empty_edit_list_that_stops_the_package_is_gone_when_we_seal_the_header_again(size):
    """Crypt4GH v1, "Edit List": without lengths nothing is edited; the package ends with an assertion."""
    raw, plain = with_payloads(DATA_KEY, struct.pack("<II", 1, 0)), some_bytes(size)
    stored = body(plain, KEYS[:1])
    assert decrypted(raw + stored, ALICE) == plain
    with pytest.raises(AssertionError, match="without an edit_list"):
        peer_decrypted(raw + stored, ALICE)
    sealed = reencrypt_header(raw, [ALICE], [BOB.public], WRITER, fresh_nonces())
    assert peer_decrypted(sealed + stored, BOB) == plain


@pytest.mark.parametrize("first, length", [(0, 10), (5, 65536), (65536, 65536), (70_001, 100_000)])
def test_we_read_what_the_package_cuts_out(first, length):
    plain = some_bytes(SIZES[-1])
    out = io.BytesIO()
    keys = [(0, ALICE.reveal(), ALICE.public.raw)]
    peer.rearrange(keys, io.BytesIO(peer_encrypted(plain, [ALICE])), out, offset=first, span=length)
    file = out.getvalue()
    assert decrypted(file, ALICE) == plain[first : first + length]
    assert SeekableReader.open(BytesSource(file), [ALICE]).readall() == plain[first : first + length]


def test_the_package_reads_what_we_cut_out_of_its_file_twice():
    """Cutting a part of a part composes the edit lists, which the package itself does not do."""
    plain = some_bytes(10 * SEGMENT + 5)
    file, seen = peer_encrypted(plain, [ALICE]), plain
    for ranges in ([(100, 200_000), (400_000, 600_000)], [(50, 60_000), (150_000, 300_001)]):
        raw = file[: header_length(file)]
        header = open_header(raw, [ALICE]).header
        plan = plan_slice(ranges, plain_size(len(file) - len(raw)), header.edit_list)
        parts = [file[start:stop] for start, stop in plan.byte_ranges(len(raw))]
        file = seal_header(Header(header.data_keys, plan.edit_list), [ALICE.public], WRITER, fresh_nonces())
        file += b"".join(parts)
        seen = b"".join(seen[first:last] for first, last in ranges)
        assert peer_decrypted(file, ALICE) == seen


@pytest.mark.parametrize("keys", [1, 2])
def test_headers_sealed_again_by_one_are_read_by_the_other(keys):
    """SDA's Go code drops all but the first data key; a file of two keys must survive."""
    plain, data_keys = some_bytes(SIZES[-1]), [data_key(number) for number in range(keys)]
    ours = whole_file(plain, [ALICE], data_keys, EditList((1, 70_000)))
    raw = ours[: header_length(ours)]
    again = reencrypt_header(raw, [ALICE], [BOB.public], WRITER, fresh_nonces())
    assert peer_decrypted(again + body(plain, data_keys), BOB) == plain[1:70_001]
    packets = peer_header.reencrypt(
        peer_header.parse(io.BytesIO(raw)), as_keys(ALICE), [(0, WRITER.reveal(), BOB.public.raw)], trim=True
    )
    theirs = peer_header.serialize(packets)
    assert open_header(theirs, [BOB]).header == Header(tuple(data_keys), EditList((1, 70_000)))


@pytest.mark.parametrize("kdf", ["scrypt", "bcrypt", "none"])
def test_we_read_the_key_files_of_the_package(tmp_path, monkeypatch, capsys, kdf):
    monkeypatch.setattr(peer_c4gh, "scrypt_supported", kdf == "scrypt")
    secret, public = tmp_path / "key.sec", tmp_path / "key.pub"
    passphrase = None if kdf == "none" else b"open it"
    peer_c4gh.generate(secret, public, passphrase, b"a comment")
    key = parse_private_key(secret.read_bytes(), lambda: b"open it")
    assert key.public == parse_public_key(public.read_bytes())
    assert key.reveal() == bytes(peer_private_key(secret, lambda: "open it"))


@pytest.mark.parametrize("kdf", [*KDFS, None])
def test_the_package_reads_our_key_files(tmp_path, kdf):
    secret, public = tmp_path / "key.sec", tmp_path / "key.pub"
    passphrase = None if kdf is None else b"open it"
    secret.write_text(
        private_key_text(
            ALICE, passphrase=passphrase, random=some_bytes(28), kdf=kdf or "scrypt", comment=b"x"
        )
    )
    public.write_text(public_key_text(ALICE.public))
    assert bytes(peer_private_key(secret, lambda: "open it")) == ALICE.reveal()
    assert peer_public_key(public) == ALICE.public.raw


@pytest.fixture
def na12878(shared: Path) -> Path:
    return shared / "data" / "na12878"


def test_the_file_of_htsget_rs_is_read_with_its_key(na12878):
    file = (na12878 / "htsnexus_test_NA12878.bam.c4gh").read_bytes()
    plain = (na12878 / "htsnexus_test_NA12878.bam").read_bytes()
    alice, bob = (
        parse_private_key((na12878 / "keys" / f"{name}.sec").read_text()) for name in ("alice", "bob")
    )
    assert decrypted(file, bob) == plain
    reader = SeekableReader.open(BytesSource(file), [alice, bob])
    reader.seek(2_000_000)
    assert reader.read(1000) == plain[2_000_000:2_001_000]
    with pytest.raises(NoKeyFits):
        decrypted(file, alice)


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_the_keys_of_htsget_rs_are_pairs(na12878, name):
    secret, public = ((na12878 / "keys" / f"{name}.{end}").read_text() for end in ("sec", "pub"))
    assert parse_private_key(secret).public == parse_public_key(public)
    assert public_key_text(parse_public_key(public)) == public.rstrip("\n") + "\n"
