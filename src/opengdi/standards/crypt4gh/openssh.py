"""OpenSSH keys of type ed25519, as readers of Crypt4GH files use them: the key is turned into its X25519 twin.

Spec: OpenSSH PROTOCOL.key ("openssh-key-v1"); RFC 4253 §6.6 and RFC 8709 §4 for the public line.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable
from typing import Final

import bcrypt
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, CipherAlgorithm
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR

from opengdi.standards.crypt4gh.hidden import KEY_BYTES
from opengdi.standards.crypt4gh.strings import Strings
from opengdi.standards.crypt4gh.x25519 import PrivateKey, PublicKey
from opengdi.standards.faults import Malformed, Unverified

ED25519: Final = b"ssh-ed25519"
PEM_LABEL: Final = "OPENSSH PRIVATE KEY"

_MAGIC: Final = b"openssh-key-v1\0"
_NONE: Final = b"none"
_CIPHER: Final = "name of the cipher"
_PRIVATE_PART: Final = "the private part of the key"
_MOST_ROUNDS: Final = 10_000

_Algorithm = Callable[[bytes], CipherAlgorithm]
_CIPHERS: Final[dict[bytes, tuple[_Algorithm, int, type[CBC | CTR], int]]] = {
    b"aes128-ctr": (AES, 16, CTR, 16),
    b"aes192-ctr": (AES, 24, CTR, 16),
    b"aes256-ctr": (AES, 32, CTR, 16),
    b"aes128-cbc": (AES, 16, CBC, 16),
    b"aes192-cbc": (AES, 24, CBC, 16),
    b"aes256-cbc": (AES, 32, CBC, 16),
    b"3des-cbc": (TripleDES, 24, CBC, 8),
}
"""Algorithm, bytes of its key, mode, bytes of a block."""


def private_key(blob: bytes, passphrase: Callable[[], bytes]) -> PrivateKey:
    """From the bytes in the PEM file; `passphrase` is called only if the key is encrypted.

    Raises Malformed, also for another type of key or cipher, and Unverified for a wrong passphrase.
    """
    if not blob.startswith(_MAGIC):
        raise Malformed("byte 0 of the decoded key: an OpenSSH key does not begin with `openssh-key-v1`")
    strings = Strings(blob, width=4, at=len(_MAGIC))
    cipher, kdf = strings.next(_CIPHER), strings.next("name of the key derivation")
    options = strings.next("salt")
    if strings.number(4, "number of keys") != 1:
        raise strings.wrong("number of keys", "an OpenSSH file of several keys; one is expected")
    _refuse_other_types(Strings(strings.next("public key"), width=4, of="the public key in it"))
    secret = strings.next("private key")
    if cipher != _NONE:
        _check_sealed(strings, cipher, kdf, len(secret))
        secret = _decrypted(secret, cipher, options, passphrase)
    return PrivateKey.from_ed25519(_seed(secret, encrypted=cipher != _NONE))


def public_key(line: bytes, at: int = 0) -> PublicKey:
    """From a line such as `ssh-ed25519 AAAA… name`. at: where it begins in its text. Raises Malformed."""
    words = line.split(None, 2)
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (binascii.Error, IndexError):
        place = at + len(words[0])
        raise Malformed(f"character {place}: after `ssh-ed25519` a key in Base64 is expected") from None
    strings = Strings(blob, width=4)
    _refuse_other_types(strings)
    raw = strings.next("public key")
    try:
        return PublicKey.from_ed25519(raw)
    except Malformed as error:
        raise strings.wrong("public key", str(error)) from None


def _refuse_other_types(strings: Strings) -> None:
    if strings.next("type of the key") != ED25519:
        why = "an OpenSSH key of another type; only ed25519 can open Crypt4GH files"
        raise strings.wrong("type of the key", why)


def _check_sealed(strings: Strings, cipher: bytes, kdf: bytes, size: int) -> None:
    """Nothing, if `size` bytes are sealed in a way that is known. Raises Malformed."""
    if cipher not in _CIPHERS or kdf != b"bcrypt":
        known = ", ".join(name.decode() for name in _CIPHERS)
        why = f"the OpenSSH key is encrypted in another way than by bcrypt and one of {known}"
        raise strings.wrong(_CIPHER, why)
    block = _CIPHERS[cipher][3]
    if not size or size % block:
        why = f"the encrypted part of the OpenSSH key is not a multiple of {block} bytes"
        raise strings.wrong("private key", why)


def _decrypted(secret: bytes, cipher: bytes, options: bytes, passphrase: Callable[[], bytes]) -> bytes:
    algorithm, key_bytes, mode, block = _CIPHERS[cipher]
    strings = Strings(options, width=4, of="the options of its key derivation")
    salt, rounds = strings.next("salt"), strings.number(4, "rounds")
    if not salt or not 1 <= rounds <= _MOST_ROUNDS:
        why = f"{rounds} rounds over {len(salt)} bytes of salt; 1 to {_MOST_ROUNDS} over 1 or more"
        raise strings.wrong("rounds" if salt else "salt", why)
    word = passphrase()
    if not word:
        raise Unverified("the passphrase is empty")
    derived = bcrypt.kdf(word, salt, key_bytes + block, rounds, ignore_few_rounds=True)
    decryptor = Cipher(algorithm(derived[:key_bytes]), mode(derived[key_bytes:])).decryptor()
    return decryptor.update(secret) + decryptor.finalize()


def _seed(secret: bytes, *, encrypted: bool) -> bytes:
    """The first half of the Ed25519 key; the second is its public key."""
    if len(secret) < 8 or not hmac.compare_digest(secret[:4], secret[4:8]):
        if encrypted:
            raise Unverified("the passphrase does not open this key, or the key is damaged")
        raise Malformed(
            f"byte 0 of {_PRIVATE_PART}: the OpenSSH key is damaged: its two check numbers differ"
        )
    strings = Strings(secret, width=4, at=8, of=_PRIVATE_PART)
    _refuse_other_types(strings)
    strings.next("public key")
    pair = strings.next("private key")
    if len(pair) != 2 * KEY_BYTES:
        raise strings.wrong("private key", f"an ed25519 key of {len(pair)} bytes; {2 * KEY_BYTES} are needed")
    return pair[:KEY_BYTES]
