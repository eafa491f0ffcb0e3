"""Key files: everything in which the field keeps or sends X25519 keys, in; `c4gh-v1` and PEM, out.

`c4gh-v1` is the de-facto format of all Crypt4GH tools, written down in the documentation of the reference package:
the word `c4gh-v1`, then strings, each after its length as u16 big-endian: kdf, [rounds u32 ‖ salt], cipher, sealed
key, [comment].
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from hashlib import pbkdf2_hmac, scrypt
from typing import Final

import bcrypt  # bcrypt_pbkdf is in neither `hashlib` nor `cryptography`
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from opengdi.standards.crypt4gh import openssh
from opengdi.standards.crypt4gh.hidden import KEY_BYTES
from opengdi.standards.crypt4gh.segments import NONCE_BYTES, OVERHEAD
from opengdi.standards.crypt4gh.strings import Strings
from opengdi.standards.crypt4gh.x25519 import PrivateKey, PublicKey
from opengdi.standards.faults import Malformed, Unverified

__all__ = [
    "KDFS",
    "PrivateKey",
    "PublicKey",
    "parse_private_key",
    "parse_public_key",
    "private_key_text",
    "public_key_text",
]

PUBLIC_LABEL: Final = "CRYPT4GH PUBLIC KEY"
PRIVATE_LABEL: Final = "CRYPT4GH PRIVATE KEY"
_PRIVATE_LABELS: Final = (PRIVATE_LABEL, "CRYPT4GH ENCRYPTED PRIVATE KEY")

_MAGIC: Final = b"c4gh-v1"
_NONE: Final = b"none"
_CIPHER: Final = b"chacha20_poly1305"
_KDF, _SALT = "name of the key derivation", "salt"
SALT_BYTES: Final = 16
KDFS: Final = {"scrypt": 0, "bcrypt": 100, "pbkdf2_hmac_sha256": 100_000}
"""Rounds that keys are written with; scrypt has none, its cost is fixed at N = 2¹⁴, r = 8, p = 1."""

_MOST_ROUNDS: Final = {b"scrypt": 2**32, b"bcrypt": 10_000, b"pbkdf2_hmac_sha256": 10_000_000}
"""More would keep us busy for minutes: a key file may come from anybody."""

LARGEST_KEY_BYTES: Final = 64 * 1024
"""Of a key file; all real ones have less than 1 KiB."""

_PEM: Final = re.compile(
    rb"-----BEGIN (?P<label>[A-Z0-9 ]+)-----(?P<base64>[A-Za-z0-9+/=\s]*)-----END (?P=label)-----"
)

_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/=\s]|=(?=[^=\s])")

Passphrase = Callable[[], bytes]


def _none_given() -> bytes:
    raise Unverified("the key is protected by a passphrase, and none was given")


def parse_private_key(text: str | bytes, passphrase: Passphrase = _none_given) -> PrivateKey:
    """From a `c4gh-v1` key, 32 raw bytes under the same label, or an OpenSSH ed25519 key.

    passphrase: called only if the key is encrypted.
    Raises Malformed, and Unverified for a wrong passphrase. No message holds a part of the key.
    """
    pem = _ascii(text)
    found = _PEM.search(pem)
    if found is None:
        raise Malformed(
            f"no private key found up to character {len(pem)}; "
            f"expected `-----BEGIN {PRIVATE_LABEL}-----` or an OpenSSH key"
        )
    label, blob = found["label"].decode("ascii"), _base64(found["base64"], found.start("base64"))
    if label == openssh.PEM_LABEL:
        return openssh.private_key(blob, passphrase)
    if label not in _PRIVATE_LABELS:
        what = "a public key" if label == PUBLIC_LABEL else f"a key of another kind, `{label}`"
        raise Malformed(f"character {found.start('label')}: {what}; expected `{PRIVATE_LABEL}`")
    if len(blob) == KEY_BYTES:
        return PrivateKey(blob)
    return PrivateKey(_c4gh_v1(blob, passphrase))


def parse_public_key(text: str | bytes) -> PublicKey:
    """From PEM, an `ssh-ed25519` line, Base64 of 32 raw bytes, or Base64 of a whole PEM file, as HTTP headers have it.

    Raises Malformed.
    """
    given, of = _ascii(text).rstrip(), ""
    blank = len(given) - len(given.lstrip())
    if given[blank:].startswith(openssh.ED25519):
        return openssh.public_key(given[blank:], blank)
    if not given[blank:].startswith(b"-----"):
        given, of = _base64(given[blank:], blank), " of what the Base64 holds"
        if len(given) == KEY_BYTES:
            return PublicKey(given)
    found = _PEM.search(given)
    if found is None:
        raise Malformed(
            f"no public key found up to character {len(given)}{of}; expected `-----BEGIN {PUBLIC_LABEL}-----`, "
            "Base64 of 32 bytes or of that text, or an `ssh-ed25519` line"
        )
    label = found["label"].decode("ascii")
    if label != PUBLIC_LABEL:
        place = f"character {found.start('label')}{of}"
        raise Malformed(f"{place}: not a public key but `{label}`; expected `{PUBLIC_LABEL}`")
    raw = _base64(found["base64"], found.start("base64"), of)
    if len(raw) != KEY_BYTES:
        place = f"byte {min(len(raw), KEY_BYTES)} of the decoded key"
        raise Malformed(f"{place}: a public key of {len(raw)} bytes; {KEY_BYTES} are needed")
    return PublicKey(raw)


def public_key_text(key: PublicKey) -> str:
    """The PEM file of a public key."""
    return _pem_text(PUBLIC_LABEL, key.raw)


def private_key_text(
    key: PrivateKey, *, passphrase: bytes | None, random: bytes, kdf: str = "scrypt", comment: bytes = b""
) -> str:
    """The `c4gh-v1` PEM file of a private key, unprotected if `passphrase` is None.

    random: 28 random bytes (salt and nonce); used only with a passphrase.
    kdf: one of `KDFS`.
    """
    parts = [_NONE, _NONE, key.reveal()]
    if passphrase is not None:
        salt, nonce = random[:SALT_BYTES], random[SALT_BYTES : SALT_BYTES + NONCE_BYTES]
        wrapping = _derived(kdf.encode(), passphrase, salt, KDFS[kdf])
        sealed = nonce + ChaCha20Poly1305(wrapping).encrypt(nonce, key.reveal(), None)
        parts = [kdf.encode(), KDFS[kdf].to_bytes(4, "big") + salt, _CIPHER, sealed]
    if comment:
        parts.append(comment)
    return _pem_text(PRIVATE_LABEL, _MAGIC + b"".join(len(part).to_bytes(2, "big") + part for part in parts))


def _c4gh_v1(blob: bytes, passphrase: Passphrase) -> bytes:
    """The raw key in a `c4gh-v1` key."""
    if not blob.startswith(_MAGIC):
        raise Malformed(
            "byte 0 of the decoded key: it is neither 32 raw bytes nor does it begin with `c4gh-v1`"
        )
    strings = Strings(blob, width=2, at=len(_MAGIC))
    kdf = strings.next(_KDF)
    options = b"" if kdf == _NONE else strings.next(_SALT)
    cipher = strings.next("name of the cipher")
    sealed = strings.next("key")
    if cipher == _NONE:
        return _of_size(sealed, KEY_BYTES, "a key", strings)
    if cipher != _CIPHER or kdf == _NONE:
        why = f"the key is encrypted by {_named(cipher)}; expected chacha20_poly1305 and a key derivation"
        raise strings.wrong("name of the cipher", why)
    _of_size(sealed, KEY_BYTES + OVERHEAD, "an encrypted key", strings)
    rounds = _rounds(kdf, options, strings)
    wrapping = _derived(kdf, passphrase(), options[4:], rounds)
    try:
        return ChaCha20Poly1305(wrapping).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
    except InvalidTag as error:
        raise Unverified("the passphrase does not open this key, or the key is damaged") from error


def _of_size(key: bytes, size: int, what: str, strings: Strings) -> bytes:
    if len(key) != size:
        raise strings.wrong("key", f"{what} of {len(key)} bytes; {size} are needed")
    return key


def _rounds(kdf: bytes, options: bytes, strings: Strings) -> int:
    most = _MOST_ROUNDS.get(kdf)
    if most is None:
        raise strings.wrong(
            _KDF, f"key derivation {_named(kdf)} is not known; {', '.join(KDFS)} and none are"
        )
    if len(options) <= 4:
        raise strings.wrong(_SALT, "the key has no salt")
    rounds = int.from_bytes(options[:4], "big")
    if rounds > most or (rounds == 0 and kdf != b"scrypt"):
        raise strings.wrong(_SALT, f"{rounds} rounds of {kdf.decode()}; 1 to {most} are accepted")
    return rounds


def _derived(kdf: bytes, passphrase: bytes, salt: bytes, rounds: int) -> bytes:
    match kdf:
        case b"scrypt":
            return scrypt(passphrase, salt=salt, n=1 << 14, r=8, p=1, dklen=KEY_BYTES)
        case b"bcrypt":
            if not passphrase:
                raise Unverified("the passphrase is empty, which bcrypt does not take")
            return bcrypt.kdf(passphrase, salt, KEY_BYTES, rounds, ignore_few_rounds=True)
        case _:
            return pbkdf2_hmac("sha256", passphrase, salt, rounds, KEY_BYTES)


def _named(word: bytes) -> str:
    """A word from a file, fit for a message."""
    return repr(word[:32].decode("ascii", "replace"))


def _ascii(text: str | bytes) -> bytes:
    if len(text) > LARGEST_KEY_BYTES:
        raise Malformed(f"a key of {len(text)} bytes; at most {LARGEST_KEY_BYTES} are accepted")
    if isinstance(text, bytes):
        return text
    try:
        return text.encode("ascii")
    except UnicodeEncodeError as error:  # which holds the whole text
        place = error.start
    raise Malformed(f"character {place}: a key holds one that is not ASCII")


def _base64(text: bytes, at: int, of: str = "") -> bytes:
    """Strict, but for white space. at: where the text begins; of: in what, for messages."""
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        wrong = _NOT_BASE64.search(text)
        place = at + (len(text.rstrip()) if wrong is None else wrong.start())
    raise Malformed(f"character {place}{of}: the key is not valid Base64")


def _pem_text(label: str, blob: bytes) -> str:
    return f"-----BEGIN {label}-----\n{base64.b64encode(blob).decode('ascii')}\n-----END {label}-----\n"
