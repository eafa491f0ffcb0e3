"""A permit for one version of a dataset, all the way: what its issuer signs opens that version at the node's doors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from tests.archive_kit import STORED, upload
from tests.unit.apps.test_doors_matrix import CLOCK, SIGNATORY, Place, bearer, chain_of, trusting

from opengdi.apps import node
from opengdi.apps.archive import open_records
from opengdi.identity.issuer.model import IssuerProfile
from opengdi.identity.issuer.rules import visas_for_grants
from opengdi.identity.model import Grant
from opengdi.kernel.ids import dataset_id
from opengdi.standards.passport import VisaObject

DATASET = "GDI-EE-DOORS-1"
PATHS = (
    "/ga4gh/drs/v1/objects/{}",
    "/ga4gh/drs/v1/objects/{}/access/content",
    "/htsget/reads/{}",
    "/download/v1/files/{}/content",
)
KEY = {"htsget-context-public-key": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Place, dict[str, str]]]:
    """A node with a file in each of two versions, by version."""
    settings = trusting(tmp_path, "node", {"node": {"id": "ee.node", "country": "EE"}})
    with node.open_state(settings, CLOCK) as state:
        records, files = open_records(state), {}
        for version in ("1", "2"):
            file = records.registry.receive(upload(f"u{version}", f"{version}.bam"), submit=True)
            records.registry.deposit(file.id, STORED, header=b"h", chunk_hashes=b"", actor="node:archive")
            records.mapping.map(dataset_id(DATASET, ""), [file.id], "operator:test", version)
            files[version] = file.id
        records.mapping.release(DATASET, "operator:test")
        process = node.build_node(state)
        yield Place(process, (), chain_of(state)), files
        process.close()


def signed(version: str) -> str:
    """A passport with the visa that an issuer signs for a grant of that version; nothing in it where it signs none."""
    now = CLOCK.now()
    grant = Grant(
        "ada",
        DATASET,
        version,
        "GDIP-1",
        "https://dac.example.org",
        datetime(2026, 1, 1, tzinfo=UTC),
        now + timedelta(days=9),
    )
    profile, ids = IssuerProfile(SIGNATORY.iss, timedelta(hours=1)), count()
    told: list[VisaObject] = [
        planned.visa.object for planned in visas_for_grants([grant], profile, now, lambda: f"{next(ids)}")
    ]
    return SIGNATORY.passport_of("ada", told)


@pytest.mark.parametrize("version, opened", [("1", {"1"}), ("2", {"2"}), ("3", set()), ("", set())])
async def test_a_grant_of_a_version_opens_that_version_alone(
    place: tuple[Place, dict[str, str]], version: str, opened: set[str]
) -> None:
    at, files = place
    headers = dict(bearer(signed(version))()) | KEY
    for lies_in, file in files.items():
        for path in PATHS:
            try:
                status = (await at.client.get(path.format(file), headers=headers)).status_code
            except ConnectionAbortedError:  # it was opened; the body is not there
                status = 200
            assert (status == 403) == (lies_in not in opened), (path, lies_in, status)
