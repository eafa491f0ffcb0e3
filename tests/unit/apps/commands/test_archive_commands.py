"""`gdi archive …` on a node's own files; every act of an operator is in the audit chain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.archive_kit import STORED, upload
from typer.testing import CliRunner

from opengdi.apps import cli
from opengdi.apps.archive import open_records
from opengdi.apps.founding import found_node
from opengdi.apps.node import AUDIT, open_state
from opengdi.apps.settings_file import load_settings
from opengdi.kernel.audit.segments import events_of, writers_in
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.errors import Conflict, Invalid, NotFound

DATASET = "GDI-EE-TEST-1"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return found_node(tmp_path / "node", {"id": "org.example.test", "name": "Test", "country": "EE"})


@pytest.fixture
def ids(config: Path) -> dict[str, str]:
    """Files of a node: one in each of the states that an operator meets."""
    with open_state(load_settings(config, {}), SystemClock()) as state:
        registry = open_records(state).registry
        found = {
            name: registry.receive(upload(name, f"{name}.bam", dataset=DATASET), submit=name != "uploaded").id
            for name in ("uploaded", "submitted", "dead", "error", "ready")
        }
        registry.postpone(found["dead"], 1, "the store is full", None, actor="node:archive")
        registry.fail(found["error"], "wrong key", "node:archive")
        registry.deposit(found["ready"], STORED, header=b"h", chunk_hashes=b"", actor="node:archive")
    return found


@pytest.fixture
def gdi(config: Path):
    """Runs a `gdi archive` command; what it printed, as JSON if that was asked. Raises what the command raises."""

    def run(*words: str):
        result = CliRunner().invoke(
            cli.app, ["archive", *words, "--config", str(config)], catch_exceptions=False
        )
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout) if "--json" in words else result.stdout

    return run


def audited(config: Path) -> list[tuple[str, str, tuple[str, ...]]]:
    """Acts of operators in the chain, with their objects."""
    chains = writers_in(load_settings(config, {}).node.data_dir / AUDIT)
    return [
        (event.action, str(event.outcome), event.objects)
        for chain in chains
        for event in events_of(chain)
        if event.action.startswith("archive.") and event.actor.startswith("operator:")
    ]


def test_files_are_listed_with_what_is_wrong_with_them(gdi, ids) -> None:
    listed = {file["id"]: file for file in gdi("list", "--json")}
    assert list(listed) == list(ids.values())
    assert listed[ids["dead"]]["trouble"] == "the store is full"
    assert [file["dead"] for file in listed.values()] == [False, False, True, False, False]
    table = gdi("list")
    assert "submitted (dead)" in table
    assert "wrong key" in table


@pytest.mark.parametrize("state, name", [("dead", "dead"), ("error", "error"), ("ready", "ready")])
def test_files_are_listed_by_state(gdi, ids, state: str, name: str) -> None:
    assert [file["id"] for file in gdi("list", "--state", state, "--json")] == [ids[name]]


def test_an_unknown_state_is_refused(gdi) -> None:
    with pytest.raises(Invalid, match=r"'lost' is not known; known are uploaded, .*, dead"):
        gdi("list", "--state", "lost")


def test_a_file_is_shown_with_its_log(gdi, ids) -> None:
    told = gdi("show", ids["error"], "--json")
    assert [event["state"] for event in told["events"]] == ["uploaded", "submitted", "error"]
    words = gdi("show", ids["ready"])
    assert "digests body_sha256 1111" in words.replace("stored: ", "")
    assert "node:archive" in words


def test_a_file_that_is_not_there_is_named(gdi) -> None:
    with pytest.raises(NotFound, match="GDIF-EE-0000000000"):
        gdi("show", "GDIF-EE-0000000000")
    with pytest.raises(Invalid, match="must be like"):
        gdi("show", "a.bam")


def test_dead_and_faulty_files_are_driven_on(gdi, ids, config) -> None:
    assert gdi("retry", "--dead") == f"{ids['dead']}: submitted\n"
    assert gdi("retry", "--dead") == "no file is meant\n"
    assert gdi("retry", ids["error"], "--json")[0]["attempt"] == 2
    with pytest.raises(Conflict, match="ready cannot be told to retry"):
        gdi("retry", ids["ready"])
    objects = [("archive.retry", "done", (f"file:{ids[name]}",)) for name in ("dead", "error")]
    assert audited(config) == objects


def test_uploaded_files_are_taken_in_when_told(gdi, ids) -> None:
    assert gdi("ingest", "--all", "--json")[0]["state"] == "submitted"
    assert gdi("ingest", "--all", "--json") == []
    assert gdi("ingest", ids["ready"], "--json")[0]["state"] == "ready"


@pytest.mark.parametrize("words", [[], ["GDIF-EE-0000000001", "--dead"]])
def test_it_must_be_said_which_files_are_meant(gdi, words: list[str]) -> None:
    with pytest.raises(Invalid, match="name files, or say by the option"):
        gdi("retry", *words)


def test_a_file_is_cancelled_or_disabled_with_a_reason(gdi, ids, config) -> None:
    assert gdi("cancel", ids["dead"], "--reason", "sent by mistake") == f"{ids['dead']}: disabled\n"
    assert gdi("disable", ids["ready"], "--reason", "replaced", "--json")[0]["reason"] == "replaced"
    assert gdi("show", ids["dead"], "--json")["reason"] == "sent by mistake"
    assert [action for action, *_ in audited(config)] == ["archive.cancel", "archive.disable"]


def test_files_are_mapped_released_and_deprecated(gdi, ids, config) -> None:
    assert gdi("map", DATASET, "--wanted") == f"{DATASET}: registered, 1 files\n"
    assert gdi("map", "https://doi.org/10.1/x", ids["ready"], "--json")["files"] == 1
    assert gdi("release", DATASET, "--json")["state"] == "released"
    assert gdi("deprecate", DATASET) == f"{DATASET}: deprecated, 1 files\n"
    assert [(found["id"], found["state"]) for found in gdi("datasets", "--json")] == [
        (DATASET, "deprecated"),
        ("https://doi.org/10.1/x", "registered"),
    ]
    assert "deprecated" in gdi("datasets")
    file, dataset = f"file:{ids['ready']}", f"dataset:{DATASET}"
    assert audited(config) == [
        ("archive.map", "done", (dataset, file)),
        ("archive.map", "done", ("dataset:https://doi.org/10.1/x", file)),
        ("archive.release", "done", (dataset,)),
        ("archive.deprecate", "done", (dataset,)),
    ]


def test_files_are_put_into_the_version_that_is_named(gdi, ids, config) -> None:
    assert gdi("map", DATASET, ids["ready"], "--version", "1", "--json")["versions"] == ["1"]
    gdi("release", DATASET)
    with pytest.raises(Invalid, match="is released: say by --version"):
        gdi("map", DATASET, ids["ready"])
    assert gdi("map", DATASET, "--like", "1", "--version", "2", "--json")["versions"] == ["1", "2"]
    with pytest.raises(NotFound, match="version '9'"):
        gdi("map", DATASET, "--like", "9", "--version", "2")
    with pytest.raises(Invalid, match="not several"):
        gdi("map", DATASET, ids["ready"], "--like", "1")
    assert "1, 2" in gdi("datasets")
    assert gdi("show", ids["ready"], "--json")["releases"] == [[DATASET, "1"], [DATASET, "2"]]
    assert audited(config)[0][2] == (f"dataset:{DATASET}", "version:1", f"file:{ids['ready']}")


def test_without_a_version_files_belong_to_the_one_that_is_asked_for(gdi, ids, config) -> None:
    body = '{ id = "ee.dac", name = "DAC", url = "https://dac.example.org", country = "EE" }'
    offered = f'{{ dataset = "{DATASET}", version = "2026.1", body = "ee.dac", node = "ee.node" }}'
    told = config.read_text().partition("[requests]")
    requests = (
        told[2]
        .replace("bodies = []", f"bodies = [{body}]")
        .replace("datasets = []", f"datasets = [{offered}]", 1)
    )
    config.write_text(f"{told[0]}[requests]{requests}")
    assert gdi("map", DATASET, ids["ready"], "--json")["versions"] == ["2026.1"]


def test_nothing_to_map_is_said(gdi, ids) -> None:
    with pytest.raises(NotFound, match="no ready file was sent for dataset 'other'"):
        gdi("map", "other", "--wanted")
    with pytest.raises(NotFound, match="no file is mapped to a dataset"):
        gdi("release", "other")


def test_every_act_waits_in_the_outbox_to_be_told(gdi, ids, config) -> None:
    gdi("map", DATASET, ids["ready"])
    gdi("disable", ids["ready"], "--reason", "replaced")
    with open_state(load_settings(config, {}), SystemClock()) as state:
        assert (
            open_records(state).outbox.backlog().waiting == 5 + 1 + 1 + 1 + 1
        )  # uploads, error, ready, these
