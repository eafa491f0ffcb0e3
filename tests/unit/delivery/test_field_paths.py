"""Paths of the field's download API, version 1 and objects by path: other routes to the same files, the same gate."""

from __future__ import annotations

import random
from urllib.parse import quote

import pytest
from tests.unit.delivery.kit import (
    ADA,
    BASE,
    BASE_PATH,
    DATASET,
    EVE,
    FIRST,
    KEY,
    OTHER,
    READER,
    REGIONAL,
    SERVICE,
    bearer,
    decrypted,
)

from opengdi.delivery.download import listing
from opengdi.delivery.named import NamedPath
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.ids import ReleaseId
from opengdi.standards.crypt4gh import EditList, public_key_text
from opengdi.standards.drs.ids import read_uri

FILE, ADDRESSED = "GDIF-XX-0000000001", "GDIF-XX-0000000002"
CONTENT = random.Random(7).randbytes(200_000)
V1_KEY = {"Client-Public-Key": KEY["X-C4GH-Public-Key"]}
PEM_KEY = {"Client-Public-Key": quote(public_key_text(READER.public))}
WHERE = ["s3", "s3-encrypted"]


@pytest.fixture(autouse=True)
def held(node):
    node.files.hold(ADDRESSED, b"addressed", datasets=[OTHER], name="run 1/x.vcf.gz", file_format="VCF")
    return node.files.hold(FILE, CONTENT, datasets=[DATASET], name="run/x.bam", file_format="BAM")


async def got(node, path, headers=None, method="GET", **more):
    async with node.client() as client:
        asking = bearer(ADA) if headers is None else headers
        return await client.request(method, f"{BASE}/{path}", headers=asking, **more)


async def test_datasets_are_told_without_pages(node):
    answer = await got(node, "metadata/datasets")
    assert answer.json() == [DATASET, OTHER]
    assert (await got(node, "metadata/datasets", bearer(EVE))).json() == []
    assert (await got(node, "metadata/datasets", {})).status_code == 401


async def test_files_are_told_as_clients_of_version_1_read_them(node, held):
    (told,) = (await got(node, f"metadata/datasets/{DATASET}/files")).json()
    assert told == {
        "fileId": FILE,
        "datasetId": DATASET,
        "displayFileName": "x.bam.c4gh",
        "filePath": "run/x.bam.c4gh",
        "fileName": "run/x.bam.c4gh",
        "fileSize": held.body_bytes,
        "decryptedFileSize": len(CONTENT),
        "decryptedFileChecksum": held.plain_sha256,
        "decryptedFileChecksumType": "SHA256",
        "fileStatus": "READY",
        "createdAt": "2026-01-01T00:00:00+00:00",
        "lastModified": "2026-01-01T00:00:00+00:00",
    }


async def test_a_list_of_many_files_comes_whole_though_pages_are_read(node, monkeypatch):
    monkeypatch.setattr(listing, "LARGEST_PAGE", 2)
    for number in range(3, 8):
        node.files.hold(f"GDIF-XX-000000000{number}", b"", datasets=[DATASET], name=f"{number}")
    told = (await got(node, f"metadata/datasets/{DATASET}/files")).json()
    assert [file["filePath"] for file in told] == ["run/x.bam.c4gh", *(f"{n}.c4gh" for n in range(3, 8))]
    assert (await got(node, f"metadata/datasets/{DATASET}/files", method="HEAD")).content == b""


@pytest.mark.parametrize(
    "dataset, query",
    [
        (OTHER, ""),
        (quote(OTHER, safe=""), ""),
        (quote(OTHER, safe=":"), ""),
        (OTHER.replace("//", "/"), ""),
        ("doi.org/10.5555/other", "?scheme=https"),
        (quote("doi.org/10.5555/other", safe=""), "?scheme=https"),
    ],
)
async def test_an_id_that_is_an_address_is_found_however_it_was_written(node, dataset, query):
    answer = await got(node, f"metadata/datasets/{dataset}/files{query}")
    assert [file["fileId"] for file in answer.json()] == [ADDRESSED]


