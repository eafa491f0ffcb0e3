"""From a provider's folder to a researcher's disk through one real node, with the field's programs at the far end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import crypt4gh.keys
import crypt4gh.lib
import httpx
import pysam
import pytest
from tests.system.ports import free_port
from tests.system.serving import GDI, Serving, run_gdi, serving

from opengdi.testing.identity import Signatory, give_keys, key_token, program

DATASET = "GDI-EE-END2END-20260101000000001"
ISSUER = Signatory()
TOKENS = {
    "lab": key_token("lab"),
    "ada": ISSUER.passport("ada", DATASET),
    "eve": ISSUER.passport("eve"),
}
MARK = "NEVER-IN-THE-CLEAR-5a1c"
"""In the names of reads and calls, in files whose blocks are stored, not deflated: whoever writes them, shows it."""
BASES = "ACGTTGCAAGCTTCGAGGATCCATGCATTTAACC" * 2
GENOTYPE = "0|1:GENOTYPE-OF-NOBODY"
READS, CALLS = 20_000, 20_000
LARGE_BYTES = 64 * 1024 * 1024
PATIENCE_S = 120.0
HERE = Path(__file__).parent
SOURCES = {"PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")])}
PYSAM_READS = (
    "import pysam, sys; [print(r.to_string()) for r in pysam.AlignmentFile(sys.argv[1], check_sq=False)]"
)
PYSAM_CALLS = "import pysam, sys; [print(r, end='') for r in pysam.VariantFile(sys.argv[1])]"


@dataclass
class Delivery:
    """A node that has taken in a provider's folder; `ids` of its files by name."""

    folder: Path
    port: int
    ids: dict[str, str] = field(default_factory=dict)
    ticket_urls: list[str] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.folder / "node" / "gdi.toml"

    @property
    def data(self) -> Path:
        return self.folder / "node" / "data"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sent(self) -> Path:
        return self.folder / "sent"

    def serving(self) -> Any:
        """The node, on the same port each time, with a folder for temporary files that nobody else uses."""
        (self.data / "listening.json").unlink(missing_ok=True)
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        variables = {"GDI_PUBLIC__PORT": str(self.port), "TMPDIR": str(temporary), **SOURCES}
        return serving("node", self.config, self.data, **variables)

    def submit_command(self, *places: Path) -> list[str]:
        options = {
            "--to": self.url,
            "--token-file": self.folder / "lab.token",
            "--key": self.folder / "node" / "archive.pub",
            "--dataset": DATASET,
            "--state": self.folder / "notes",
            "--patience": PATIENCE_S,
        }
        words = [str(word) for option in options.items() for word in option]
        return [*GDI, "submit", *map(str, places), *words, "--json"]

    def operate(self, *arguments: str) -> str:
        done = run_gdi("archive", *arguments, "--config", self.config)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, path: str, who: str = "", **headers: str) -> httpx.Response:
        token = {"Authorization": f"Bearer {TOKENS[who]}"} if who else {}
        return httpx.get(f"{self.url}{path}", headers=token | headers, trust_env=False)

    def read_over_htsget(self, program: str, path: str) -> list[str]:
        """The records that pysam gets, as text, by its own HTTP client."""
        variables = {
            "HTS_AUTH_LOCATION": str(self.folder / "ada.token"),
            "HTS_ALLOW_UNENCRYPTED_AUTHORIZATION_HEADER": "I understand the risks",
        }
        command = [sys.executable, "-c", program, f"{self.url}{path}"]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=os.environ | variables, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Delivery]:
    """Founded, submitted, mapped, released; serving until the last test ended."""
    made = found(tmp_path_factory.mktemp("delivery"))
    write_reads(made.sent / "reads.bam")
    write_calls(made.sent / "calls.vcf.gz")
    with made.serving():
        (made.folder / "node" / "archive.pub").write_text(made.operate("key", "show"))
        done = subprocess.run(
            made.submit_command(made.sent), capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )
        assert done.returncode == 0, done.stderr
        for file in json.loads(done.stdout)["files"]:
            assert file["state"] == "ready"
            made.ids[Path(file["source"]).name] = file["fileId"]
        made.operate("map", DATASET, *made.ids.values())
        made.operate("release", DATASET)
        yield made


