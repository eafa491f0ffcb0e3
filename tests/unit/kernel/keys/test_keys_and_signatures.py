"""Key files are guarded, signatures hold for one purpose, secrets do not print, pseudonyms do not tell."""

from __future__ import annotations

import base64
import json
import pickle
import stat
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from opengdi.kernel.errors import Invalid
from opengdi.kernel.keys import KeyFolder, PublicKey, Secret, SigningKey, address_pseudonym, pseudonym, verify
from opengdi.standards.faults import Malformed, Unverified

KEY = SigningKey.generate()


@pytest.fixture
def keys(tmp_path: Path) -> KeyFolder:
    return KeyFolder(tmp_path / "keys", data_dir=tmp_path / "data")


def test_a_key_is_made_once_and_loaded_ever_after(keys: KeyFolder) -> None:
    assert keys.signing_key("node").key_id == keys.signing_key("node").key_id
    assert keys.signing_key("node").key_id != keys.signing_key("other").key_id
    assert keys.secret("addresses") == keys.secret("addresses")


def test_key_files_are_readable_by_the_owner_only(keys: KeyFolder, tmp_path: Path) -> None:
    keys.signing_key("node")
    keys.secret("addresses")
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()}
    assert files == {"node.pem": 0o600, "addresses.secret": 0o600}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_that_others_may_reach_is_refused(keys: KeyFolder, tmp_path: Path, mode: int) -> None:
    keys.signing_key("node")
    (tmp_path / "keys" / "node.pem").chmod(mode)
    with pytest.raises(Invalid, match=f"has mode {mode:04o}.*set it to 0600"):
        keys.signing_key("node")


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o755)
    with pytest.raises(Invalid, match="set it to 0700"):
        KeyFolder(tmp_path / "keys", data_dir=tmp_path / "data")


@pytest.mark.parametrize("inside", ["data", "data/keys", "data/../data/keys"])
def test_keys_inside_the_data_directory_are_refused(tmp_path: Path, inside: str) -> None:
    with pytest.raises(Invalid, match="keys and data must be apart"):
        KeyFolder(tmp_path / inside, data_dir=tmp_path / "data")


def test_a_file_without_a_key_is_refused_with_its_name(keys: KeyFolder, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "node.pem"
    path.touch(mode=0o600)
    with pytest.raises(Invalid, match=r"node\.pem: no private key found"):
        keys.signing_key("node")


def test_the_key_id_is_the_jwk_thumbprint_of_rfc_7638() -> None:
    jwk = KEY.public.as_jwk()
    members = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    from hashlib import sha256

    digest = sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest()
    assert KEY.key_id == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def test_a_public_key_goes_around_as_jwk_or_pem_and_never_with_its_private_part() -> None:
    assert "d" not in KEY.public.as_jwk()
    assert PublicKey.from_jwk(KEY.public.as_jwk()) == KEY.public
    assert PublicKey.from_text(json.dumps(KEY.public.as_jwk())) == KEY.public
    assert PublicKey.from_text(KEY.as_pem().decode()).as_jwk() == KEY.public.as_jwk()


@given(payload=st.binary(max_size=200))
def test_a_signature_gives_its_payload_back(payload: bytes) -> None:
    assert verify(KEY.sign(payload, purpose="test"), [KEY.public], purpose="test") == payload


@given(position=st.integers(min_value=0), bit=st.integers(0, 5))
@example(position=-1, bit=0)  # a spare bit of base64url, which a lenient decoder ignores
def test_a_changed_character_anywhere_is_found(position: int, bit: int) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = KEY.sign(b"a payload", purpose="test")
    place = position % len(token)
    if token[place] == ".":
        return
    other = alphabet[alphabet.index(token[place]) ^ 1 << bit]
    changed = token[:place] + other + token[place + 1 :]
    with pytest.raises((Unverified, Malformed)):
        verify(changed, [KEY.public], purpose="test")


def test_a_signature_for_one_purpose_does_not_serve_another() -> None:
    with pytest.raises(Unverified, match="signed as 'registry', not as 'checkpoint'"):
        verify(KEY.sign(b"x", purpose="registry"), [KEY.public], purpose="checkpoint")


def test_an_unknown_key_is_named() -> None:
    stranger = SigningKey.generate()
    with pytest.raises(Unverified, match=stranger.key_id):
        verify(stranger.sign(b"x", purpose="test"), [KEY.public], purpose="test")


def test_a_token_without_signature_is_refused() -> None:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": KEY.key_id, "typ": "test"}).encode())
    with pytest.raises(Unverified, match="'none' does not fit"):
        verify(f"{header.rstrip(b'=').decode()}.eA.", [KEY.public], purpose="test")


def test_a_public_key_used_as_hmac_key_is_refused() -> None:
    public_pem = ECKey.import_key(KEY.as_pem()).as_pem(private=False)
    header = {"alg": "HS256", "kid": KEY.key_id, "typ": "test"}
    forged = jws.serialize_compact(header, b"x", OctKey.import_key(public_pem.hex()), algorithms=["HS256"])
    with pytest.raises(Unverified, match="'HS256' does not fit the key"):
        verify(forged, [KEY.public], purpose="test")


def test_rs256_of_a_foreign_party_is_verified() -> None:
    foreign = RSAKey.generate_key(2048)
    public = PublicKey.from_jwk(foreign.as_dict(private=False))
    header = {"alg": "RS256", "kid": public.key_id, "typ": "test"}
    assert verify(jws.serialize_compact(header, b"x", foreign), [public], purpose="test") == b"x"


@pytest.mark.parametrize(
    "jwk", [{"kty": "oct", "k": "AAAA"}, {"kty": "EC"}, {}, {"kty": "EC", "crv": "P-256", "x": 1}]
)
def test_another_kind_of_key_is_refused(jwk: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        PublicKey.from_jwk(jwk)


def test_another_curve_is_refused() -> None:
    with pytest.raises(Malformed, match="P-384 is not accepted"):
        PublicKey.from_jwk(ECKey.generate_key("P-384").as_dict(private=False))


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "ä.b.c", "....", "e30.e30.e30"])
def test_what_is_no_jws_is_malformed_or_unverified(token: str) -> None:
    with pytest.raises((Malformed, Unverified)):
        verify(token, [KEY.public], purpose="test")


def test_a_secret_prints_as_stars_and_does_not_travel() -> None:
    secret = Secret(b"hunter2")
    assert f"{secret} {secret!r} {[secret]}" == "*** *** [***]"
    assert "hunter2" not in repr(KEY)
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_pseudonyms_differ_by_key_and_purpose_and_stay_the_same() -> None:
    one, two = Secret(b"1" * 32), Secret(b"2" * 32)
    assert pseudonym(one, "address", "x") == pseudonym(one, "address", "x")
    assert (
        len({pseudonym(one, "address", "x"), pseudonym(two, "address", "x"), pseudonym(one, "name", "x")})
        == 3
    )


def test_one_ipv6_network_is_one_caller_and_a_mapped_ipv4_address_is_itself() -> None:
    key = Secret(b"1" * 32)
    assert address_pseudonym(key, "2001:db8::1") == address_pseudonym(key, "2001:db8:0:0:ffff::9")
    assert address_pseudonym(key, "2001:db8::1") != address_pseudonym(key, "2001:db8:0:1::1")
    assert address_pseudonym(key, "::ffff:192.0.2.1") == address_pseudonym(key, "192.0.2.1")
    assert address_pseudonym(key, "192.0.2.1") != address_pseudonym(key, "192.0.2.2")
    assert len(address_pseudonym(key, "testclient")) == 32