@pytest.mark.parametrize("query", ["?scheme=http", "?scheme=https", "?scheme="])
async def test_a_scheme_makes_an_id_of_its_own(node, query):
    answer = await got(node, f"metadata/datasets/{DATASET}/files{query}")
    assert answer.status_code == (200 if query == "?scheme=" else 403)


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("dataset", [OTHER, quote(OTHER, safe=""), OTHER.replace("//", "/")])
@pytest.mark.parametrize("path", ["run%201/x.vcf.gz", "run%201/x.vcf.gz.c4gh", "run%201%2Fx.vcf.gz.c4gh"])
async def test_a_file_is_had_by_dataset_and_path_however_they_were_written(node, where, dataset, path):
    answer = await got(node, f"{where}/{dataset}/{path}", bearer(ADA) | V1_KEY)
    assert answer.status_code == 200, answer.text
    assert decrypted(answer.content) == b"addressed"


@pytest.mark.parametrize("where", WHERE)
async def test_no_decrypted_byte_leaves_by_these_paths(node, where):
    answer = await got(node, f"{where}/{DATASET}/run/x.bam")
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "KEY_MISSING")
    assert "--pubkey" in answer.json()["detail"]
    assert node.files.bytes_read == 0


@pytest.mark.parametrize("where", WHERE)
async def test_it_is_the_file_of_version_2_and_goes_on_by_range(node, where):
    whole = await got(node, f"files/{FILE}", bearer(ADA) | KEY)
    named = await got(node, f"{where}/{DATASET}/run/x.bam.c4gh", bearer(ADA) | V1_KEY)
    rest = await got(
        node,
        f"{where}/{DATASET}/run/x.bam.c4gh?startCoordinate=5",
        bearer(ADA) | V1_KEY | {"Range": "bytes=100-", "If-Range": whole.headers["etag"]},
    )
    assert named.content == whole.content
    assert named.headers["etag"] == whole.headers["etag"]
    assert (rest.status_code, rest.content) == (206, whole.content[100:])
    assert [line[3] for line in node.audit.lines if line[0] == "file.send"] == [
        (f"file:{FILE}", "what:whole")
    ] * 3


@pytest.mark.parametrize("where", [*WHERE, "objects"])
async def test_what_is_not_there_is_told_like_what_may_not_be_had(node, where):
    answers = [
        await got(node, f"{where}/{path}", headers)
        for path in (f"{DATASET}/run/x.bam", f"{DATASET}/nothing", "nothing/run/x.bam", f"{DATASET}//")
        for headers in (bearer(EVE) | V1_KEY, V1_KEY)
    ]
    told = [
        {name: value for name, value in answer.json().items() if name != "correlationId"}
        for answer in answers
    ]
    assert [answer.status_code for answer in answers] == [403, 401] * 4
    assert told[::2] == told[:1] * 4
    nothing = await got(node, f"{where}/{DATASET}/nothing", bearer(ADA) | V1_KEY)
    assert nothing.status_code == 403
    assert nothing.json()["detail"] == told[0]["detail"]


@pytest.mark.parametrize("where", WHERE)
async def test_a_visa_for_regions_opens_no_whole_file(node, where):
    assert (await got(node, f"{where}/{DATASET}/run/x.bam", bearer(REGIONAL) | V1_KEY)).status_code == 403
    assert (await got(node, f"metadata/datasets/{DATASET}/files", bearer(REGIONAL))).status_code == 403


@pytest.mark.parametrize(
    "path", ["", ".c4gh", "./", "/", "run", "run/", "run//x.bam", "RUN/x.bam", "./.c4gh"]
)
async def test_a_path_is_taken_as_it_is_and_an_empty_one_is_none(node, path):
    for where in (*WHERE, "objects"):
        assert (await got(node, f"{where}/{DATASET}/{path}", bearer(ADA) | V1_KEY)).status_code == 403


