"""`gdi archive key|rotate|scrub|recover|decommission` on a node's own files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.archive_kit import upload
from tests.encrypted_uploads import pieces, random_bytes, upload_of
from typer.testing import CliRunner

from opengdi.apps import archive_care, cli
from opengdi.apps.archive_care import Care, care_part, judging_part, open_care
from opengdi.apps.founding import found_node
from opengdi.apps.node import AUDIT, STATE_FILE, open_state
from opengdi.apps.settings_file import load_settings
from opengdi.apps.volumes import ARCHIVE
from opengdi.archive import places
from opengdi.archive.model import ArchivedFile
from opengdi.archive.taking import StoringIntake
from opengdi.kernel.audit.segments import events_of, writers_in
from opengdi.kernel.clock import FixedClock, SystemClock
from opengdi.kernel.errors import Conflict, Invalid, NotFound
from opengdi.kernel.health import Condition
from opengdi.kernel.outbox import outbox
from opengdi.standards.crypt4gh import PrivateKey, parse_public_key, private_key_text

Run = Callable[..., Any]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return found_node(tmp_path / "node", {"id": "org.example.test", "name": "Test", "country": "EE"})


@pytest.fixture
def gdi(config: Path) -> Run:
    """Runs a `gdi archive` command; what it printed, as JSON if that was asked. Raises what the command raises."""

    def run(*words: str, leaves: int = 0) -> Any:
        result = CliRunner().invoke(
            cli.app, ["archive", *words, "--config", str(config)], catch_exceptions=False
        )
        assert result.exit_code == leaves, result.output
        return json.loads(result.stdout) if "--json" in words else result.stdout

    return run


def with_care(config: Path, do: Callable[[Care], Any]) -> Any:
    with open_state(load_settings(config, {}), SystemClock()) as state:
        return do(open_care(state))


def archive(
    config: Path, name: str, content: bytes = random_bytes(100_000), *, ending: str = ".bam"
) -> ArchivedFile:
    """A file that was taken in by the node's own keys."""

    def do(care: Care) -> ArchivedFile:
        header, body = upload_of(content, care.keyring.current.private.public)
        registry = care.records.registry
        file = registry.receive(upload(f"{name}{len(ending)}", f"{name}{ending}"), submit=True)
        intake = StoringIntake(care.storage, care.keyring)
        kept = asyncio.run(intake.take_in(file, pieces(header, body)))
        return registry.deposit(
            file.id, kept.stored, header=kept.header, chunk_hashes=kept.chunk_hashes, actor="node:archive"
        )

    found: ArchivedFile = with_care(config, do)
    return found


def body_path(config: Path, file: ArchivedFile) -> Path:
    return load_settings(config, {}).node.data_dir / ARCHIVE / places.body_key(file.place)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(bytes(content))


def audited(config: Path) -> list[str]:
    chains = writers_in(load_settings(config, {}).node.data_dir / AUDIT)
    events = [event for chain in chains for event in events_of(chain)]
    return [event.action for event in events if event.action.startswith("archive.")]


def test_the_public_key_for_providers_is_printed_and_nothing_else(gdi: Run) -> None:
    (listed,) = gdi("key", "list", "--json")["keys"]
    shown = gdi("key", "show")
    assert parse_public_key(shown).raw.hex() == listed["id"]
    assert "PRIVATE" not in shown
    assert listed["state"] == "current"


def test_going_over_to_another_key_takes_three_commands(gdi: Run, config: Path) -> None:
    file = archive(config, "a")
    (first,) = gdi("key", "list", "--json")["keys"]
    gdi("key", "new")
    newest = gdi("key", "list", "--json")["keys"][0]
    assert gdi("rotate", "--json") == {"resealed": 1, "unopened": []}
    gdi("key", "retire", first["id"])
    states = {key["id"]: key["state"] for key in gdi("key", "list", "--json")["keys"]}
    assert states == {newest["id"]: "current", first["id"]: "retired"}
    assert gdi("scrub", file.id, "--json") == {"checked": 1, "findings": []}
    with pytest.raises(Conflict, match="retired"):
        gdi("rotate", "--key", first["id"])
    with pytest.raises(Conflict, match="current"):
        gdi("key", "retire", newest["id"])
    assert {"archive.key.new", "archive.rotate", "archive.key.retire"} <= set(audited(config))


def test_a_recovery_key_set_later_is_brought_to_old_headers_by_a_rotation(gdi: Run, config: Path) -> None:
    archive(config, "old")
    safe = PrivateKey(random_bytes(32))
    config.write_text(config.read_text().replace('recovery_key = ""', f'recovery_key = "{safe.public}"'))
    assert gdi("key", "list").endswith("1 headers are not known to be sealed for it: gdi archive rotate\n")
    assert gdi("rotate", "--json") == {"resealed": 1, "unopened": []}
    assert gdi("key", "list", "--json")["uncovered"] == 0


