"""An archive in several places: what is full takes no new files, and every file is cared for where it lies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.archive_kit import upload
from tests.encrypted_uploads import pieces, random_bytes, upload_of
from typer.testing import CliRunner

from opengdi.apps import cli, volumes
from opengdi.apps.archive import archive_part, open_archive
from opengdi.apps.archive_care import open_care
from opengdi.apps.founding import found_node
from opengdi.apps.node import AUDIT, STATE_FILE, open_state
from opengdi.apps.preflight import check_what_start_needs
from opengdi.apps.process import LISTENING
from opengdi.apps.settings import Settings
from opengdi.apps.settings_file import load_settings
from opengdi.archive import places
from opengdi.archive.listing import Selection
from opengdi.archive.model import ArchivedFile, Piece
from opengdi.archive.ports import Received
from opengdi.archive.taking import StoringIntake
from opengdi.kernel.audit.segments import events_of, writers_in
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.errors import Conflict, Invalid, Unavailable
from opengdi.kernel.health import Condition

GIB = 1 << 30


class Usage(NamedTuple):
    total: int
    used: int
    free: int


class Disks:
    """The disks that the folders lie on, as the system tells of them: how much room each has."""

    def __init__(self, folder: Path) -> None:
        self.first, self.second, self.third = folder / "node", folder / "second", folder / "third"
        self.free = dict.fromkeys((self.first, self.second, self.third), 100 * GIB)

    def usage(self, path: Path) -> Usage:
        disk = next(disk for disk in self.free if path.is_relative_to(disk))
        return Usage(200 * GIB, 0, self.free[disk])


@pytest.fixture
def disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disks:
    found = Disks(tmp_path)
    monkeypatch.setattr(volumes.shutil, "disk_usage", found.usage)
    return found


@pytest.fixture
def config(tmp_path: Path, disks: Disks) -> Path:
    config = found_node(tmp_path / "node", {"id": "org.example.test", "name": "Test", "country": "EE"})
    for folder in (disks.second, disks.third):
        folder.mkdir()
    told = f'volumes = {{ second = "{disks.second}", third = "{disks.third}" }}'
    text = config.read_text()
    assert text.count("\nvolumes = {}\n") == 1
    config.write_text(text.replace("\nvolumes = {}\n", f"\n{told}\n"))
    return config


@pytest.fixture
def gdi(config: Path) -> Callable[..., Any]:
    def run(*words: str, leaves: int = 0) -> Any:
        result = CliRunner().invoke(
            cli.app, ["archive", *words, "--config", str(config)], catch_exceptions=False
        )
        assert result.exit_code == leaves, result.output
        return json.loads(result.stdout) if "--json" in words else result.stdout

    return run


def settings_of(config: Path) -> Settings:
    return load_settings(config, {})


def archive(config: Path, name: str) -> ArchivedFile:
    with open_state(settings_of(config), SystemClock()) as state:
        care = open_care(state)
        header, body = upload_of(random_bytes(70_000), care.keyring.current.private.public)
        file = care.records.registry.receive(upload(name, f"{name}.bam"), submit=True)
        kept = asyncio.run(StoringIntake(care.storage, care.keyring).take_in(file, pieces(header, body)))
        return care.records.registry.deposit(
            file.id, kept.stored, header=kept.header, chunk_hashes=kept.chunk_hashes, actor="node:archive"
        )


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def three(config: Path, disks: Disks) -> tuple[ArchivedFile, ...]:
    """A file on each disk, because those before it were full."""
    found = [archive(config, "a")]
    disks.free[disks.first] = 9 * GIB
    found.append(archive(config, "b"))
    disks.free[disks.second] = 1 * GIB
    return (*found, archive(config, "c"))


def body_paths(disks: Disks, three: tuple[ArchivedFile, ...]) -> list[Path]:
    roots = (disks.first / "data" / "archive", disks.second, disks.third)
    return [root / places.body_key(file.place) for root, file in zip(roots, three, strict=True)]


def test_new_files_go_to_the_first_place_with_room(disks: Disks, three: tuple[ArchivedFile, ...]) -> None:
    assert all(path.is_file() for path in body_paths(disks, three))
    assert len(files_below(disks.second)) == len(files_below(disks.third)) == 4


def test_what_waits_to_be_stored_takes_room_already(config: Path, disks: Disks) -> None:
    """Uploads come faster than they are taken in: 60 GiB each, and 100 GiB are free on each disk, 10 of them kept."""
    with open_state(settings_of(config), SystemClock()) as state:
        registry = open_care(state).records.registry
        for name in ("a", "b", "c", "d"):
            pieces_ = (Piece(f"{name}/1", 60 * GIB),)
            registry.receive(Received(name, "lab", f"{name}.bam", pieces_, "token:lab"), submit=True)
        places_ = [file.place for file in registry.page(Selection()).files]
    assert [places.volume_of_place(place) for place in places_] == ["", "second", "third", ""]


def test_a_place_whose_disk_is_gone_takes_no_new_files(config: Path, disks: Disks) -> None:
    """The folder above it, which is there, lies on another disk."""
    disks.free |= {disks.first: 9 * GIB, disks.second: 8 * GIB, disks.third.parent: 100 * GIB}
    with open_state(settings_of(config), SystemClock()) as state:
        registry = open_care(state).records.registry
        disks.third.rename(disks.third.parent / "unplugged")
        assert registry.receive(upload("a", "a.bam"), submit=True).place.count("-") == 0
    assert volumes.without_room(settings_of(config)) == ("archive.storage", "second", "third")


def test_where_none_has_room_the_one_with_the_most_is_filled_and_health_says_so(
    config: Path, disks: Disks, three: tuple[ArchivedFile, ...]
) -> None:
    disks.free[disks.third] = 8 * GIB
    assert archive(config, "d").place.count("-") == 0

    def look() -> Any:
        with open_state(settings_of(config), SystemClock()) as state:
            probe = next(
                probe
                for probe in archive_part(state, open_archive(state)).probes
                if probe.name == "archive-storage"
            )
            return probe.look()

    found = look()
    assert found.condition is Condition.DEGRADED
    assert found.detail.endswith("without room for new files: archive.storage, second, third")
    disks.free[disks.third] = 100 * GIB
    assert look().condition is Condition.OK


def test_the_scrub_checks_every_file_where_it_lies(gdi, disks, three) -> None:
    assert gdi("scrub", "--all", "--json") == {"checked": 3, "findings": []}
    for path, file in zip(body_paths(disks, three), three, strict=True):
        content = bytearray(path.read_bytes())
        content[1000] ^= 1
        path.write_bytes(bytes(content))
        (finding,) = gdi("scrub", file.id, "--json", leaves=1)["findings"]
        assert finding["file"] == file.id


def test_a_lost_database_is_rebuilt_from_all_of_them(gdi, config, three) -> None:
    for path in settings_of(config).node.data_dir.glob(f"{STATE_FILE}*"):
        path.unlink()
    found = gdi("recover", "--json")
    assert {file["file"]: file["outcome"] for file in found["files"]} == {
        file.id: "restored" for file in three
    }
    assert gdi("scrub", "--all", "--json") == {"checked": 3, "findings": []}
    assert {file["place"] for file in gdi("list", "--json")} == {file.place for file in three}


def test_a_decommissioning_deletes_the_bytes_where_they_are(gdi, disks, three) -> None:
    why = ("--decided-by", "DAC", "--reference", "DAC-1", "--reason", "withdrawn")
    for file, path in zip(three, body_paths(disks, three), strict=True):
        gdi("decommission", file.id, *why)
        assert not path.exists()
    assert [path.suffix for path in files_below(disks.third)] == [".jws"]


def test_a_rotation_seals_headers_in_all_of_them(gdi, disks, three) -> None:
    gdi("key", "new")
    gdi("rotate")
    assert len(files_below(disks.third)) == 5
    assert gdi("scrub", "--all", "--json") == {"checked": 3, "findings": []}


def close(config: Path, *closed: str) -> None:
    text = config.read_text()
    line = next(line for line in text.splitlines() if line.startswith("closed = "))
    config.write_text(text.replace(line, f"closed = {json.dumps(closed)}"))


def test_a_place_is_emptied_into_another_one(gdi, config, disks, three) -> None:
    first = [path.relative_to(disks.second) for path in files_below(disks.second)]
    found = gdi("move", "--from", "second", "--to", "third", "--json")
    assert found == {"to": "third", "moved": [three[1].id], "stayed": [], "waiting": 0}
    assert (files_below(disks.second), len(files_below(disks.third))) == ([], 2 * len(first))
    assert {file["place"] for file in gdi("list", "--json")} == {
        three[0].place,
        three[1].place.replace("-second", "-third"),
        three[2].place,
    }
    assert gdi("scrub", "--all", "--json") == {"checked": 3, "findings": []}
    assert gdi("move", "--from", "second", "--to", "third", "--json")["moved"] == []
    lines = [
        line for line in gdi("move", three[1].id, "--to", "archive.storage", leaves=1).splitlines() if line
    ]
    assert lines == [
        f"{three[1].id}: stayed: archive.storage has no room for {three[1].id}",
        "0 files moved to archive.storage, 1 stayed",
    ]


def test_moves_are_in_the_audit_chain(gdi, config, three) -> None:
    gdi("move", three[1].id, "--to", "third")
    chains = writers_in(settings_of(config).node.data_dir / AUDIT)
    events = [event for chain in chains for event in events_of(chain)]
    assert [event.objects for event in events if event.action == "archive.move"] == [(f"file:{three[1].id}",)]


def test_what_is_still_to_be_stored_in_a_place_to_be_emptied_is_told(gdi, config, disks, three) -> None:
    disks.free[disks.second] = 100 * GIB
    with open_state(settings_of(config), SystemClock()) as state:
        open_care(state).records.registry.receive(upload("d", "d.bam"), submit=True)
    assert gdi("move", "--from", "second", "--to", "third", "--json", leaves=1)["waiting"] == 1


def test_a_closed_place_takes_no_new_files_and_is_not_said_to_be_full(config, disks) -> None:
    close(config, "archive.storage", "third")
    assert places.volume_of_place(archive(config, "a").place) == "second"
    disks.free[disks.third] = 0
    assert volumes.without_room(settings_of(config)) == ()
    disks.free[disks.second] = 1
    assert volumes.without_room(settings_of(config)) == ("second",)
    assert places.volume_of_place(archive(config, "b").place) == "second"


@pytest.mark.parametrize(
    ("closed", "why"),
    [
        (["fourth"], "must name places of this archive"),
        (["archive.storage", "second", "third"], "must leave"),
    ],
)
def test_a_place_that_is_none_cannot_be_closed_nor_can_all(config, closed, why) -> None:
    close(config, *closed)
    with pytest.raises(Invalid, match=why):
        settings_of(config)


def test_nothing_is_moved_to_a_closed_place(gdi, config, three) -> None:
    close(config, "third")
    with pytest.raises(Invalid, match="third is closed"):
        gdi("move", three[0].id, "--to", "third")


def test_only_one_command_at_a_time_moves_or_decommissions(gdi, config, three) -> None:
    why = ("--decided-by", "DAC", "--reference", "DAC-1", "--reason", "withdrawn")
    with open_state(settings_of(config), SystemClock()) as state, open_care(state).alone():
        for words in (("move", three[0].id, "--to", "third"), ("decommission", three[0].id, *why)):
            with pytest.raises(Conflict, match="another command"):
                gdi(*words)
    gdi("decommission", three[0].id, *why)


def test_nothing_is_moved_to_where_the_serving_node_would_not_find_it(gdi, config, disks, three) -> None:
    """It was started before its settings named the place."""
    listening = settings_of(config).node.data_dir / LISTENING
    named = config.read_text()
    config.write_text(named.replace(f', third = "{disks.third}"', ""))
    with open_state(settings_of(config), SystemClock()) as state:
        archive_part(state, open_archive(state))
    listening.write_text("{}")
    config.write_text(named)
    disks.free = dict.fromkeys(disks.free, 100 * GIB)
    with pytest.raises(Conflict, match="does not know third yet: restart it"):
        gdi("move", three[0].id, "--to", "third")
    gdi("move", three[0].id, "--to", "second")
    listening.unlink()
    gdi("move", three[0].id, "--to", "third")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--to", "third"), "name files, or"),
        (("GDIF-EE-0000000001", "--from", "second", "--to", "third"), "name files, or"),
        (("--from", "second", "--to", "second"), "lie in second already"),
        (
            ("--from", "fourth", "--to", "second"),
            "no place 'fourth'; known are archive.storage, second, third",
        ),
    ],
)
def test_a_move_that_means_nothing_is_refused(gdi, words, why) -> None:
    with pytest.raises(Invalid, match=why):
        gdi("move", *words)


def test_a_place_that_does_not_answer_is_named_is_no_incident_and_keeps_no_other_from_its_check(
    gdi, config, disks, three
) -> None:
    config.write_text(config.read_text().replace(f'second = "{disks.second}", ', ""))
    third = body_paths(disks, three)[2]
    third.write_bytes(third.read_bytes()[:-1])
    with pytest.raises(Unavailable, match="'second' that is not set"):
        gdi("scrub", "--all", "--json")
    (found,) = gdi("scrub", "--findings", "--json", leaves=1)["findings"]
    assert found["file"] == three[2].id


def test_a_folder_that_is_not_there_is_refused_and_not_made(config, disks) -> None:
    disks.third.rmdir()
    with pytest.raises(Invalid, match=r"archive\.volumes: there is no folder .*third"):
        check_what_start_needs(settings_of(config))
    with pytest.raises(Invalid, match="no folder"):
        volumes.open_volumes(settings_of(config))
    assert not disks.third.exists()


@pytest.mark.parametrize("told", ['{ "a-b" = "/x" }', '{ a = "x/y" }', '{ a = "" }'])
def test_a_name_or_a_place_that_is_none_is_refused(config: Path, told: str) -> None:
    text = config.read_text()
    line = next(line for line in text.splitlines() if line.startswith("volumes = "))
    config.write_text(text.replace(line, f"volumes = {told}"))
    with pytest.raises(Invalid, match=r"archive\.volumes"):
        settings_of(config)