async def test_an_id_that_goes_on_where_another_one_ends_is_told_apart(node):
    longer = f"{DATASET}/run"
    node.files.hold("GDIF-XX-0000000003", b"longer", datasets=[longer], name="x.bam")
    node.files.hold("GDIF-XX-0000000004", b"other", datasets=[f"{DATASET}0"], name="run/x.bam")
    answer = await got(node, f"s3/{DATASET}/run/x.bam", bearer(ADA) | V1_KEY)
    assert decrypted(answer.content) == CONTENT  # no visa for the longer one
    assert (await got(node, f"s3/{DATASET}%2Frun/x.bam", bearer(ADA) | V1_KEY)).status_code == 403
    both = NamedPath.from_segments([quote(longer, safe=""), "x.bam"])
    assert (both.below(longer), both.below(DATASET)) == ("x.bam", None)
    raw = NamedPath.from_segments([*longer.split("/"), "x.bam"])
    assert (raw.below(longer), raw.below(DATASET)) == ("x.bam", "run/x.bam")


async def test_of_several_files_of_one_path_the_newest_of_ones_own_version_is_had(node):
    for number, version in ((5, "1"), (6, "2")):
        releases = [ReleaseId(DATASET, version)]
        id_ = f"GDIF-XX-000000000{number}"
        node.files.hold(id_, version.encode(), datasets=releases, name="twice.bam")
    mine = await got(node, f"s3/{DATASET}/twice.bam", bearer(FIRST) | V1_KEY)
    newest = await got(node, f"s3/{DATASET}/twice.bam", bearer(ADA) | V1_KEY)
    assert (decrypted(mine.content), decrypted(newest.content)) == (b"1", b"2")


async def test_a_path_whose_first_folder_clients_would_cut_off_is_told_so_that_they_do_not(node):
    node.files.hold("GDIF-XX-0000000007", b"kept", datasets=[DATASET], name="batch_1/y.bam")
    told = (await got(node, f"metadata/datasets/{DATASET}/files")).json()
    assert [file["filePath"] for file in told] == ["run/x.bam.c4gh", "./batch_1/y.bam.c4gh"]
    for path in ("./batch_1/y.bam.c4gh", "batch_1/y.bam.c4gh"):
        answer = await got(node, f"s3/{DATASET}/{path}", bearer(ADA) | V1_KEY)
        assert decrypted(answer.content) == b"kept"


