"""Key files of every kind the field uses, and what is wrong with the others."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.unit.standards.crypt4gh.kit import ALICE, BOB, some_bytes

from opengdi.standards.crypt4gh import (
    PrivateKey,
    PublicKey,
    parse_private_key,
    parse_public_key,
    private_key_text,
    public_key_text,
)
from opengdi.standards.crypt4gh.keys import KDFS, LARGEST_KEY_BYTES
from opengdi.standards.faults import Malformed, Unverified

PASSPHRASE = "sësame".encode()


def never() -> bytes:
    raise AssertionError("nobody may be asked for a passphrase that is not needed")


def pem(blob: bytes, label: str = "CRYPT4GH PRIVATE KEY") -> str:
    return f"-----BEGIN {label}-----\n{base64.b64encode(blob).decode()}\n-----END {label}-----\n"


def strings(*parts: bytes) -> bytes:
    return b"c4gh-v1" + b"".join(len(part).to_bytes(2, "big") + part for part in parts)


PLACE = re.compile(r"\b(byte|character) [0-9]+|at most 65536")
"""Every fault says where it is; of a text that is too long, how long it is."""


@pytest.mark.parametrize("kdf", KDFS)
@pytest.mark.parametrize("comment", [b"", b"alice@example.org"])
def test_a_protected_key_is_read_with_its_passphrase_only(kdf, comment):
    text = private_key_text(ALICE, passphrase=PASSPHRASE, random=some_bytes(28), kdf=kdf, comment=comment)
    assert parse_private_key(text, lambda: PASSPHRASE) == ALICE
    with pytest.raises(Unverified, match="the passphrase does not open this key"):
        parse_private_key(text, lambda: b"wrong")
    with pytest.raises(Unverified, match="protected by a passphrase, and none was given"):
        parse_private_key(text)


def test_an_unprotected_key_asks_nobody():
    text = private_key_text(ALICE, passphrase=None, random=b"", comment=b"test")
    assert parse_private_key(text, never) == ALICE
    assert base64.b64decode(text.split("\n")[1]).startswith(b"c4gh-v1\0\4none\0\4none\0\x20")


@pytest.mark.parametrize("label", ["CRYPT4GH PRIVATE KEY", "CRYPT4GH ENCRYPTED PRIVATE KEY"])
def test_raw_keys_and_both_labels_are_accepted(label):
    assert parse_private_key(pem(ALICE.reveal(), label), never) == ALICE
    assert parse_private_key(pem(strings(b"none", b"none", ALICE.reveal()), label).encode(), never) == ALICE


def test_line_ends_and_text_around_a_key_do_not_matter():
    text = private_key_text(ALICE, passphrase=None, random=b"").replace("\n", "\r\n")
    assert parse_private_key(f"# my key\r\n{text}\r\n", never) == ALICE


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "no private key found"),
        (public_key_text(ALICE.public), "a public key; expected `CRYPT4GH PRIVATE KEY`"),
        (pem(bytes(32), "RSA PRIVATE KEY"), "a key of another kind, `RSA PRIVATE KEY`"),
        (pem(bytes(31)), "neither 32 raw bytes nor does it begin with `c4gh-v1`"),
        ("-----BEGIN CRYPT4GH PRIVATE KEY-----\nAAA\n-----END CRYPT4GH PRIVATE KEY-----", "not valid Base64"),
        (pem(strings(b"none", b"none", bytes(31))), "a key of 31 bytes; 32 are needed"),
        (pem(strings(b"none", b"none")), "byte 19 of the decoded key: it ends within the key"),
        (
            pem(strings(b"argon2", b"\0" * 20, b"chacha20_poly1305", bytes(60))),
            "key derivation 'argon2' is not known",
        ),
        (pem(strings(b"scrypt", b"\0" * 4, b"chacha20_poly1305", bytes(60))), "no salt"),
        (pem(strings(b"scrypt", b"\0" * 20, b"aes", bytes(60))), "encrypted by 'aes'"),
        (pem(strings(b"none", b"chacha20_poly1305", bytes(60))), "and a key derivation"),
        (pem(strings(b"scrypt", b"\0" * 20, b"chacha20_poly1305", bytes(59))), "encrypted key of 59 bytes"),
        (
            pem(strings(b"bcrypt", b"\xff" * 20, b"chacha20_poly1305", bytes(60))),
            "4294967295 rounds of bcrypt",
        ),
        (
            pem(strings(b"bcrypt", b"\0" * 20, b"chacha20_poly1305", bytes(60))),
            "0 rounds of bcrypt; 1 to 10000",
        ),
        ("x" * (LARGEST_KEY_BYTES + 1), "a key of 65537 bytes; at most 65536"),
        ("—", "not ASCII"),
    ],
)
def test_a_key_file_that_is_wrong_says_where_and_what_would_be_right(text, message):
    with pytest.raises(Malformed, match=message) as fault:
        parse_private_key(text, never)
    assert PLACE.search(str(fault.value))


def test_an_empty_passphrase_for_bcrypt_is_wrong_and_no_crash():
    text = private_key_text(ALICE, passphrase=PASSPHRASE, random=some_bytes(28), kdf="bcrypt")
    with pytest.raises(Unverified, match="empty"):
        parse_private_key(text, lambda: b"")


def folded(text: str) -> str:
    return "\n".join(text[at : at + 20] for at in range(0, len(text), 20))


BASE64 = base64.b64encode(ALICE.public.raw).decode()
PEM64 = base64.b64encode(public_key_text(ALICE.public).encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        public_key_text(ALICE.public),
        BASE64,
        folded(BASE64),
        PEM64,
        folded(PEM64),
        f"  {BASE64}\n",
        BASE64.encode(),
    ],
    ids=["PEM", "raw", "raw folded", "PEM in Base64", "PEM in Base64 folded", "raw and space", "bytes"],
)
def test_a_public_key_comes_as_pem_or_in_base64(text):
    assert parse_public_key(text) == ALICE.public
    assert str(ALICE.public) == BASE64


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "no public key found"),
        (base64.b64encode(bytes(31)).decode(), "no public key found"),
        ("not base64!", "not valid Base64"),
        (pem(bytes(31), "CRYPT4GH PUBLIC KEY"), "a public key of 31 bytes"),
        (private_key_text(BOB, passphrase=None, random=b""), "not a public key but `CRYPT4GH PRIVATE KEY`"),
        ("ssh-ed25519", "a key in Base64 is expected"),
        ("ssh-ed25519 AAAA", "ends within the type of the key"),
        ("ssh-ed25519 " + base64.b64encode(b"\0\0\0\7ssh-rsa").decode(), "only ed25519"),
        (
            "ssh-ed25519 "
            + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + b"\1" + bytes(31)).decode(),
            "neutral",
        ),
    ],
)
def test_a_public_key_that_is_wrong_says_where_and_what_would_be_right(text, message):
    with pytest.raises(Malformed, match=message) as fault:
        parse_public_key(text)
    assert PLACE.search(str(fault.value))


def ssh_strings(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


SEED, VERIFYING = some_bytes(32, "seed"), some_bytes(32, "verifying")
SSH_PUBLIC = ssh_strings(b"ssh-ed25519", VERIFYING)
CHECKED = b"\1\2\3\4" * 2


def openssh(
    secret: bytes,
    *,
    cipher: bytes = b"none",
    kdf: bytes = b"none",
    options: bytes = b"",
    keys: int = 1,
    public: bytes = SSH_PUBLIC,
) -> str:
    """An OpenSSH private key written down from PROTOCOL.key."""
    blob = b"openssh-key-v1\0" + ssh_strings(cipher, kdf, options) + keys.to_bytes(4, "big")
    return pem(blob + ssh_strings(public, secret), "OPENSSH PRIVATE KEY")


def ssh_secret(pair: bytes = SEED + VERIFYING, kind: bytes = b"ssh-ed25519") -> bytes:
    return CHECKED + ssh_strings(kind, VERIFYING, pair, b"alice") + b"\1\2\3"


def test_an_openssh_key_is_read_as_its_protocol_says():
    assert parse_private_key(openssh(ssh_secret()), never) == PrivateKey.from_ed25519(SEED)


SEALED = {"cipher": b"aes256-ctr", "kdf": b"bcrypt"}


@pytest.mark.parametrize(
    "text, message",
    [
        (pem(b"openssh-key-v2\0", "OPENSSH PRIVATE KEY"), "does not begin with `openssh-key-v1`"),
        (pem(b"openssh-key-v1\0\0\0\0\4no", "OPENSSH PRIVATE KEY"), "ends within the name of the cipher"),
        (openssh(ssh_secret(), keys=2), "several keys"),
        (openssh(ssh_secret(), public=ssh_strings(b"ssh-rsa")), "only ed25519"),
        (openssh(ssh_secret(kind=b"ssh-rsa")), "only ed25519"),
        (openssh(ssh_secret(pair=SEED)), "an ed25519 key of 32 bytes; 64 are needed"),
        (openssh(b"\1" + ssh_secret()), "its two check numbers differ"),
        (openssh(b""), "its two check numbers differ"),
        (openssh(bytes(17), **SEALED), "not a multiple of 16 bytes"),
        (
            openssh(bytes(16), **SEALED, options=ssh_strings(b"salt") + bytes(4)),
            "0 rounds over 4 bytes of salt",
        ),
        (
            openssh(bytes(16), **SEALED, options=ssh_strings(b"salt") + b"\xff" * 4),
            "1 to 10000 over 1 or more",
        ),
        (openssh(bytes(16), **SEALED, options=ssh_strings(b"") + b"\0\0\0\1"), "over 0 bytes of salt"),
        (openssh(bytes(16), cipher=b"aes256-ctr"), "in another way than by bcrypt"),
    ],
)
def test_an_openssh_key_that_is_wrong_says_where_and_what_is(text, message):
    with pytest.raises(Malformed, match=message) as fault:
        parse_private_key(text, never)
    assert PLACE.search(str(fault.value))


HEADED = "# key\n-----BEGIN CRYPT4GH PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    "text, place",
    [
        (f"{HEADED}AAAA\nAA\n-----END CRYPT4GH PRIVATE KEY-----", f"character {len(HEADED) + 7}:"),
        (f"{HEADED}AA=A\n-----END CRYPT4GH PRIVATE KEY-----", f"character {len(HEADED) + 2}:"),
        (HEADED, f"up to character {len(HEADED)};"),
        (f"{HEADED}é", f"character {len(HEADED)}:"),
        (f"# {pem(bytes(32), 'RSA PRIVATE KEY')}", "character 13:"),
        (pem(strings(b"scrypt", b"\0" * 20, b"aes", bytes(60))), "byte 37 of the decoded key:"),
        (pem(strings(b"scrypt", b"\0" * 4, b"chacha20_poly1305", bytes(60))), "byte 15 of the decoded key:"),
        (pem(strings(b"none", b"none", bytes(31))), "byte 19 of the decoded key:"),
        (openssh(ssh_secret(), keys=2), "byte 35 of the decoded key:"),
        (openssh(ssh_secret(kind=b"ssh-rsa")), "byte 8 of the private part of the key:"),
        (openssh(bytes(17), **SEALED), "byte 102 of the decoded key:"),
        (
            openssh(bytes(16), **SEALED, options=ssh_strings(b"salt") + bytes(4)),
            "byte 8 of the options of its key derivation:",
        ),
    ],
)
def test_the_place_of_a_fault_is_the_right_one(text, place):
    with pytest.raises(Malformed) as fault:
        parse_private_key(text, never)
    assert place in str(fault.value)


@pytest.mark.parametrize(
    "text, place",
    [
        ("  AAAA!AAA", "character 6:"),
        (f"\n{pem(bytes(31), 'CRYPT4GH PUBLIC KEY')}", "byte 31 of the decoded key:"),
        (f"\n{pem(bytes(33), 'CRYPT4GH PUBLIC KEY')}", "byte 32 of the decoded key:"),
        (base64.b64encode(bytes(31)).decode(), "up to character 31 of what the Base64 holds"),
        (
            base64.b64encode(pem(bytes(32), "RSA PUBLIC KEY").encode()).decode(),
            "character 11 of what the Base64 holds:",
        ),
        (" ssh-ed25519 !", "character 12:"),
    ],
)
def test_the_place_of_a_fault_in_a_public_key_is_the_right_one(text, place):
    with pytest.raises(Malformed) as fault:
        parse_public_key(text)
    assert place in str(fault.value)


needs_ssh_keygen = pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="there is no ssh-keygen here")


def ssh_key(folder: Path, *options: str, passphrase: str = "", kind: str = "ed25519") -> tuple[str, str]:
    """Text of a private and a public key that ssh-keygen makes."""
    file = folder / "key"
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "alice", "-f", file, *options]
    subprocess.run(command, check=True)
    return file.read_text(), file.with_suffix(".pub").read_text()


@needs_ssh_keygen
def test_an_openssh_key_is_the_twin_of_its_public_line(tmp_path):
    private, public = ssh_key(tmp_path)
    assert parse_private_key(private, never).public == parse_public_key(public)


@needs_ssh_keygen
@pytest.mark.parametrize(
    "cipher",
    ["aes128-ctr", "aes192-ctr", "aes256-ctr", "aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc"],
)
def test_a_protected_openssh_key_is_read_with_its_passphrase_only(tmp_path, cipher):
    private, public = ssh_key(tmp_path, "-Z", cipher, "-a", "1", passphrase="open it")
    assert parse_private_key(private, lambda: b"open it").public == parse_public_key(public)
    for wrong in (b"shut", b""):
        with pytest.raises(Unverified, match="passphrase"):
            parse_private_key(private, lambda wrong=wrong: wrong)


@needs_ssh_keygen
def test_other_openssh_keys_are_told_apart(tmp_path):
    private, public = ssh_key(tmp_path, kind="ecdsa")
    with pytest.raises(Malformed, match="only ed25519"):
        parse_private_key(private)
    with pytest.raises(Malformed, match="not valid Base64"):
        parse_public_key(public)


@needs_ssh_keygen
def test_an_openssh_cipher_that_is_not_known_is_named_with_those_that_are(tmp_path):
    private, _ = ssh_key(tmp_path, "-Z", "aes256-gcm@openssh.com", passphrase="open it")
    with pytest.raises(Malformed, match="in another way than by bcrypt and one of aes128-ctr"):
        parse_private_key(private, never)


def test_the_twin_of_an_ed25519_key_is_that_of_libsodium():
    """Key pair of RFC 8032 §7.1, test 1; its twin as libsodium's `crypto_sign_ed25519_*_to_curve25519` gives it."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    twin = PublicKey.from_ed25519(public)
    assert PrivateKey.from_ed25519(seed).public == twin
    assert twin.raw.hex() == "d85e07ec22b0ad881537c2f44d662d1a143cf830c57aca4305d85c7a90f6b62e"
