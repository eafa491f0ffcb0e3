"""Signed checks and facts: they come back as they were, and nothing else passes for them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.encrypted_uploads import PLACE, keyring

from opengdi.archive.checks import PURPOSE as CHECKS
from opengdi.archive.checks import BodyChecks, read_checks, signed_checks
from opengdi.archive.facts import PURPOSE as FACTS
from opengdi.archive.facts import read_facts, signed_facts
from opengdi.archive.model import ArchivedFile, Declared, Digests, FileState, Stored
from opengdi.kernel.ids import FileId, ReleaseId
from opengdi.kernel.keys import SigningKey
from opengdi.standards.faults import Malformed, Unverified

OURS = keyring()
NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
FILE = ArchivedFile(
    id=FileId("GDIF-EE-0000000042"),
    upload="abc",
    provider="biobank",
    path="cohort/õun.bam.c4gh",
    version=2,
    state=FileState.READY,
    place=PLACE,
    size_bytes=1234,
    created=NOW,
    changed=NOW,
    declared=Declared(sha256="a" * 64),
    releases=(ReleaseId("GDI-EE-UT-1", "2026.1"), ReleaseId("GDI-EE-UT-2")),
    stored=Stored("ab", 1110, 1000, Digests("", "b" * 64, "c" * 64), "BAM", "csi"),
)


@given(st.integers(0), st.lists(st.binary(min_size=32, max_size=32), max_size=4))
def test_checks_come_back_as_they_were(size: int, hashes: list[bytes]) -> None:
    checks = BodyChecks(size % 2**63, "d" * 64, tuple(hashes))
    assert read_checks(signed_checks(checks, PLACE, OURS), PLACE, OURS) == checks


def test_facts_come_back_as_they_were() -> None:
    assert read_facts(signed_facts(FILE, OURS), PLACE, OURS) == FILE
    received = replace(FILE, state=FileState.UPLOADED, stored=None, due=NOW)
    assert read_facts(signed_facts(received, OURS), PLACE, OURS) == received


def test_facts_from_before_datasets_had_versions_still_name_the_datasets() -> None:
    told = json.loads(msgspec.json.encode({"version": 1, "file": FILE}))
    del told["file"]["releases"]
    told["file"]["datasets"] = ["GDI-EE-UT-1", "GDI-EE-UT-2"]
    found = read_facts(OURS.sign(json.dumps(told).encode(), purpose=FACTS), PLACE, OURS)
    assert found.releases == (ReleaseId("GDI-EE-UT-1"), ReleaseId("GDI-EE-UT-2"))


def test_facts_and_checks_of_another_place_are_not_accepted_here() -> None:
    with pytest.raises(Unverified, match="cd/other"):
        read_facts(signed_facts(replace(FILE, place="cd/other"), OURS), PLACE, OURS)
    with pytest.raises(Unverified, match="cd/other"):
        read_checks(signed_checks(BodyChecks(0, "", ()), "cd/other", OURS), PLACE, OURS)


def test_one_kind_does_not_pass_for_the_other_nor_a_foreign_signature_for_ours() -> None:
    with pytest.raises(Unverified):
        read_checks(signed_facts(FILE, OURS), PLACE, OURS)
    foreign = SigningKey.generate().sign(b"{}", purpose=FACTS).encode()
    with pytest.raises(Unverified):
        read_facts(foreign, PLACE, OURS)


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{}", b'{"version": 1}', b'{"version": 1, "file": {}}', b"\xff"]
)
def test_what_is_signed_but_no_facts_or_checks_is_malformed(payload: bytes) -> None:
    with pytest.raises(Malformed):
        read_facts(OURS.sign(payload, purpose=FACTS), PLACE, OURS)
    with pytest.raises(Malformed):
        read_checks(OURS.sign(payload, purpose=CHECKS), PLACE, OURS)


def test_versions_that_are_not_known_are_refused() -> None:
    said = json.loads(OURS.verified(signed_facts(FILE, OURS), purpose=FACTS)) | {"version": 2}
    with pytest.raises(Malformed, match="version 2"):
        read_facts(OURS.sign(json.dumps(said).encode(), purpose=FACTS), PLACE, OURS)
    said = json.loads(OURS.verified(signed_checks(BodyChecks(0, "", ()), PLACE, OURS), purpose=CHECKS))
    with pytest.raises(Malformed, match="chunks of 7 segments"):
        read_checks(OURS.sign(json.dumps(said | {"chunkSegments": 7}).encode(), purpose=CHECKS), PLACE, OURS)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_by_a_kind_of_their_own(raw: bytes) -> None:
    for read in (read_facts, read_checks):
        with pytest.raises((Malformed, Unverified)):
            read(raw, PLACE, OURS)
