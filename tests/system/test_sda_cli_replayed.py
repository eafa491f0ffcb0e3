"""A provider and a researcher at one real node with what the field's `sda-cli` sends, verb by verb (`sda_cli`)."""

from __future__ import annotations

import base64
import io
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import crypt4gh.lib
import httpx
import pysam
import pytest
from tests.system.receiving import Receiving, encrypted, found, noise, receiving
from tests.system.sda_cli import Failed, SdaCli, without_user
from tests.system.serving import typed

from opengdi.standards.crypt4gh import PrivateKey, public_key_text
from opengdi.testing.identity import Signatory

ISSUER = Signatory()
DATASET, ADDRESSED = "GDI-EE-SDACLI-20260101000000001", "https://doi.org/10.5555/sda.cli"
"""The second one is an id as registries of data give them, and everybody's."""
READER = PrivateKey(bytes(range(32)))
PEM = public_key_text(READER.public)
KEY = base64.b64encode(PEM.encode()).decode()
"""As `sda-cli` sends what `--pubkey` names: the whole file in Base64."""
MULTIPART = 40_000_000


@dataclass
class Stored:
    """A node with files of a provider, by dataset and path without `.c4gh`: what is in them, and their accessions."""

    node: Receiving
    plain: dict[str, dict[str, bytes]]
    ids: dict[str, dict[str, str]]

    def provider(self) -> SdaCli:
        return SdaCli("charite", ISSUER.passport("anna"), self.node.s3_url)

    def researcher(self, who: str = "ada", *, base: str = "/download/v1") -> SdaCli:
        token = ISSUER.passport(who, *([DATASET] if who == "ada" else []))
        return SdaCli(who, token, self.node.s3_url, downloads=self.node.node.public + base)

    def paths(self, dataset: str) -> dict[str, str]:
        """Paths as they are listed, by accession."""
        return {id_: f"{path}.c4gh" for path, id_ in self.ids[dataset].items()}

    def saved(self, dataset: str) -> dict[str, bytes]:
        return {f"{path}.c4gh": content for path, content in self.plain[dataset].items()}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    home = tmp_path_factory.mktemp("sda-cli") / "ee"
    found(home)
    believe(home / "gdi.toml")
    bam = a_bam(home.parent / "x.bam")
    plain = {
        DATASET: {"run/x.bam": bam, "batch_1/y.bin": noise(70_000, 3), "z.bin": noise(10, 4)},
        ADDRESSED: {"open/w.bin": noise(70_000, 5), "o_1/v.bin": noise(10, 6), "u.bin": b""},
    }
    with receiving(home, GDI_ACCESS__OPEN_DATASETS=json.dumps([ADDRESSED])) as node:
        operate(node, "people", "grant", f"{ISSUER.iss}#anna", "provider:charite")
        made = Stored(node, plain, {})
        for dataset, files in plain.items():
            made.provider().upload(
                {f"{path}.c4gh": encrypted(content, node.key()) for path, content in files.items()}
            )
            there = {path: node.until(f"{path}.c4gh", "ready", "error") for path in files}
            assert {file["state"] for file in there.values()} == {"ready"}
            made.ids[dataset] = {path: file["fileId"] for path, file in there.items()}
            operate(node, "archive", "map", dataset, *made.ids[dataset].values())
            operate(node, "archive", "release", dataset)
        yield made


def believe(config: Path) -> None:
    before, _, after = config.read_text().partition("[identity.passports]\n")
    for empty in ("brokers = []\n", "issuers = []\n"):
        after = after.replace(empty, "", 1)
    config.write_text(before + ISSUER.trust() + after)


def operate(node: Receiving, *arguments: str) -> str:
    return typed(*arguments, "--config", node.home / "gdi.toml")


