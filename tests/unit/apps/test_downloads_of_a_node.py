"""Downloads, DRS and reference sequences as a node wires them, and the command that stores sequences."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.types import ASGIApp
from tests.unit.delivery.kit import ADA, DATASET, KEY, PROOFS, bearer, decrypted

from opengdi.apps import cli
from opengdi.apps.doors import ShownPassports
from opengdi.apps.downloads import bundle_address, downloads_part, open_streams, refget_part
from opengdi.apps.node import open_state
from opengdi.apps.settings import Settings
from opengdi.apps.settings_file import load_settings
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import Invalid
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.principal import Visa
from opengdi.testing.delivery import MemoryFiles
from opengdi.testing.identity import credentials_of, gated

FILE = "GDIF-XX-0000000001"
TOML = """
[node]
data_dir = "data"
keys_dir = "keys"
"""


def settings_with(folder: Path, more: str = "") -> Settings:
    file = folder / "gdi.toml"
    file.write_text(TOML + more)
    return load_settings(file, {})


@pytest.fixture
def files() -> MemoryFiles:
    files = MemoryFiles()
    files.hold(FILE, b"content", datasets=[DATASET], file_format="BAM", name="a.bam")
    return files


@pytest.fixture
def node(tmp_path: Path, files: MemoryFiles) -> Iterator[ASGIApp]:
    settings = settings_with(tmp_path, "[public]\nexternal_url = 'https://node.example.org'\n")
    with open_state(settings, FixedClock()) as state:
        downloads = downloads_part(
            state, files, open_streams(state), ShownPassports(credentials_of(PROOFS)), htsget_path="/htsget"
        )
        refget = refget_part(settings)
        mounts = {**downloads.mounts, **refget.mounts}
        yield Edge(gated(Routing(mounts=mounts), PROOFS), clock=state.clock, shapes=downloads.shapes)


def client_of(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8080")


async def test_a_file_is_found_by_drs_and_fetched_where_drs_says(node):
    async with client_of(node) as client:
        told = (await client.get(f"/ga4gh/drs/v1/objects/{FILE}", headers=bearer(ADA))).json()
        access = f"/ga4gh/drs/v1/objects/{FILE}/access/crypt4gh"
        found = (await client.get(access, headers=bearer(ADA) | KEY)).json()
        whole = await client.get(urlsplit(found["url"]).path)
    assert told["self_uri"] == f"drs://node.example.org/{FILE}"
    assert [method["type"] for method in told["access_methods"]] == ["https", "https", "htsget"]
    assert told["access_methods"][2]["access_url"]["url"] == f"https://node.example.org/htsget/reads/{FILE}"
    assert found["url"].startswith("https://node.example.org/download/v1/granted/")
    assert decrypted(whole.content) == b"content"


async def test_the_files_of_a_dataset_are_told_of_where_drs_has_them_as_a_bundle(node, files, tmp_path):
    settings = settings_with(tmp_path, "[public]\nexternal_url = 'https://node.example.org'\n")
    address = await bundle_address(settings, files)(DATASET, [Visa(DATASET)])
    assert address == f"https://node.example.org/ga4gh/drs/v1/objects/{DATASET}"
    async with client_of(node) as client:
        bundle = await client.get(urlsplit(address).path, headers=bearer(ADA))
    assert [each["id"] for each in bundle.json()["contents"]] == [FILE]


async def test_nothing_is_told_of_files_that_there_are_not_or_no_visa_opens_or_nobody_can_reach(
    tmp_path, files
):
    public = settings_with(tmp_path, "[public]\nexternal_url = 'https://node.example.org'\n")
    assert await bundle_address(public, files)("GDI-XX-EMPTY-1", [Visa("GDI-XX-EMPTY-1")]) == ""
    assert await bundle_address(public, files)(DATASET, [Visa(DATASET, version="another")]) == ""
    assert await bundle_address(settings_with(tmp_path), files)(DATASET, [Visa(DATASET)]) == ""


async def test_clients_of_the_fields_archives_find_their_paths(node):
    async with client_of(node) as client:
        datasets = await client.get("/datasets", headers=bearer(ADA))
        listed = await client.get(f"/datasets/{DATASET}/files", headers=bearer(ADA))
        file = await client.get(listed.json()["files"][0]["downloadUrl"], headers=bearer(ADA) | KEY)
        nothing = await client.get("/files/x", headers=KEY)
    assert datasets.json()["datasets"] == [DATASET]
    assert listed.json()["files"][0]["downloadUrl"] == f"/files/{FILE}"
    assert decrypted(file.content) == b"content"
    assert (nothing.status_code, nothing.headers["content-type"]) == (401, "application/problem+json")


async def test_clients_of_version_1_find_theirs_below_the_base_and_without_it(node):
    v1_key = {"Client-Public-Key": KEY["X-C4GH-Public-Key"]}
    async with client_of(node) as client:
        for base in ("", "/download/v1"):
            datasets = await client.get(f"{base}/metadata/datasets", headers=bearer(ADA))
            files = await client.get(f"{base}/metadata/datasets/{DATASET}/files", headers=bearer(ADA))
            assert DATASET in datasets.json()
            assert [each["fileId"] for each in files.json()] == [FILE]
            for where in ("s3", "s3-encrypted"):
                path = f"{base}/{where}/{DATASET}/a.bam.c4gh"
                file = await client.get(path, headers=bearer(ADA) | v1_key)
                assert decrypted(file.content) == b"content"


async def test_an_object_by_path_has_the_addresses_of_the_node(node):
    async with client_of(node) as client:
        by_path = await client.get(f"/objects/{DATASET}/a.bam", headers=bearer(ADA))
        by_id = await client.get(f"/ga4gh/drs/v1/objects/{FILE}", headers=bearer(ADA))
    assert by_path.json() == by_id.json()
    assert by_path.json()["self_uri"] == f"drs://node.example.org/{FILE}"


def test_those_paths_may_be_left_out(tmp_path, files):
    with open_state(settings_with(tmp_path, "[download]\nfield_paths = false\n"), FixedClock()) as state:
        part = downloads_part(state, files, open_streams(state), ShownPassports(credentials_of(PROOFS)))
    assert set(part.mounts) == {"/download/v1", "/ga4gh/drs/v1"}


async def test_without_an_external_address_the_callers_way_is_told(tmp_path, files):
    with open_state(settings_with(tmp_path), FixedClock()) as state:
        mounts = downloads_part(
            state, files, open_streams(state), ShownPassports(credentials_of(PROOFS))
        ).mounts
        async with client_of(Edge(gated(Routing(mounts=mounts), PROOFS), clock=state.clock)) as client:
            told = (await client.get(f"/ga4gh/drs/v1/objects/{FILE}", headers=bearer(ADA))).json()
    assert told["self_uri"] == f"drs://127.0.0.1/{FILE}"
    assert told["access_methods"][0]["access_url"]["url"].startswith("http://127.0.0.1:8080/download/v1/")
    assert len(told["access_methods"]) == 2  # no htsget where none answers


@pytest.mark.parametrize(
    "more", ["[drs]\nhost = 'node:443'\n", "[refget]\npath = 'refget'\n", "[download]\nheader_hours = 0\n"]
)
def test_settings_that_cannot_be_meant_are_refused(tmp_path, more):
    with pytest.raises(Invalid):
        settings_with(tmp_path, more)


def gdi(monkeypatch, capsys, *arguments: object) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["gdi", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


async def test_what_the_command_stores_is_served(tmp_path, node, monkeypatch, capsys):
    fasta, aliases = tmp_path / "reference.fa", tmp_path / "aliases.tsv"
    fasta.write_text(">chrM mitochondrion\nGATTACA\n")
    aliases.write_text("name\talias\tnaming_authority\nchrM\tNC_012920.1\tRefSeq\n")
    config = ("--config", tmp_path / "gdi.toml")
    load = ("refget", "load", fasta, "--authority", "UCSC", "--circular", "chrM", "--aliases", aliases)
    code, out, err = gdi(monkeypatch, capsys, *load, *config)
    assert (code, err) == (0, "")
    assert out.endswith("stored 1 sequences\n")
    code, listed, _ = gdi(monkeypatch, capsys, "refget", "list", *config)
    assert out.startswith(listed)
    assert listed.rstrip().endswith("7 circular\tRefSeq:NC_012920.1 UCSC:chrM")
    async with client_of(node) as client:
        answer = await client.get("/refget/sequence/refseq:NC_012920.1", params={"start": 5, "end": 2})
    assert (answer.status_code, answer.text) == (200, "CAGA")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name\talias\n", "first line must be"),
        ("name\talias\tnaming_authority\nchrM\t\tRefSeq\n", "line 2"),
        ("name\talias\tnaming_authority\nchr1\tx\tRefSeq\n", "no sequence named chr1"),
    ],
)
def test_a_table_of_names_that_is_wrong_is_told_why(tmp_path, monkeypatch, capsys, text, why):
    settings_with(tmp_path)
    (tmp_path / "reference.fa").write_text(">chrM\nGATTACA\n")
    (tmp_path / "aliases.tsv").write_text(text)
    arguments = (tmp_path / "reference.fa", "--aliases", tmp_path / "aliases.tsv")
    code, _, err = gdi(monkeypatch, capsys, "refget", "load", *arguments, "--config", tmp_path / "gdi.toml")
    assert code != 0
    assert why in err