def found(folder: Path) -> Delivery:
    made = Delivery(folder, free_port())
    made.sent.mkdir()
    made.config.parent.mkdir()
    for who in ("lab", "ada"):
        (folder / f"{who}.token").write_text(TOKENS[who])
    made.config.write_text(f"""\
[node]
id = "org.example.endtoend"
name = "End to end"
country = "EE"

[log]
level = "debug"

{ISSUER.trust()}""")
    give_keys(made.config, program("lab", "provider:lab"))
    return made


def write_reads(path: Path) -> None:
    header = pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "coordinate"},
            "SQ": [{"SN": "chr1", "LN": 10_000_000}],
            "RG": [{"ID": "g", "SM": f"SAMPLE-{MARK}"}],
        }
    )
    with pysam.AlignmentFile(str(path), "wbu", header=header) as out:
        for number in range(READS):
            read = pysam.AlignedSegment(header)
            read.query_name = f"{MARK}-{number}"
            read.reference_id, read.reference_start = 0, 1000 + number * 40
            read.query_sequence, read.cigarstring, read.mapping_quality = BASES, f"{len(BASES)}M", 60
            out.write(read)


def write_calls(path: Path) -> None:
    lines = [
        "##fileformat=VCFv4.3",
        "##contig=<ID=chr1,length=10000000>",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        '##FORMAT=<ID=NO,Number=1,Type=String,Description="Whose">',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tnobody",
        *(
            f"chr1\t{1000 + 50 * number}\t{MARK}-{number}\tA\tC\t.\tPASS\t.\tGT:NO\t{GENOTYPE}"
            for number in range(CALLS)
        ),
    ]
    with pysam.BGZFile(str(path), "wb0", None) as out:
        out.write("".join(f"{line}\n" for line in lines).encode())


def packed(bases: str) -> bytes:
    """Bases as BAM holds them, two a byte. Spec: SAMv1 §4.2."""
    codes = ["=ACMGRSVTWYHKDBN".index(base) for base in bases]
    return bytes(high << 4 | low for high, low in zip(codes[::2], codes[1::2], strict=True))


SECRETS_OF_FILES = (MARK.encode(), GENOTYPE.encode(), packed(BASES), BASES.encode())


def local_reads(path: Path) -> list[str]:
    with pysam.AlignmentFile(str(path)) as file:
        return [read.to_string() for read in file.fetch(until_eof=True)]


def local_calls(path: Path) -> list[str]:
    with pysam.VariantFile(str(path)) as file:
        return [str(record).rstrip("\n") for record in file]


def test_pysam_gets_by_htsget_the_records_of_the_provider_s_files(delivery: Delivery) -> None:
    for name, kind, reader, local in (
        ("reads.bam", "reads", PYSAM_READS, local_reads),
        ("calls.vcf.gz", "variants", PYSAM_CALLS, local_calls),
    ):
        path = f"/htsget/{kind}/{delivery.ids[name]}"
        records = local(delivery.sent / name)
        assert delivery.read_over_htsget(reader, path) == records
        part = delivery.read_over_htsget(reader, f"{path}?referenceName=chr1&start=400000&end=401000")
        wanted = [record for record in records if _is_within(record, kind, 400_000, 401_000)]
        first = part.index(wanted[0])
        assert part[first : first + len(wanted)] == wanted
        assert set(part) < set(records)


def _is_within(record: str, kind: str, start: int, end: int) -> bool:
    at, length = (3, len(BASES)) if kind == "reads" else (1, 1)
    place = int(record.split("\t")[at]) - 1
    return place < end and start < place + length