def a_bam(path: Path) -> bytes:
    header = pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "coordinate"},
            "SQ": [{"SN": "1", "LN": 10_000}, {"SN": "2", "LN": 10_000}],
        }
    )
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for number in range(2000):
            read = pysam.AlignedSegment(header)
            read.query_name, read.query_sequence, read.cigarstring = f"r{number}", "ACGT" * 20, "80M"
            read.reference_id, read.reference_start, read.mapping_quality = number // 1000, number % 1000, 60
            out.write(read)
    return path.read_bytes()


def decrypted(whole: bytes) -> bytes:
    plain = io.BytesIO()
    crypt4gh.lib.decrypt([(0, READER.reveal(), None)], io.BytesIO(whole), plain)
    return plain.getvalue()


# upload, list


def test_upload_sends_a_folder_and_continue_skips_what_is_there(stored):
    files = {
        f"folder/{name}.c4gh": encrypted(noise(1000, 20 + n), stored.node.key())
        for n, name in enumerate("ab")
    }
    first = {"folder/a.c4gh": files["folder/a.c4gh"]}
    client = stored.provider()
    assert client.upload(first, target="in/here") == ["in/here/folder/a.c4gh"]
    with pytest.raises(Failed, match=r"file a\.c4gh is already uploaded"):
        client.upload(files, target="in/here")
    assert client.upload(files, target="in/here", goes_on=True) == ["in/here/folder/b.c4gh"]
    assert stored.node.until("in/here/folder/b.c4gh", "ready", "error")["state"] == "ready"
    sizes = [(f"in/here/{name}", len(content)) for name, content in files.items()]
    assert client.listed("in/here/") == sizes
    assert client.listed("in/here/", page=1) == sizes
    assert client.listed("nothing") == []


def test_upload_sends_a_large_file_in_parts(stored):
    content = encrypted(noise(MULTIPART, 30), stored.node.key())
    stored.provider().upload({"large.c4gh": content})
    assert stored.node.until("large.c4gh", "ready", "error")["state"] == "ready"
    assert stored.provider().listed("large") == [("large.c4gh", len(content))]


def test_upload_ends_with_the_reason_for_what_is_refused(stored):
    with pytest.raises(Failed, match="unencrypted file found"):
        stored.provider().upload({"plain.vcf": b"##fileformat=VCFv4.2\n"})
    foreign = encrypted(b"x" * 100, READER.public)
    with pytest.raises(Failed, match=re.escape(str(stored.node.key()))):
        stored.provider().upload({"foreign.c4gh": foreign})
    other = encrypted(b"another", stored.node.key(), 99)
    with pytest.raises(Failed, match=r"nothing (archived )?is overwritten"):
        stored.provider().upload({"z.bin.c4gh": other}, overwrites=True)


def test_upload_and_list_need_a_token_of_a_person_who_sends_for_that_provider(stored):
    eve = SdaCli("charite", ISSUER.passport("eve"), stored.node.s3_url)
    for act in (eve.listed, lambda: eve.upload({"x.c4gh": encrypted(b"x", stored.node.key())})):
        with pytest.raises(Failed, match="AccessDenied"):
            act()
    elsewhere = SdaCli("tartu", ISSUER.passport("anna"), stored.node.s3_url)
    with pytest.raises(Failed, match=r"AccessDenied.*your bucket is charite"):
        elsewhere.listed()


def test_a_token_without_an_end_or_at_its_end_is_refused_by_the_client_itself(stored):
    client = stored.provider()
    client.access_token = ISSUER.passport("anna", for_s=30)
    with pytest.raises(Failed, match="expired"):
        client.listed()
    client.access_token = "gdi_aaaaaaaaaaaa_secret"
    with pytest.raises(Failed, match="could not parse token"):
        client.listed()


