"""Headers: opened by those they are for, collected from pieces, refused at the first wrong byte, sealed for others."""

from __future__ import annotations

import struct

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.standards.crypt4gh.kit import (
    ALICE,
    BOB,
    WRITER,
    data_key,
    fresh_nonces,
    private_key,
    some_bytes,
)

from opengdi.standards.crypt4gh import (
    EditList,
    Header,
    HeaderReader,
    NoKeyFits,
    PrivateKey,
    PublicKey,
    header_length,
    open_header,
    packets_of,
    reencrypt_header,
    seal_header,
)
from opengdi.standards.faults import Malformed

KEYS = (data_key(0), data_key(1))
EDITS = EditList((5, 10, 3))
START = b"crypt4gh" + struct.pack("<I", 1)


def sealed(header: Header, *readers: PrivateKey) -> bytes:
    return seal_header(header, [reader.public for reader in readers], WRITER, fresh_nonces())


def with_payloads(*payloads: bytes, reader: PrivateKey = ALICE) -> bytes:
    """A header of one packet per payload, whatever is in it, written down from the specification once more."""
    cipher = ChaCha20Poly1305(WRITER.shared_as_writer(reader.public))
    packets = []
    for number, payload in enumerate(payloads):
        nonce = number.to_bytes(12, "little")
        rest = struct.pack("<I32s12s", 0, WRITER.public.raw, nonce) + cipher.encrypt(nonce, payload, None)
        packets.append(struct.pack("<I", 4 + len(rest)) + rest)
    return START + struct.pack("<I", len(packets)) + b"".join(packets)


DATA_KEY = struct.pack("<II", 0, 0) + KEYS[0].reveal()
EDIT_LIST = struct.pack("<II2Q", 1, 2, 5, 10)


def test_one_recipient_makes_a_header_of_124_bytes():
    assert len(sealed(Header(KEYS[:1]), ALICE)) == 124


def test_each_recipient_opens_all_keys_and_the_edit_list():
    raw = sealed(Header(KEYS, EDITS), ALICE, BOB)
    for reader in (ALICE, BOB):
        opened = open_header(raw, [reader])
        assert opened.header == Header(KEYS, EDITS)
        assert len(opened.opened_packets) == len(opened.foreign_packets) == 3


def test_two_readers_together_see_each_key_once():
    assert open_header(sealed(Header(KEYS, EDITS), ALICE, BOB), [BOB, ALICE]).header == Header(KEYS, EDITS)


def test_a_recipient_named_twice_gets_one_set_of_packets():
    assert len(packets_of(sealed(Header(KEYS), ALICE, ALICE))) == 2


def test_nobody_else_opens_it():
    with pytest.raises(
        NoKeyFits, match=r"no private key of the 1 given opens this header: its packets \(2\) are"
    ):
        open_header(sealed(Header(KEYS), ALICE), [BOB])
    with pytest.raises(NoKeyFits):
        open_header(sealed(Header(KEYS), ALICE), [])


def test_an_edit_list_alone_is_not_enough():
    with pytest.raises(NoKeyFits):
        open_header(with_payloads(EDIT_LIST), [ALICE])


def test_a_damaged_edit_list_is_somebody_else_s_packet():
    """The specification wants it so; who keeps files keeps digests of their headers too."""
    raw = bytearray(sealed(Header(KEYS, EDITS), ALICE))
    raw[-1] ^= 1
    assert open_header(bytes(raw), [ALICE]).header == Header(KEYS)


def test_what_pads_a_packet_is_ignored():
    opened = open_header(with_payloads(DATA_KEY + bytes(99), EDIT_LIST + b"pad"), [ALICE])
    assert opened.header == Header(KEYS[:1], EditList((5, 10)))


def test_an_empty_edit_list_edits_nothing_and_is_not_written_again():
    raw = with_payloads(DATA_KEY, struct.pack("<II", 1, 0))
    assert open_header(raw, [ALICE]).header.edit_list == EditList()
    assert len(packets_of(reencrypt_header(raw, [ALICE], [BOB.public], WRITER, fresh_nonces()))) == 1


@pytest.mark.parametrize("length", [8, 40, 67, 68, 83, 84])
def test_a_packet_too_short_for_anything_is_somebody_else_s(length):
    short = struct.pack("<II", length, 0) + bytes(length - 8)
    raw = bytearray(with_payloads(DATA_KEY) + short)
    raw[12] = 2
    assert open_header(bytes(raw), [ALICE]).header == Header(KEYS[:1])


def test_a_packet_of_unknown_method_is_skipped():
    unknown = struct.pack("<II", 108, 7) + bytes(100)
    raw = bytearray(with_payloads(DATA_KEY) + unknown)
    raw[12] = 2
    opened = open_header(bytes(raw), [ALICE])
    assert [packet.method for packet in opened.foreign_packets] == [7]
    assert opened.foreign_packets[0].writer is None


@pytest.mark.parametrize(
    "payloads, message",
    [
        ((DATA_KEY, EDIT_LIST, EDIT_LIST), "byte 216: a second edit list"),
        ((DATA_KEY, struct.pack("<II", 2, 0)), "byte 124: header packet of unknown type 2"),
        ((DATA_KEY, struct.pack("<II", 0, 1) + bytes(32)), "byte 124: data encryption method 1"),
        ((struct.pack("<II", 0, 0) + bytes(31),), "byte 16: a data key of 31 bytes"),
        ((b"\0" * 7,), "byte 16: a header packet with 7 bytes"),
        ((DATA_KEY, struct.pack("<II2Q", 1, 3, 1, 2)), "byte 124: an edit list of 3 lengths"),
        ((DATA_KEY, struct.pack("<II", 1, 2**32 - 1)), "byte 124: an edit list of 4294967295 lengths"),
    ],
)
def test_what_breaks_the_specification_inside_a_packet_is_refused_with_its_offset(payloads, message):
    with pytest.raises(Malformed, match=message):
        open_header(with_payloads(*payloads), [ALICE])