def test_a_scrub_leaves_with_1_and_raises_an_incident_where_a_bit_was_flipped(gdi: Run, config: Path) -> None:
    sound, damaged = archive(config, "sound"), archive(config, "damaged")
    assert gdi("scrub", "--all", "--json") == {"checked": 2, "findings": []}
    flip(body_path(config, damaged))
    told = gdi("scrub", "--all", "--json", leaves=1)
    assert told["checked"] == 2
    ((finding),) = told["findings"]
    assert finding["file"] == damaged.id
    assert "body: byte 0:" in finding["finding"]
    assert audited(config).count("archive.damage") == 1
    assert gdi("scrub", "--findings", "--json", leaves=1)["findings"] == told["findings"]
    assert gdi("scrub", sound.id) == "1 files checked, 0 with findings\n"
    kinds = with_care(config, _outbox_kinds)
    assert kinds.count("eu.gdi.archive.file.damaged") == 1


def _outbox_kinds(care: Care) -> list[str]:
    with care.state.engine.connect() as connection:
        return [
            json.loads(body)["type"]
            for body in connection.scalars(outbox.select().with_only_columns(outbox.c.body))
        ]


def test_a_scrub_reads_only_what_is_due(gdi: Run, config: Path) -> None:
    archive(config, "justchecked")
    assert gdi("scrub", "--json") == {"checked": 0, "findings": []}


def test_health_says_that_files_are_damaged(gdi: Run, config: Path) -> None:
    file = archive(config, "a")

    def condition(care: Care) -> Condition:
        (probe,) = care_part(care).probes
        return probe.look().condition

    assert with_care(config, condition) is Condition.OK
    flip(body_path(config, file))
    gdi("scrub", file.id, leaves=1)
    assert with_care(config, condition) is Condition.DEGRADED