def test_a_file_of_settings_from_the_operator_uploads_for_days_until_the_key_is_taken_back(stored):
    made = json.loads(
        operate(stored.node, "key", "new", "sda", "--duty", "provider:charite", "--path", "/s3", "--json")
    )
    text = operate(stored.node, "key", "sda-cli", made["id"], "--to", stored.node.node.public)
    told = dict(line.split(" = ") for line in text.splitlines()[1:])
    client = SdaCli(told["access_key"], told["access_token"], told["host_base"])
    content = encrypted(noise(MULTIPART, 31), stored.node.key())
    client.upload({"by-key.c4gh": content}, target="keys")
    assert stored.node.until("keys/by-key.c4gh", "ready", "error")["state"] == "ready"
    assert client.listed("keys/") == [("keys/by-key.c4gh", len(content))]
    operate(stored.node, "key", "revoke", made["id"])
    time.sleep(1.1)
    with pytest.raises(Failed, match="AccessDenied"):
        client.listed()


# list --datasets, list --dataset


@pytest.mark.parametrize("base", ["/download/v1", ""])
def test_version_1_lists_datasets_and_files(stored, base):
    client = stored.researcher(base=base)
    assert client.datasets_of_v1() == [
        (dataset, 3, sum(map(len, stored.plain[dataset].values()))) for dataset in (DATASET, ADDRESSED)
    ]
    for dataset in (DATASET, ADDRESSED):
        files = client.files_of_v1(dataset)
        told = {file["fileId"]: without_user(file["filePath"]).removeprefix("./") for file in files}
        assert told == stored.paths(dataset)


@pytest.mark.parametrize("base", ["/download/v1", ""])
def test_version_2_lists_datasets_and_files(stored, base):
    client = stored.researcher(base=base)
    assert [told[:2] for told in client.datasets_of_v2()] == [(DATASET, 3), (ADDRESSED, 3)]
    for dataset in (DATASET, ADDRESSED):
        files = client.files_of_v2(dataset)
        assert {file["fileId"]: file["filePath"] for file in files} == stored.paths(dataset)


# download


@pytest.mark.parametrize("escapes", [True, False])
@pytest.mark.parametrize("base", ["/download/v1", ""])
@pytest.mark.parametrize("dataset", [DATASET, ADDRESSED])
def test_version_1_downloads_by_path_and_by_id(stored, dataset, base, escapes):
    in_folder, like_a_user, bare = stored.plain[dataset]
    wanted = [in_folder, f"{like_a_user}.c4gh", stored.ids[dataset][bare]]
    saved = stored.researcher(base=base).download_v1(dataset, *wanted, key=KEY, escapes=escapes)
    told = {path.removeprefix("./"): decrypted(content) for path, content in saved.items()}
    assert told == stored.saved(dataset)


def test_version_1_downloads_a_dataset_and_a_folder(stored):
    client = stored.researcher()
    whole = client.download_dataset_v1(ADDRESSED, key=KEY)
    assert sorted(map(decrypted, whole.values())) == sorted(stored.plain[ADDRESSED].values())
    folder = client.download_dataset_v1(DATASET, folder="batch_1", key=KEY)
    assert list(map(decrypted, folder.values())) == [stored.plain[DATASET]["batch_1/y.bin"]]
    with pytest.raises(Failed, match="do not exist"):
        client.download_dataset_v1(DATASET, folder="nothing", key=KEY)


def test_version_1_without_a_key_gets_no_decrypted_file(stored):
    with pytest.raises(Failed, match="status 400"):
        stored.researcher().download_v1(DATASET, "run/x.bam")


def test_version_1_tells_what_may_not_be_had_like_what_is_not_there(stored):
    for client, dataset in ((stored.researcher("eve"), DATASET), (stored.researcher(), "GDI-EE-NOTHING-1")):
        with pytest.raises(Failed, match="status 403"):
            client.download_v1(dataset, "run/x.bam", key=KEY)
    with pytest.raises(Failed, match="file not found in dataset"):
        stored.researcher().download_v1(DATASET, "run/nothing", key=KEY)
    assert [told[0] for told in stored.researcher("eve").datasets_of_v1()] == [ADDRESSED]


