"""Keys follow each other: published before they sign, and for as long as anything they signed may hold."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import Invalid
from opengdi.kernel.keys import (
    Algorithm,
    KeyFolder,
    PublicKey,
    RotatingKeys,
    Rotation,
    SigningKey,
    key_set,
    read_key_set,
    verify,
)
from opengdi.standards.faults import Malformed, Unverified

START = datetime(2026, 1, 1, tzinfo=UTC)
ROTATION = Rotation(timedelta(days=10), timedelta(days=2), timedelta(hours=1))
DAY = 86_400.0


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


@pytest.fixture
def folder(tmp_path: Path) -> KeyFolder:
    return KeyFolder(tmp_path / "keys", data_dir=tmp_path / "data")


def rotating(folder: KeyFolder, clock: FixedClock, algorithm: Algorithm = "ES256") -> RotatingKeys:
    return RotatingKeys(folder, "visas", clock, algorithm=algorithm, rotation=ROTATION)


def test_the_first_key_signs_at_once_and_stays(folder: KeyFolder, clock: FixedClock, tmp_path: Path) -> None:
    keys = rotating(folder, clock)
    first = keys.signing()
    assert [key.key_id for key in keys.published()] == [first.key_id]
    assert rotating(folder, clock).signing().key_id == first.key_id
    (file,) = (tmp_path / "keys").iterdir()
    assert file.name == "visas.ES256.20260101T000000Z.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_next_key_is_published_before_it_signs(folder: KeyFolder, clock: FixedClock) -> None:
    keys = rotating(folder, clock)
    first = keys.signing().key_id
    clock.advance(8 * DAY)
    now, coming = keys.published()
    assert keys.signing().key_id == now.key_id == first
    clock.advance(2 * DAY)
    assert keys.signing().key_id == coming.key_id


def test_an_old_key_is_published_until_what_it_signed_has_ended(
    folder: KeyFolder, clock: FixedClock, tmp_path: Path
) -> None:
    keys = rotating(folder, clock)
    first = keys.signing()
    clock.advance(8 * DAY)
    keys.published()
    clock.advance(2 * DAY + 3500)
    assert first.public in keys.published()
    clock.advance(200)
    assert first.public not in keys.published()
    assert len(list((tmp_path / "keys").iterdir())) == 1


def test_a_service_that_slept_through_still_announces_the_next_key(
    folder: KeyFolder, clock: FixedClock
) -> None:
    first = rotating(folder, clock).signing()
    clock.advance(100 * DAY)
    keys = rotating(folder, clock)
    assert keys.signing().key_id == first.key_id
    assert len(keys.published()) == 2
    clock.advance(2 * DAY)
    assert keys.signing().key_id != first.key_id


def test_processes_that_share_a_folder_agree(folder: KeyFolder, clock: FixedClock) -> None:
    one, other = rotating(folder, clock), rotating(folder, clock)
    one.signing()
    for _ in range(60):
        clock.advance(DAY)
        assert one.signing().key_id == other.signing().key_id
        assert one.published() == other.published()


def test_a_key_that_leaked_is_replaced_at_once(folder: KeyFolder, clock: FixedClock) -> None:
    keys = rotating(folder, clock)
    leaked = keys.signing()
    clock.advance(8.5 * DAY)
    assert len(keys.published()) == 2
    fresh = keys.replace_now()
    assert [key.key_id for key in keys.published()] == [fresh.key_id] == [keys.signing().key_id]
    assert leaked.key_id != fresh.key_id
    assert rotating(folder, clock).signing().key_id == fresh.key_id


def test_keys_of_two_algorithms_live_side_by_side(folder: KeyFolder, clock: FixedClock) -> None:
    assert rotating(folder, clock).signing().public.algorithm == "ES256"
    rsa = rotating(folder, clock, "RS256")
    assert {key.algorithm for key in rsa.published()} == {"RS256"}
    token = rsa.signing().sign(b"x", purpose="test", jku="https://n.example.org/jwks")
    assert verify(token, rsa.published(), purpose="test") == b"x"


def test_a_file_that_is_no_key_of_a_time_is_named(
    folder: KeyFolder, clock: FixedClock, tmp_path: Path
) -> None:
    (tmp_path / "keys" / "visas.ES256.soon.pem").touch(mode=0o600)
    with pytest.raises(Invalid, match=r"visas\.ES256\.soon\.pem"):
        rotating(folder, clock).signing()


@given(st.lists(st.integers(0, 400), max_size=6), st.integers(0, 400))
def test_something_can_always_sign_and_is_published(days: list[int], today: int) -> None:
    now = START + timedelta(days=today)
    starts = [START + timedelta(days=day) for day in set(days)]
    if (made := ROTATION.next_start(starts, now)) is not None:
        starts.append(made)
    signing = max((start for start in starts if start <= now), default=None)
    assert signing is not None
    published = ROTATION.published(starts, now)
    assert signing in published
    assert all(start in published for start in starts if start > now)


def test_a_key_set_is_read_as_it_is_served() -> None:
    one, other = SigningKey.generate().public, SigningKey.generate("RS256").public
    found = read_key_set(dict(key_set([one, other])))
    assert found == {(one.key_id, "ES256"): one, (other.key_id, "RS256"): other}


def test_what_we_would_not_verify_with_is_passed_over_in_a_key_set() -> None:
    key = SigningKey.generate().public
    others = [
        {"kty": "oct", "k": "AAAA", "kid": "a"},
        {"kty": "EC", "crv": "P-521", "kid": "b"},
        {**key.as_jwk(), "use": "enc", "kid": "c"},
        {**key.as_jwk(), "alg": "ES384", "kid": "d"},
        {name: value for name, value in key.as_jwk().items() if name != "kid"},
    ]
    assert list(read_key_set({"keys": [*others, key.as_jwk()]})) == [(key.key_id, "ES256")]


def test_two_keys_of_one_name_are_refused() -> None:
    one, other = (SigningKey.generate().public.as_jwk() for _ in range(2))
    with pytest.raises(Malformed, match="two keys"):
        read_key_set({"keys": [one, {**other, "kid": one["kid"]}]})


@pytest.mark.parametrize("document", [{}, {"keys": {}}, {"keys": ["a"]}, {"keys": None}])
def test_what_is_no_key_set_is_malformed(document: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        read_key_set(document)


def test_a_signature_of_another_length_does_not_hold() -> None:
    key = SigningKey.generate()
    for signature in (b"", b"x" * 63, b"\0" * 64, b"\xff" * 64):
        with pytest.raises(Unverified):
            key.public.check(b"signed", signature)


def test_an_rsa_key_is_kept_as_a_file_and_not_taken_for_another(folder: KeyFolder) -> None:
    made = folder.signing_key("rsa", "RS256")
    assert folder.signing_key("rsa", "RS256").key_id == made.key_id
    with pytest.raises(Invalid, match="P-256"):
        folder.signing_key("rsa")
    assert PublicKey.from_jwk(made.public.as_jwk()).algorithm == "RS256"


def test_critical_extensions_are_refused() -> None:
    from opengdi.standards.jws import write_compact

    key = SigningKey.generate()
    header = {"alg": "ES256", "kid": key.key_id, "typ": "test", "crit": ["b64"], "b64": False}
    with pytest.raises(Unverified, match="critical"):
        verify(write_compact(header, b"x", key._signature), [key.public], purpose="test")
