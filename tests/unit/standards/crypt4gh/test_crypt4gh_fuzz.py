"""Any bytes into the parsers of Crypt4GH: a value, Malformed or Unverified, never another error."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Callable
from contextlib import suppress

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.standards.crypt4gh.kit import (
    ALICE,
    BOB,
    WRITER,
    BytesSource,
    data_key,
    decrypted,
    some_bytes,
    whole_file,
)
from tests.unit.standards.crypt4gh.test_headers import with_payloads

from opengdi.standards.crypt4gh import (
    EditList,
    HeaderReader,
    SeekableReader,
    header_length,
    open_header,
    parse_private_key,
    parse_public_key,
    plain_size,
    private_key_text,
    public_key_text,
    reencrypt_header,
)
from opengdi.standards.faults import Malformed, Unverified

READERS = [ALICE, BOB]
START = b"crypt4gh\x01\0\0\0"
FILE = whole_file(
    b"some genome", readers=READERS, keys=[data_key(0), data_key(1)], edit_list=EditList((1, 2))
)
PRIVATE = private_key_text(ALICE, passphrase=b"x", random=some_bytes(28), kdf="pbkdf2_hmac_sha256")


def pem(label: str, blob: bytes) -> str:
    return f"-----BEGIN {label}-----\n{base64.b64encode(blob).decode()}\n-----END {label}-----\n"


def value_or_fault(parse: Callable[[], object]) -> None:
    with suppress(Malformed, Unverified):
        parse()


def everything(raw: bytes) -> None:
    value_or_fault(lambda: header_length(raw))
    value_or_fault(lambda: open_header(raw, READERS))
    value_or_fault(lambda: reencrypt_header(raw, READERS, [BOB.public], WRITER, lambda: bytes(12)))
    value_or_fault(lambda: decrypted(raw, *READERS))
    value_or_fault(lambda: SeekableReader.open(BytesSource(raw), READERS).readall())


@given(st.binary(max_size=400), st.integers(0, 5))
def test_bytes(raw, packets):
    for start in (b"", START, START + struct.pack("<I", packets)):
        everything(start + raw)


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 2), st.binary(max_size=200)), max_size=4))
def test_packets(packets):
    raw = b"".join(struct.pack("<II", length, method) + rest for length, method, rest in packets)
    everything(START + struct.pack("<I", len(packets)) + raw)


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=4))
@example([struct.pack("<II", 1, 0xFFFFFFFF)])
def test_payloads(payloads):
    everything(with_payloads(*payloads))


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4), st.binary(max_size=48)), min_size=1, max_size=4)
)
def test_payloads_that_look_right(payloads):
    everything(with_payloads(*(struct.pack("<II", kind, word) + rest for kind, word, rest in payloads)))


@given(
    st.lists(st.tuples(st.integers(0, len(FILE) - 1), st.integers(0, 255)), max_size=4),
    st.integers(0, len(FILE)),
)
def test_a_good_file_with_wrong_bytes_and_a_wrong_end(changes, end):
    raw = bytearray(FILE)
    for place, value in changes:
        raw[place] = value
    everything(bytes(raw[:end]))


@given(st.lists(st.binary(max_size=40)))
def test_headers_in_pieces(pieces):
    reader = HeaderReader()
    value_or_fault(lambda: [reader.feed(piece) for piece in (START, *pieces)])


@given(st.integers(0, 1 << 60))
def test_sizes(size):
    value_or_fault(lambda: plain_size(size))


def key_or_fault(parse: Callable[[], object]) -> None:
    """A key, a fault that says where it is, or a wrong passphrase."""
    told = "byte 0"
    try:
        parse()
    except Malformed as error:
        told = str(error)
    except Unverified:
        return
    assert re.search(r"\b(byte|character) [0-9]+", told), told


@given(st.one_of(st.text(), st.binary()))
def test_texts_as_keys(text):
    key_or_fault(lambda: parse_public_key(text))
    key_or_fault(lambda: parse_private_key(text, lambda: b"x"))


@given(
    st.binary(max_size=120),
    st.sampled_from(["CRYPT4GH PRIVATE KEY", "OPENSSH PRIVATE KEY", "CRYPT4GH PUBLIC KEY"]),
)
def test_bytes_as_keys(blob, label):
    for magic in (b"", b"c4gh-v1", b"openssh-key-v1\0"):
        text = pem(label, magic + blob)
        key_or_fault(lambda text=text: parse_private_key(text, lambda: b"x"))
        key_or_fault(lambda text=text: parse_public_key(text))


WORD = st.sampled_from(
    [b"none", b"scrypt", b"bcrypt", b"chacha20_poly1305", b"\0\0\0\1salt", b"\0\0\0\1", b""]
)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.one_of(WORD, st.binary(max_size=64)), max_size=6))
def test_strings_as_keys(words):
    blob = b"c4gh-v1" + b"".join(len(word).to_bytes(2, "big") + word for word in words)
    text = pem("CRYPT4GH PRIVATE KEY", blob)
    key_or_fault(lambda: parse_private_key(text, lambda: b"x"))


@given(
    st.lists(
        st.one_of(WORD, st.sampled_from([b"aes256-ctr", b"ssh-ed25519"]), st.binary(max_size=64)), max_size=8
    )
)
def test_strings_as_openssh_keys(words):
    blob = b"openssh-key-v1\0" + b"".join(len(word).to_bytes(4, "big") + word for word in words)
    text = pem("OPENSSH PRIVATE KEY", blob)
    key_or_fault(lambda: parse_private_key(text, lambda: b"x"))
    line = b"ssh-ed25519 " + base64.b64encode(b"".join(len(word).to_bytes(4, "big") + word for word in words))
    key_or_fault(lambda: parse_public_key(line))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, len(PRIVATE) - 1), st.characters(max_codepoint=300))
def test_a_good_key_with_one_wrong_character(place, character):
    key_or_fault(lambda: parse_private_key(PRIVATE[:place] + character + PRIVATE[place + 1 :], lambda: b"x"))
    public = public_key_text(ALICE.public)
    place %= len(public)
    key_or_fault(lambda: parse_public_key(public[:place] + character + public[place + 1 :]))