@pytest.mark.parametrize("base", ["/download/v1", ""])
@pytest.mark.parametrize("dataset", [DATASET, ADDRESSED])
def test_version_2_downloads_by_path_by_id_and_a_folder(stored, dataset, base):
    client = stored.researcher(base=base)
    in_folder, like_a_user, bare = stored.plain[dataset]
    wanted = [f"{in_folder}.c4gh", like_a_user, f"{bare}.c4gh", stored.ids[dataset][bare]]
    saved = client.download_v2(dataset, *wanted, key=KEY)
    assert {path: decrypted(content) for path, content in saved.items()} == stored.saved(dataset)
    folder = client.download_v2(dataset, key=KEY, folder=in_folder.partition("/")[0])
    assert list(folder) == [f"{in_folder}.c4gh"]


def test_version_2_shows_title_and_detail_of_what_went_wrong(stored):
    client = stored.researcher()
    with pytest.raises(Failed, match="does not exist or access denied"):
        client.download_v2(DATASET, "nothing.c4gh", key=KEY)
    with pytest.raises(Failed, match="does not exist or access denied"):
        stored.researcher("eve").download_v2(DATASET, "run/x.bam.c4gh", key=KEY)
    with pytest.raises(Failed, match=r"Bad Request \(400\): The recipient's key"):
        client.download_v2(DATASET, "run/x.bam.c4gh", key="AAAA")
    client.access_token = "x.y.z"
    with pytest.raises(Failed, match=r"Unauthorized \(401\): "):
        client.datasets_of_v2()


def test_an_object_by_path_leads_to_the_file(stored):
    base = stored.node.node.public
    token = {"Authorization": f"Bearer {stored.researcher().access_token}"}
    with httpx.Client(trust_env=False, headers=token) as client:
        told = client.get(f"{base}/objects/{ADDRESSED}/open/w.bin.c4gh").raise_for_status().json()
        object_id = told["self_uri"].rpartition("/")[2]
        resolved = client.get(f"{base}/ga4gh/drs/v1/objects/{object_id}").json()
        body = client.get(told["access_methods"][0]["access_url"]["url"]).content
    assert told == resolved
    assert told["id"] == stored.ids[ADDRESSED]["open/w.bin"]
    assert len(body) == told["size"]


# htsget


def test_htsget_saves_one_crypt4gh_file_of_a_reference(stored, tmp_path):
    host = f"{stored.node.node.public}/htsget"
    name, content = stored.researcher().htsget(host, DATASET, "run/x.bam", pem=PEM, reference="2")
    assert name == "run/x.bam.c4gh"
    (tmp_path / "slice.bam").write_bytes(decrypted(content))
    with pysam.AlignmentFile(str(tmp_path / "slice.bam")) as file:
        names = {read.query_name for read in file.fetch(until_eof=True) if read.reference_name == "2"}
    assert names == {f"r{number}" for number in range(1000, 2000)}
    _, whole = stored.researcher().htsget(host, DATASET, "run/x.bam.c4gh", pem=PEM)
    assert decrypted(whole) == stored.plain[DATASET]["run/x.bam"]


def test_htsget_ends_with_the_status_of_what_is_refused(stored):
    host = f"{stored.node.node.public}/htsget"
    with pytest.raises(Failed, match="status code: 403"):
        stored.researcher("eve").htsget(host, DATASET, "run/x.bam", pem=PEM)
    with pytest.raises(Failed, match="status code: 404"):
        stored.researcher().htsget(host, DATASET, "run/x.bam", pem=PEM, reference="none")


# login


def test_login_finds_no_login_service_here(stored):
    """It begins with `/info` of such a service; tokens are had by `gdi token` instead (docs/uploads.md)."""
    answer = httpx.get(f"{stored.node.node.public}/info", trust_env=False)
    assert answer.status_code == 404
    assert json.loads(answer.text)["status"] == 404
