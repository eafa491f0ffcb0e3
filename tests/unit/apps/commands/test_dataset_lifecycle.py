"""`gdi dataset publish|hide|replace|withdraw|list|show` and `gdi node reindex` on a node's own files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from opengdi.apps import cli
from opengdi.apps.founding import found_node
from opengdi.apps.node import open_state
from opengdi.apps.settings_file import load_settings
from opengdi.apps.variants import index_folder, open_served_variants
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.errors import Conflict, Invalid, NotFound
from opengdi.testing.variants import site_row, write_release

DATASET = "GDI-EE-TEST-1"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings file of a node with versions 1 and 2 of a dataset on its shelf, neither published."""
    file = found_node(tmp_path / "node", {"id": "org.example.test", "name": "Test", "country": "EE"})
    with open_state(load_settings(file, {}), SystemClock()) as state:
        for version in (1, 2):
            rows = [site_row("7", 100 + at, "C", "T", (200, 2000, 10, 180, 0)) for at in range(version)]
            manifest = write_release(
                state.data_dir / "releases",
                rows,
                dataset=DATASET,
                version=str(version),
                individuals=1000 * version,
            )
            state.shelf.add(manifest)
    return file


@pytest.fixture
def gdi(config: Path):
    """Runs a `gdi` command on the node; what it printed, as JSON if that was asked. Raises what the command raises."""

    def run(*words: str):
        result = CliRunner().invoke(cli.app, [*words, "--config", str(config)], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout) if "--json" in words else result.stdout

    return run


def test_a_release_is_published_hidden_replaced_and_withdrawn_in_turn(gdi) -> None:
    def act(verb: str, version: str, *options: str) -> str:
        return gdi("dataset", verb, f"{DATASET}@{version}", "--json", *options)["state"]

    assert act("publish", "1") == "published"
    assert act("hide", "1") == "hidden"
    assert act("publish", "1") == "published"
    assert act("replace", "2") == "published"
    assert act("withdraw", "1", "--erase-files", "--yes") == "withdrawn"
    listed = [(each["version"], each["state"]) for each in gdi("dataset", "list", "--json")]
    assert listed == [("1", "withdrawn"), ("2", "published")]


def test_a_command_says_in_words_what_changed_and_what_had_been_so_already(gdi) -> None:
    assert gdi("dataset", "publish", f"{DATASET}@1") == f"{DATASET} version 1: loaded -> published\n"
    assert gdi("dataset", "publish", f"{DATASET}@1") == f"{DATASET} version 1 was published already\n"


def test_publish_without_a_version_takes_the_newest_that_is_loaded(gdi) -> None:
    assert gdi("dataset", "publish", DATASET, "--json")["version"] == "2"


def test_publish_without_a_version_brings_back_what_was_hidden_where_none_is_loaded(gdi) -> None:
    gdi("dataset", "publish", f"{DATASET}@1")
    gdi("dataset", "replace", DATASET)
    gdi("dataset", "hide", DATASET)
    assert gdi("dataset", "publish", DATASET, "--json")["version"] == "2"


def test_replace_without_a_version_takes_the_loaded_one(gdi) -> None:
    gdi("dataset", "publish", f"{DATASET}@1")
    assert gdi("dataset", "replace", DATASET, "--json")["version"] == "2"
    with pytest.raises(
        Conflict, match=r"no version that is loaded: 1 \(replaced\), 2 \(published\); say which one"
    ):
        gdi("dataset", "replace", DATASET)


def test_hide_without_a_version_takes_the_published_one_out_of_sight_though_a_newer_one_is_loaded(
    gdi,
) -> None:
    gdi("dataset", "publish", f"{DATASET}@1")
    hidden = gdi("dataset", "hide", DATASET, "--json")
    assert (hidden["version"], hidden["state"]) == ("1", "hidden")
    assert gdi("dataset", "hide", DATASET) == f"{DATASET} version 1 was hidden already\n"


def test_hide_says_what_there_is_where_nothing_is_published(gdi) -> None:
    with pytest.raises(Conflict, match=r"published or hidden: 1 \(loaded\), 2 \(loaded\)"):
        gdi("dataset", "hide", DATASET)


