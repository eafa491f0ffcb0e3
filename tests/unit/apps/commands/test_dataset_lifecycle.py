"""`gdi dataset publish|hide|replace|withdraw|list|show` and `gdi node reindex` on a node's own files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from opengdi.apps import cli
from opengdi.apps.founding import found_node
from opengdi.apps.node import open_state
from opengdi.apps.settings_file import load_settings
from opengdi.apps.variants import index_folder, open_served_variants
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.errors import Conflict, NotFound
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
        return gdi("dataset", verb, DATASET, version, "--json", *options)["state"]

    assert act("publish", "1") == "published"
    assert act("hide", "1") == "hidden"
    assert act("publish", "1") == "published"
    assert act("replace", "2") == "published"
    assert act("withdraw", "1", "--erase-files") == "withdrawn"
    listed = [(each["version"], each["state"]) for each in gdi("dataset", "list", "--json")]
    assert listed == [("1", "withdrawn"), ("2", "published")]


def test_a_command_says_in_words_what_changed_and_what_had_been_so_already(gdi) -> None:
    assert gdi("dataset", "publish", DATASET, "1") == f"{DATASET} version 1: loaded -> published\n"
    assert gdi("dataset", "publish", DATASET, "1") == f"{DATASET} version 1 was published already\n"


def test_without_a_version_the_newest_is_meant(gdi) -> None:
    assert gdi("dataset", "publish", DATASET, "--json")["version"] == "2"


def test_show_tells_the_manifest_and_the_policy(gdi) -> None:
    shown = gdi("dataset", "show", DATASET, "1", "--json")
    assert shown["manifest"]["policy"]["k_alleles"] == 10
    assert [file["path"] for file in shown["manifest"]["files"]] == ["sites/chr7.parquet"]
    assert "k_alleles" in gdi("dataset", "show", DATASET, "1")


def test_what_the_shelf_refuses_the_command_refuses(gdi) -> None:
    gdi("dataset", "publish", DATASET, "1")
    with pytest.raises(Conflict, match="replace it"):
        gdi("dataset", "publish", DATASET, "2")
    with pytest.raises(NotFound):
        gdi("dataset", "hide", "GDI-EE-NONE-1")


def test_publishing_builds_the_index_files_aside_for_the_serving_process(gdi, config: Path) -> None:
    gdi("dataset", "publish", DATASET, "1")
    settings = load_settings(config, {})
    assert sorted(path.name for path in index_folder(settings).incoming(1).iterdir()) == [
        "release.sst",
        "sites-7.sst",
    ]


def test_reindex_makes_an_index_from_which_the_same_is_served(gdi, config: Path) -> None:
    gdi("dataset", "publish", DATASET, "1")
    assert gdi("node", "reindex") == "rebuilt the index of 1 releases\n"
    with open_state(load_settings(config, {}), SystemClock()) as state:
        served = open_served_variants(state)
        assert [release.manifest.version for release in served.published()] == ["1"]
        assert served.trouble == {}
        served.close()


def test_every_change_is_in_the_audit_chain(gdi, config: Path) -> None:
    gdi("dataset", "publish", DATASET, "1")
    gdi("dataset", "hide", DATASET, "1")
    lines = [
        line
        for file in (config.parent / "data/audit").rglob("*")
        if file.is_file()
        for line in file.read_text().splitlines()
    ]
    text = "\n".join(lines)
    assert "dataset.publish" in text
    assert "dataset.hide" in text