@pytest.mark.parametrize(
    "path", [f"files/{FILE}", f"s3/{DATASET}/run/x.bam", f"s3-encrypted/{DATASET}/run/x.bam"]
)
@pytest.mark.parametrize(
    "query, first, stop",
    [
        ("startCoordinate=0&endCoordinate=100", 0, 100),
        ("startCoordinate=65000&endCoordinate=66000", 65_000, 66_000),
        ("startCoordinate=131072", 131_072, 200_000),
        ("startCoordinate=7&endCoordinate=7", 7, 7),
        ("endCoordinate=999999999", 0, 200_000),
        ("startCoordinate=199999&endCoordinate=200000", 199_999, 200_000),
    ],
)
async def test_coordinates_name_a_part_of_the_decrypted_file_which_comes_encrypted(
    node, path, query, first, stop
):
    answer = await got(node, f"{path}?{query}", bearer(ADA) | V1_KEY)
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert decrypted(answer.content) == CONTENT[first:stop]
    assert ("etag" in answer.headers) == ((first, stop) == (0, len(CONTENT)))
    assert len(answer.content) <= 400 + (-(-stop // 65_536) - first // 65_536) * 65_564


async def test_coordinates_count_what_a_reader_sees_after_the_providers_edit_list(node):
    edits = EditList((10, 70_000, 60_000, 50_000))
    seen = CONTENT[10:70_010] + CONTENT[130_010:180_010]
    node.files.hold("GDIF-XX-0000000008", CONTENT, datasets=[DATASET], name="edited", edit_list=edits)
    node.files.bytes_read = 0
    for first, stop in ((0, 5), (69_990, 70_020), (100_000, 120_000), (3, 119_999)):
        query = f"startCoordinate={first}&endCoordinate={stop}"
        answer = await got(node, f"s3/{DATASET}/edited?{query}", bearer(ADA) | V1_KEY)
        assert decrypted(answer.content) == seen[first:stop]


@pytest.mark.parametrize(
    "query, status, code",
    [
        ("startCoordinate=x", 400, "RANGE_INVALID"),
        ("startCoordinate=-1", 400, "RANGE_INVALID"),
        ("endCoordinate=" + "9" * 5000, 400, "RANGE_INVALID"),
        ("startCoordinate=9&endCoordinate=5", 400, "RANGE_INVALID"),
        ("startCoordinate=200000", 416, "RANGE_NOT_SATISFIABLE"),
    ],
)
async def test_coordinates_that_mean_nothing_are_refused(node, query, status, code):
    answer = await got(node, f"s3/{DATASET}/run/x.bam?{query}", bearer(ADA) | V1_KEY)
    assert (answer.status_code, answer.json()["errorCode"]) == (status, code)


async def test_a_part_is_written_down_as_one(node):
    await got(node, f"files/{FILE}?endCoordinate=5", bearer(ADA) | V1_KEY)
    (line,) = [line for line in node.audit.lines if line[0] == "file.sent"]
    assert (line[2], line[3][:2]) == (Outcome.DONE, (f"file:{FILE}", "what:part"))


@pytest.mark.parametrize("dataset", [OTHER, quote(OTHER, safe=""), OTHER.replace("//", "/")])
async def test_an_object_by_path_is_the_object_of_its_accession_and_its_uri_leads_to_it(node, dataset):
    async with node.drs_client() as client:
        path = f"{BASE}/objects/{dataset}/run%201/x.vcf.gz.c4gh"
        by_path = await client.get(path, headers=bearer(ADA))
        _, object_id = read_uri(by_path.json()["self_uri"])
        resolved = await client.get(f"{BASE_PATH}/objects/{object_id}", headers=bearer(ADA))
        body = await client.get(by_path.json()["access_methods"][0]["access_url"]["url"], headers=bearer(ADA))
    assert by_path.json() == resolved.json()
    assert by_path.json()["id"] == object_id == ADDRESSED
    assert by_path.json()["size"] == len(body.content)


async def test_an_object_by_path_tells_whoever_may_have_regions_of_htsget_alone(node):
    async with node.drs_client() as client:
        told = await client.get(f"{BASE}/objects/{DATASET}/run/x.bam", headers=bearer(REGIONAL))
    assert [method["type"] for method in told.json()["access_methods"]] == ["htsget"]


async def test_the_service_says_what_it_is_to_everybody(node):
    told = await got(node, "service-info", {})
    assert told.json() == SERVICE.as_document()


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("POST", "service-info", 405),
        ("POST", f"s3/{DATASET}/run/x.bam", 405),
        ("PUT", f"metadata/datasets/{DATASET}/files", 405),
        ("DELETE", f"objects/{DATASET}/run/x.bam", 405),
        ("GET", "s3", 404),
        ("GET", "s3-encrypted/x", 404),
        ("GET", "objects/x", 404),
        ("GET", "metadata", 404),
        ("GET", "metadata/datasets/files", 404),
        ("GET", f"metadata/datasets/{DATASET}", 404),
        ("GET", f"s3/{DATASET}/%zz", 400),
        ("GET", f"s3/{DATASET}/%ff", 400),
        ("GET", f"s3/{DATASET}/a%00b", 403),
        ("HEAD", f"s3/{DATASET}/run/x.bam", 200),
        ("OPTIONS", f"s3/{DATASET}/run/x.bam", 204),
    ],
)
async def test_other_methods_and_paths(node, method, path, status):
    assert (await got(node, path, bearer(ADA) | V1_KEY, method)).status_code == status