def test_withdraw_wants_the_version_where_there_are_several(gdi) -> None:
    with pytest.raises(Invalid, match=rf"1 \(loaded\), 2 \(loaded\); say which one, such as {DATASET}@2"):
        gdi("dataset", "withdraw", DATASET, "--yes")
    assert gdi("dataset", "withdraw", f"{DATASET}@2", "--yes", "--json")["state"] == "withdrawn"
    assert gdi("dataset", "withdraw", DATASET, "--yes", "--json")["version"] == "1"


def test_withdraw_wants_a_yes_where_nobody_can_be_asked(gdi) -> None:
    with pytest.raises(Invalid, match="is for ever: confirm with --yes"):
        gdi("dataset", "withdraw", f"{DATASET}@1")
    assert {each["state"] for each in gdi("dataset", "list", "--json")} == {"loaded"}


@pytest.mark.parametrize(("said", "state"), [("n", "loaded"), ("y", "withdrawn")])
def test_withdraw_asks_whoever_sits_at_the_terminal(config: Path, said: str, state: str) -> None:
    own, theirs = os.openpty()
    with os.fdopen(own, "r+b", buffering=0) as keyboard, os.fdopen(theirs, "r+b", buffering=0) as terminal:
        keyboard.write(f"{said}\n".encode())
        words = ["dataset", "withdraw", f"{DATASET}@1", "--config", str(config)]
        command = [sys.executable, "-c", "from opengdi.apps.cli import main; main()", *words]
        done = subprocess.run(
            command, stdin=terminal, capture_output=True, text=True, check=False, timeout=60
        )
    assert f"Withdraw {DATASET} version 1 (loaded) for ever?" in done.stderr
    with open_state(load_settings(config, {}), SystemClock()) as node:
        assert node.shelf.find(DATASET, "1").state == state


def test_the_list_keeps_ids_whole_on_a_narrow_terminal(gdi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    assert DATASET in gdi("dataset", "list")


def test_show_tells_the_manifest_and_the_policy(gdi) -> None:
    shown = gdi("dataset", "show", f"{DATASET}@1", "--json")
    assert shown["manifest"]["policy"]["k_alleles"] == 10
    assert [file["path"] for file in shown["manifest"]["files"]] == ["sites/chr7.parquet"]
    told = gdi("dataset", "show", f"{DATASET}@1")
    assert "\n  populations: Total" in told
    assert "k_alleles = 10" in told


def test_what_the_shelf_refuses_the_command_refuses(gdi) -> None:
    gdi("dataset", "publish", f"{DATASET}@1")
    with pytest.raises(Conflict, match="replace it"):
        gdi("dataset", "publish", f"{DATASET}@2")
    with pytest.raises(NotFound):
        gdi("dataset", "hide", "GDI-EE-NONE-1")


def test_what_was_withdrawn_is_not_said_to_be_broken(gdi) -> None:
    gdi("dataset", "withdraw", f"{DATASET}@1", "--yes", "--erase-files")
    with pytest.raises(Conflict, match="version 1 is withdrawn; it cannot become published"):
        gdi("dataset", "publish", f"{DATASET}@1")
    with pytest.raises(Conflict, match="version 1 is withdrawn; it cannot become published"):
        gdi("dataset", "replace", f"{DATASET}@1")


def test_publishing_builds_the_index_files_aside_for_the_serving_process(gdi, config: Path) -> None:
    gdi("dataset", "publish", f"{DATASET}@1")
    settings = load_settings(config, {})
    assert sorted(path.name for path in index_folder(settings).incoming(1).iterdir()) == [
        "release.sst",
        "sites-7.sst",
    ]


def test_reindex_makes_an_index_from_which_the_same_is_served(gdi, config: Path) -> None:
    gdi("dataset", "publish", f"{DATASET}@1")
    assert gdi("node", "reindex") == "rebuilt the index of 1 releases\n"
    with open_state(load_settings(config, {}), SystemClock()) as state:
        served = open_served_variants(state)
        assert [release.manifest.version for release in served.published()] == ["1"]
        assert served.trouble == {}
        served.close()


def test_every_change_is_in_the_audit_chain(gdi, config: Path) -> None:
    gdi("dataset", "publish", f"{DATASET}@1")
    gdi("dataset", "hide", f"{DATASET}@1")
    lines = [
        line
        for file in (config.parent / "data/audit").rglob("*")
        if file.is_file()
        for line in file.read_text().splitlines()
    ]
    text = "\n".join(lines)
    assert "dataset.publish" in text
    assert "dataset.hide" in text