def test_a_downloaded_file_opens_with_the_field_s_package_and_is_the_provider_s(delivery: Delivery) -> None:
    assert run_gdi("crypt4gh", "keygen", delivery.folder / "ada", "--unprotected").returncode == 0
    key = (delivery.folder / "ada.pub").read_text().splitlines()[1]
    private = crypt4gh.keys.get_private_key(str(delivery.folder / "ada.sec"), lambda: "")
    for name, file_id in delivery.ids.items():
        sealed, plain = delivery.folder / f"got-{name}.c4gh", delivery.folder / f"got-{name}"
        answer = delivery.ask(f"/download/v1/files/{file_id}", "ada", **{"X-C4GH-Public-Key": key})
        assert answer.status_code == 200
        sealed.write_bytes(answer.content)
        with sealed.open("rb") as source, plain.open("wb") as target:
            crypt4gh.lib.decrypt([(0, private, None)], source, target)
        assert plain.read_bytes() == (delivery.sent / name).read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "/htsget/reads/{}",
        "/htsget/variants/{}?referenceName=chr1",
        "/ga4gh/drs/v1/objects/{}",
        "/ga4gh/drs/v1/objects/{}/access/crypt4gh",
        "/download/v1/files/{}/content",
    ],
)
def test_present_and_absent_files_are_refused_in_the_same_words(delivery: Delivery, path: str) -> None:
    there, absent = delivery.ids["reads.bam"], "GDIF-EE-0000000001"
    for who, status in (("eve", 403), ("", 401)):
        told = [
            (answer.status_code, answer.text.replace(file_id, "ID"))
            for file_id in (there, absent)
            for answer in [delivery.ask(path.format(file_id), who, **{"X-Request-Id": "same"})]
        ]
        assert told[0] == told[1]
        assert told[0][0] == status


def test_no_file_of_the_node_holds_anything_of_what_it_keeps(delivery: Delivery) -> None:
    held = [path for path in delivery.data.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in held) > 2_000_000  # the bodies are among them
    sent = b"".join(path.read_bytes() for path in delivery.sent.iterdir())
    assert all(secret in sent for secret in SECRETS_OF_FILES[:3])  # or there would be nothing to find
    for path in held:
        content = path.read_bytes()
        assert not [secret for secret in SECRETS_OF_FILES if secret in content], path
    assert list((delivery.folder / "tmp").rglob("*")) == []


def test_logs_and_audit_lines_tell_no_token_no_grant_and_no_genotype(delivery: Delivery) -> None:
    ticket = delivery.ask(f"/htsget/reads/{delivery.ids['reads.bam']}?referenceName=chr1", "ada").json()
    urls = [url["url"] for url in ticket["htsget"]["urls"] if url["url"].startswith("http")]
    assert urls
    for url in urls:
        assert httpx.get(url, trust_env=False).status_code == 200
    access = f"/ga4gh/drs/v1/objects/{delivery.ids['reads.bam']}/access/content"
    signed = delivery.ask(access, "ada").json()["url"]
    assert httpx.get(signed, trust_env=False).status_code == 200
    grants = [url.rpartition("/")[2].encode() for url in (*urls, signed)]
    secrets = [*grants, *(token.encode() for token in TOKENS.values()), *SECRETS_OF_FILES]
    written = [delivery.data.parent / "node.log", *(delivery.data / "audit").rglob("*")]
    texts = [path.read_bytes() for path in written if path.is_file()]
    assert len(texts) > 1
    assert delivery.ids["reads.bam"].encode() in b"".join(texts)
    assert not [secret for secret in secrets for text in texts if secret in text]
    done = run_gdi("audit", "verify", "--config", delivery.config)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_node_killed_between_submission_and_ready_takes_the_file_in_after_its_restart(
    tmp_path: Path,
) -> None:
    made = found(tmp_path)
    large = made.sent / "large.bin"
    large.write_bytes(os.urandom(LARGE_BYTES))
    with made.serving() as node:
        (made.folder / "node" / "archive.pub").write_text(made.operate("key", "show"))
        submitting = subprocess.Popen(
            made.submit_command(large), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert kill_once_submitted(made, node) != "ready"
    try:
        with made.serving():
            told, complaints = submitting.communicate(timeout=PATIENCE_S)
            assert submitting.returncode == 0, complaints
            (file,) = json.loads(told)["files"]
            assert file["state"] == "ready"
            shown = json.loads(made.operate("show", file["fileId"], "--json"))
            states = [event["state"] for event in shown["events"]]
            assert states == ["uploaded", "submitted", "ingested", "archived", "verified", "ready"]
            assert shown["stored"]["digests"]["plain_sha256"] == file["plainSha256"]
            assert len(json.loads(made.operate("list", "--json"))) == 1
    finally:
        submitting.kill()
        submitting.wait()


def kill_once_submitted(made: Delivery, node: Serving) -> str:
    """The state in which the node saw the file when it was killed with signal 9."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        files = made.ask("/archive/v1/files", "lab").json()["files"]
        if files:
            node.process.kill()
            node.process.wait()
            return str(files[0]["state"])
        time.sleep(0.01)
    raise AssertionError("the file never arrived")