async def test_a_serving_node_scrubs_what_is_due_by_itself(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await asyncio.to_thread(archive, config, "a")
    flip(body_path(config, file))
    monkeypatch.setattr(archive_care, "LOOK_S", 0.0)
    next_year = FixedClock(datetime.now(UTC) + timedelta(days=365))
    with open_state(load_settings(config, {}), next_year) as state:
        care = open_care(state)
        (work,) = care_part(care).background
        scrubbing = asyncio.ensure_future(work())
        while not await asyncio.to_thread(care.records.custody.findings):
            assert not scrubbing.done()
        scrubbing.cancel()
        await asyncio.wait([scrubbing])
    assert audited(config).count("archive.damage") == 1


def test_a_file_without_an_index_is_told_as_such_and_indexed_later(
    gdi: Run, config: Path, tmp_path: Path
) -> None:
    unsorted, killed = (
        archive(config, name, calls(tmp_path, name == "killed")) for name in ("unsorted", "killed")
    )

    def as_if_killed(care: Care) -> None:
        assert killed.stored is not None
        bare = replace(killed.stored, index="", without_index="the indexing process was killed")
        care.records.registry.indexed(killed.id, bare, "node:archive")

    with_care(config, as_if_killed)
    assert "unindexed: the indexing process was killed" in gdi("show", killed.id)
    reason = "no index could be made: the VCF file is not sorted by position, or is damaged"
    assert gdi("show", unsorted.id, "--json")["unindexed"] == reason
    assert {file["id"] for file in gdi("list", "--unindexed", "--json")} == {unsorted.id, killed.id}
    assert gdi("reindex", "--all-missing", "--json", leaves=1) == [
        {"file": unsorted.id, "index": "", "why": reason},
        {"file": killed.id, "index": "csi", "why": ""},
    ]
    assert gdi("reindex", killed.id) == f"{killed.id}: csi\n"
    assert [file["id"] for file in gdi("list", "--unindexed", "--json")] == [unsorted.id]
    assert audited(config).count("archive.index") == 4
    kinds = [kind for kind in with_care(config, _outbox_kinds) if "indexed" in kind]
    assert kinds.count("eu.gdi.archive.file.unindexed") == 3
    assert kinds.count("eu.gdi.archive.file.indexed") == 2


def test_an_index_of_another_file_is_told_to_whoever_looks_and_listens(
    gdi: Run, config: Path, tmp_path: Path
) -> None:
    data = archive(config, "calls", calls(tmp_path, in_order=True))
    index = archive(config, "calls", b"no index", ending=".bam.csi")
    assert gdi("show", index.id, "--json")["index_checks"][0]["check"] == "pending"
    assert with_care(config, lambda care: asyncio.run(care.judging.run())) == 1
    why = "it is damaged, or no index: neither a BAI, a CSI nor a TBI index: the magic bytes are missing"
    assert f"does not fit the file beside it: {why}"[:40] in gdi("list")
    (check,) = gdi("show", data.id, "--json")["index_checks"]
    assert (check["indexFileId"], check["check"], check["note"]) == (index.id, "wrong", why)
    assert with_care(config, _outbox_kinds).count("eu.gdi.archive.file.wrongindex") == 1


async def test_a_serving_node_holds_indexes_against_their_data_by_itself(
    config: Path, tmp_path: Path
) -> None:
    await asyncio.to_thread(archive, config, "calls", calls(tmp_path, in_order=True))
    index = await asyncio.to_thread(archive, config, "calls", b"no index", ending=".bam.csi")
    with open_state(load_settings(config, {}), SystemClock()) as state:
        care = open_care(state)
        (work,) = judging_part(care).background
        judging = asyncio.ensure_future(work())
        while care.records.companions.of([index.id])[index.id][0].judgement == "pending":
            await asyncio.sleep(0.05)
            assert not judging.done()
        judging.cancel()
        await asyncio.wait([judging])


def calls(folder: Path, in_order: bool) -> bytes:
    """A bgzipped VCF of two records."""
    import pysam

    head = (
        "##fileformat=VCFv4.2\n##contig=<ID=1,length=1000>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    )
    lines = [f"1\t{position}\t.\tA\tC\t.\t.\t.\n" for position in ((5, 9) if in_order else (9, 5))]
    (folder / "calls.vcf").write_text(head + "".join(lines))
    pysam.tabix_compress(str(folder / "calls.vcf"), str(folder / "calls.vcf.gz"), force=True)
    return (folder / "calls.vcf.gz").read_bytes()


def lose_the_database(config: Path) -> None:
    for path in load_settings(config, {}).node.data_dir.glob(f"{STATE_FILE}*"):
        path.unlink()


def test_a_lost_database_is_rebuilt_with_its_datasets(gdi: Run, config: Path) -> None:
    file = archive(config, "a")
    gdi("map", "GDI-EE-TEST-1", file.id)
    with_care(config, _keep_facts)
    lose_the_database(config)
    with pytest.raises(NotFound):
        gdi("show", file.id)
    told = gdi("recover", "--json")
    assert (told["restored"], told["refused"], told["clash"], told["nameless"]) == (1, 0, 0, [])
    shown = gdi("show", file.id, "--json")
    assert (shown["state"], shown["datasets"]) == ("ready", ["GDI-EE-TEST-1"])
    assert gdi("datasets", "--json")[0]["state"] == "registered"
    assert gdi("scrub", "--all", "--json") == {"checked": 1, "findings": []}


def _keep_facts(care: Care) -> None:
    """As the serving node does by itself."""
    intake = StoringIntake(care.storage, care.keyring)
    for file, _ in care.records.registry.unkept():
        asyncio.run(intake.keep_facts(file))


def test_a_recovery_says_of_each_file_what_became_of_it(gdi: Run, config: Path) -> None:
    lost = archive(config, "a")
    lose_the_database(config)
    sent_again = archive(config, "a")
    printed = gdi("recover", leaves=1).splitlines()
    assert f"{sent_again.id}: known" in printed
    assert f"{lost.id}: clash: its upload is that of {sent_again.id}, at {sent_again.place}" in "\n".join(
        printed
    )
    assert printed[-1] == "2 files: 0 restored, 1 known, 0 buried, 1 clash, 0 refused"
    told = gdi("recover", "--json", leaves=1)["files"]
    assert {file["file"]: file["outcome"] for file in told} == {sent_again.id: "known", lost.id: "clash"}


def test_with_the_recovery_key_the_loss_of_the_keys_is_survived_too(
    gdi: Run, config: Path, tmp_path: Path
) -> None:
    safe = PrivateKey(random_bytes(32))
    text = config.read_text()
    assert 'recovery_key = ""' in text
    config.write_text(text.replace('recovery_key = ""', f'recovery_key = "{safe.public}"'))
    file = archive(config, "a")
    (tmp_path / "safe.sec").write_text(private_key_text(safe, passphrase=None, random=b""))
    (tmp_path / "facts.jwk").write_text(json.dumps(gdi("key", "list", "--json")["verifyingKey"]))
    lose_the_database(config)
    keys_dir = load_settings(config, {}).node.keys_dir
    for name in ("archive-1.c4gh", "archive-facts.pem"):
        (keys_dir / name).unlink()
    assert gdi("recover", "--json", leaves=1)["restored"] == 0
    keys = ("--recovery-key", str(tmp_path / "safe.sec"), "--verifying-key", str(tmp_path / "facts.jwk"))
    assert gdi("recover", "--json", *keys)["restored"] == 1
    header = with_care(config, lambda care: care.keyring.open(care.records.custody.header(file.id)))
    assert header.data_keys


def test_a_decommissioning_needs_its_decision_and_leaves_a_tombstone(gdi: Run, config: Path) -> None:
    file = archive(config, "a")
    decision = ("--decided-by", "DAC", "--reference", "DAC-7", "--reason", "consent withdrawn")
    with pytest.raises(Invalid, match="reason"):
        gdi("decommission", file.id, *decision[:-1], " ")
    assert body_path(config, file).exists()
    told = gdi("decommission", file.id, *decision, "--json")
    assert told["state"] == "disabled"
    assert "DAC-7" in told["reason"]
    assert not body_path(config, file).exists()
    assert "archive.decommission" in audited(config)
    assert gdi("show", file.id, "--json")["reason"] == told["reason"]