def test_two_readers_with_different_edit_lists_are_refused():
    alice = with_payloads(DATA_KEY, EDIT_LIST)
    bob = with_payloads(DATA_KEY, struct.pack("<IIQ", 1, 1, 7), reader=BOB)
    raw = START + struct.pack("<I", 4) + alice[16:] + bob[16:]
    assert open_header(raw, [BOB]).header.edit_list == EditList((7,))
    with pytest.raises(Malformed, match="different edit lists"):
        open_header(raw, [ALICE, BOB])


@pytest.mark.parametrize(
    "raw, message",
    [
        (b"crypt4gx", "byte 0: not a Crypt4GH file"),
        (b"B", "byte 0: not a Crypt4GH file"),
        (b"crypt4gh\x02\0\0\0", "byte 8: Crypt4GH version 2"),
        (b"crypt4gh\x01\x01", "byte 8: Crypt4GH version 257"),
        (START + struct.pack("<I", 0), "byte 12: 0 header packets; 1 to 1024 are accepted"),
        (START + struct.pack("<I", 1025), "byte 12: 1025 header packets"),
        (START + struct.pack("<II", 1, 7), "byte 16: a header packet of 7 bytes"),
        (START + struct.pack("<II", 1, 65537), "byte 16: a header packet of 65537 bytes"),
        (
            START + struct.pack("<I", 17) + (struct.pack("<I", 65536) + bytes(65532)) * 17,
            "larger than 1048576",
        ),
    ],
)
def test_a_wrong_start_is_refused_as_soon_as_it_is_seen(raw, message):
    with pytest.raises(Malformed, match=message):
        header_length(raw)


@given(cut=st.integers(0, 400), pieces=st.lists(st.integers(1, 60)))
def test_a_header_is_collected_from_pieces_split_anywhere(cut, pieces):
    raw = sealed(Header(KEYS, EDITS), ALICE)
    stream = raw + some_bytes(100)
    reader, at = HeaderReader(), 0
    for size in [*pieces, len(stream)]:
        if reader.feed(stream[at : at + size]) is not None:
            at += size
            break
        at += size
        assert at < len(raw)
    assert reader.raw == raw
    assert reader.rest == stream[len(raw) : at]
    assert header_length(stream[:cut]) == (len(raw) if cut >= len(raw) else None)


def test_reading_just_what_is_needed_reads_nothing_of_the_body():
    raw = sealed(Header(KEYS, EDITS), ALICE, BOB)
    reader, at = HeaderReader(), 0
    while reader.needed:
        with pytest.raises(ValueError, match="not complete"):
            _ = reader.raw
        piece = raw[at : at + reader.needed]
        at += len(piece)
        reader.feed(piece)
    assert at == len(raw)
    assert reader.raw == raw


@pytest.mark.parametrize("change", [lambda raw: raw[:-1], lambda raw: raw + b"x", lambda _raw: b""])
def test_only_a_whole_header_is_opened(change):
    with pytest.raises(Malformed, match=r"byte \d+: "):
        open_header(change(sealed(Header(KEYS), ALICE)), [ALICE])


def test_reencryption_keeps_every_data_key_and_the_edit_list():
    raw = sealed(Header(KEYS, EDITS), ALICE)
    again = reencrypt_header(raw, [ALICE], [BOB.public], private_key("another writer"), fresh_nonces())
    assert open_header(again, [BOB]).header == Header(KEYS, EDITS)
    with pytest.raises(NoKeyFits):
        open_header(again, [ALICE])


def test_reencryption_leaves_the_packets_of_others_only_if_asked_to():
    carol = private_key("carol")
    raw = sealed(Header(KEYS), ALICE, BOB)
    kept = reencrypt_header(raw, [ALICE], [carol.public], WRITER, fresh_nonces(), keep_foreign=True)
    assert [open_header(kept, [reader]).header for reader in (BOB, carol)] == [Header(KEYS)] * 2
    with pytest.raises(NoKeyFits):
        open_header(kept, [ALICE])


def test_a_header_needs_recipients_and_keys():
    for make in (
        lambda: sealed(Header(KEYS)),
        lambda: Header(()),
        lambda: reencrypt_header(sealed(Header(KEYS), ALICE), [ALICE], [], WRITER, fresh_nonces()),
    ):
        with pytest.raises(Malformed, match="a header"):
            make()


def test_more_recipients_than_a_reader_would_accept_are_refused():
    recipients = [PublicKey(some_bytes(32, number)) for number in range(1025)]
    with pytest.raises(Malformed, match="1025 header packets"):
        seal_header(Header(KEYS[:1]), recipients, WRITER, fresh_nonces())


SMALL_ORDER = [
    bytes(32),
    b"\1" + bytes(31),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]


@pytest.mark.parametrize("raw", SMALL_ORDER)
def test_a_key_of_small_order_shares_no_secret(raw):
    with pytest.raises(Malformed, match="small order"):
        seal_header(Header(KEYS), [PublicKey(raw)], WRITER, fresh_nonces())
    forged = bytearray(sealed(Header(KEYS), ALICE))
    forged[24:56] = raw  # the writer's key of the first packet
    assert open_header(bytes(forged), [ALICE]).header == Header(KEYS[1:])


def test_the_shared_key_is_the_same_on_both_sides_and_of_one_direction():
    assert ALICE.shared_as_reader(BOB.public) == BOB.shared_as_writer(ALICE.public)
    assert ALICE.shared_as_reader(BOB.public) != ALICE.shared_as_writer(BOB.public)
