"""Who has a permit for one version of a dataset has the files of that version, by every API, and no others."""

from __future__ import annotations

import pytest
from tests.htsget_kit import Delivering as Slicing
from tests.unit.delivery.kit import ADA, BASE, BASE_PATH, DATASET, FIRST, KEY, bearer

from opengdi.kernel.ids import ReleaseId
from opengdi.standards.drs.ids import escape_id

ONE, TWO, BOTH, NEITHER = (f"GDIF-XX-000000000{number}" for number in range(1, 5))
LIES_IN = {ONE: ("1",), TWO: ("2",), BOTH: ("1", "2"), NEITHER: ("",)}


@pytest.fixture(autouse=True)
def held(node):
    for file, versions in LIES_IN.items():
        releases = [ReleaseId(DATASET, version) for version in versions]
        node.files.hold(file, file.encode(), datasets=releases, file_format="VCF")


@pytest.mark.parametrize("part", ["", "/header", "/content"])
@pytest.mark.parametrize("file", LIES_IN)
async def test_a_file_of_another_version_is_not_given_out(node, file, part):
    async with node.client() as client:
        mine = await client.get(f"{BASE}/files/{file}{part}", headers=bearer(FIRST) | KEY)
        all_of_it = await client.get(f"{BASE}/files/{file}{part}", headers=bearer(ADA) | KEY)
    assert all_of_it.status_code == 200, "a visa for each version opens each"
    assert mine.status_code == (200 if "1" in LIES_IN[file] else 403)


async def test_a_dataset_lists_the_files_of_ones_own_version(node):
    async with node.client() as client:
        listed = (await client.get(f"{BASE}/datasets/{DATASET}/files", headers=bearer(FIRST))).json()
        told = (await client.get(f"{BASE}/datasets/{DATASET}", headers=bearer(FIRST))).json()
        datasets = (await client.get(f"{BASE}/datasets", headers=bearer(FIRST))).json()
    assert [file["fileId"] for file in listed["files"]] == [ONE, BOTH]
    assert told["files"] == 2
    assert datasets["datasets"] == [DATASET]


async def test_a_dataset_without_a_file_of_ones_own_version_is_not_there(node):
    for file in (ONE, BOTH):
        node.files.drop(file)
    async with node.client() as client:
        assert (await client.get(f"{BASE}/datasets", headers=bearer(FIRST))).json()["datasets"] == []
        assert (await client.get(f"{BASE}/datasets/{DATASET}", headers=bearer(FIRST))).status_code == 403


@pytest.mark.parametrize("file", LIES_IN)
async def test_an_object_of_another_version_is_told_like_one_that_is_absent(node, file):
    async with node.drs_client() as client:
        told = await client.get(f"{BASE_PATH}/objects/{file}", headers=bearer(FIRST))
        address = await client.get(f"{BASE_PATH}/objects/{file}/access/content", headers=bearer(FIRST))
        absent = await client.get(f"{BASE_PATH}/objects/GDIF-XX-0000000009", headers=bearer(FIRST))
    if "1" in LIES_IN[file]:
        assert (told.status_code, address.status_code) == (200, 200)
    else:
        assert told.content == absent.content
        assert (told.status_code, address.status_code, absent.status_code) == (403, 403, 403)


async def test_a_bundle_holds_the_files_of_ones_own_version(node):
    async with node.drs_client() as client:
        mine = (await client.get(f"{BASE_PATH}/objects/{escape_id(DATASET)}", headers=bearer(FIRST))).json()
        whole = (await client.get(f"{BASE_PATH}/objects/{escape_id(DATASET)}", headers=bearer(ADA))).json()
    assert [each["id"] for each in mine["contents"]] == [ONE, BOTH]
    assert len(whole["contents"]) == 4
    assert mine["checksums"] != whole["checksums"]
    assert mine["size"] < whole["size"]


@pytest.mark.parametrize("version, status", [("1", 200), ("2", 403), ("", 403)])
async def test_a_ticket_is_for_ones_own_version(version, status):
    node = Slicing()
    node.files.hold("vcf", b"x" * 100, datasets=[ReleaseId(DATASET, version)], file_format="VCF")
    async with node.client(FIRST) as client:
        answer = await client.get("/htsget/variants/vcf", headers=KEY)
    assert answer.status_code == status
