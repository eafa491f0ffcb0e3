"""No repr, message, pickle or log of Crypt4GH holds a byte of a key."""

from __future__ import annotations

import base64
import copy
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator

import pytest
from tests.unit.standards.crypt4gh.kit import (
    ALICE,
    WRITER,
    BytesSource,
    data_key,
    fresh_nonces,
    some_bytes,
    whole_file,
)
from tests.unit.standards.crypt4gh.test_headers import with_payloads

from opengdi.standards.crypt4gh import (
    BodyDecryptor,
    BodyEncryptor,
    DataKey,
    Header,
    PrivateKey,
    SeekableReader,
    SegmentCipher,
    open_header,
    parse_private_key,
    parse_public_key,
    private_key_text,
    reencrypt_header,
)
from opengdi.standards.faults import Malformed, Unverified

KEY = data_key()
PASSPHRASE = b"my passphrase is long"
PROTECTED = private_key_text(ALICE, passphrase=PASSPHRASE, random=some_bytes(28))
OPEN = private_key_text(ALICE, passphrase=None, random=b"")


def spellings() -> Iterator[str]:
    """How parts of the secrets could be written."""
    for secret in (KEY.reveal(), ALICE.reveal(), WRITER.reveal(), PASSPHRASE):
        for part in (secret[:8], secret[-8:], secret[12:20]):
            yield part.hex()
            yield part.hex(" ")
            yield repr(part)[2:-1]
        for shift in range(3):
            yield base64.b64encode(secret[shift:])[:10].decode()
    yield PASSPHRASE.decode()
    yield OPEN.split("\n")[1][-20:]


def assert_hidden(text: str) -> None:
    for spelling in spellings():
        assert spelling.lower() not in text.lower()


def test_reprs_and_format_strings():
    file = whole_file(b"genome")
    reader = SeekableReader.open(BytesSource(file), [ALICE])
    opened = open_header(file[:124], [ALICE])
    things = [ALICE, KEY, Header((KEY,)), opened, SegmentCipher([KEY]), BodyDecryptor([KEY]), reader]
    things.append(BodyEncryptor(KEY, bytes))
    for thing in things:
        assert_hidden(f"{thing} {thing!r} {[thing]}")
    assert repr(ALICE) == "PrivateKey(***)"
    assert repr(Header((KEY,))) == "Header(data_keys=(DataKey(***),), edit_list=None)"


@pytest.mark.parametrize("secret", [ALICE, KEY], ids=["private", "data"])
def test_a_secret_is_neither_pickled_nor_copied_nor_hashed(secret):
    for leak in (pickle.dumps, copy.copy, hash):
        with pytest.raises(TypeError):
            leak(secret)


def test_secrets_compare_by_value_and_kind():
    assert DataKey(KEY.reveal()) == KEY
    assert data_key(1) != KEY
    assert PrivateKey(KEY.reveal()) != KEY


def broken_file() -> bytes:
    file = bytearray(whole_file(b"genome"))
    file[-1] ^= 1
    return bytes(file)


FAULTS: list[Callable[[], object]] = [
    lambda: parse_private_key(PROTECTED, lambda: b"wrong"),
    lambda: parse_private_key(PROTECTED),
    lambda: parse_private_key(OPEN.replace("-----END", "AA-----END")),
    lambda: parse_private_key(OPEN[:60] + "é" + OPEN[60:]),
    lambda: parse_private_key(OPEN[:100]),
    lambda: parse_private_key(OPEN.replace("=", "")),
    lambda: parse_public_key(OPEN),
    lambda: parse_public_key(base64.b64encode(OPEN.encode())),
    lambda: DataKey(KEY.reveal() + b"x"),
    lambda: PrivateKey(ALICE.reveal()[:31]),
    lambda: open_header(whole_file(b"")[:124], [WRITER]),
    lambda: open_header(with_payloads(b"\0" * 4 + b"\1\0\0\0" + KEY.reveal()), [ALICE]),
    lambda: open_header(with_payloads(b"\2\0\0\0\0\0\0\0" + KEY.reveal()), [ALICE]),
    lambda: open_header(with_payloads(bytes(8) + KEY.reveal()[:31]), [ALICE]),
    lambda: reencrypt_header(whole_file(b"")[:124], [ALICE], [], WRITER, fresh_nonces()),
    lambda: SeekableReader.open(BytesSource(broken_file()), [ALICE]).read(),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_errors_with_everything_that_led_to_them(fault, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises((Malformed, Unverified)) as raised:
        fault()
    chain: BaseException | None = raised.value
    text = caplog.text
    while chain is not None:
        text += f"{chain!s} {chain!r} {chain.args}"
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
    text += "".join(
        line for line in traceback.format_exception(raised.value) if not line.startswith("  File")
    )
    assert_hidden(text)
