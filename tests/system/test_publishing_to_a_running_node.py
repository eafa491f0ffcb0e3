"""Releases come and go at a node that serves: other processes change the shelf, the index, and it follows."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.system.serving import Serving, run_gdi, serving, typed

from opengdi.apps.node import open_state
from opengdi.apps.settings_file import load_settings
from opengdi.discovery.variants.folder import IndexFolder
from opengdi.kernel.clock import SystemClock
from opengdi.testing.variants import site_row, write_release

DATASET = "GDI-EE-TEST-1"
WITHIN_S = 20.0
"""A refresh takes half a second; the machine may be busy."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A node with two versions of a dataset on its shelf: an allele seen 200 times in the first, 300 in the second."""
    home = tmp_path / "ee"
    typed("node", "init", home, "--id", "eu.example.ee", "--country", "EE")
    with open_state(load_settings(home / "gdi.toml", {}), SystemClock()) as state:
        for version in (1, 2):
            rows = [site_row("7", 100, "C", "T", (100 + 100 * version, 4000, 10, 80, 0))]
            options = {"dataset": DATASET, "version": str(version), "individuals": 1000 + 1000 * version}
            state.shelf.add(write_release(state.data_dir / "releases", rows, **options))
    return home


@pytest.fixture
def node(home: Path) -> Iterator[Serving]:
    with serving("node", home / "gdi.toml", home / "data") as started:
        yield started


@pytest.fixture
def gdi(home: Path) -> Callable[..., None]:
    def run(*words: str) -> None:
        done = run_gdi(*words, "--config", home / "gdi.toml")
        assert done.returncode == 0, done.stderr

    return run


def allele_counts(node: Serving) -> list[int]:
    """Of Total, by dataset."""
    asked = {
        "assemblyId": "GRCh38",
        "referenceName": "7",
        "start": 100,
        "referenceBases": "C",
        "alternateBases": "T",
    }
    url = f"{node.public}/beacon/aggregated/v2/g_variants"
    answer = httpx.get(url, params=asked | {"requestedGranularity": "record"}, trust_env=False).json()
    return [
        result["frequencyInPopulations"][0]["frequencies"][0]["alleleCount"]
        for each in answer["response"]["resultSets"]
        for result in each["results"]
    ]


def eventually(node: Serving, expected: list[int]) -> None:
    for _ in range(int(WITHIN_S / 0.1)):
        if allele_counts(node) == expected:
            return
        time.sleep(0.1)
    assert allele_counts(node) == expected


def delete_at_once(folder: Path) -> None:
    """A running node starts to fill the folder anew, so what is deleted has to have another name by then."""
    gone = folder.rename(folder.with_name("deleted"))
    shutil.rmtree(gone)


def test_a_running_node_follows_publish_replace_hide_and_withdraw(node: Serving, gdi) -> None:
    assert allele_counts(node) == []
    gdi("dataset", "publish", f"{DATASET}@1")
    eventually(node, [200])
    gdi("dataset", "replace", f"{DATASET}@2")
    eventually(node, [300])
    gdi("dataset", "hide", f"{DATASET}@2")
    eventually(node, [])
    gdi("dataset", "publish", f"{DATASET}@2")
    eventually(node, [300])
    gdi("dataset", "withdraw", f"{DATASET}@2", "--yes")
    eventually(node, [])


def test_a_running_node_changes_over_to_a_rebuilt_index_and_survives_a_deleted_one(node, home, gdi) -> None:
    gdi("dataset", "publish", f"{DATASET}@1")
    eventually(node, [200])
    before = IndexFolder(home / "data/index").current()
    gdi("node", "reindex")
    assert IndexFolder(home / "data/index").current() != before
    eventually(node, [200])
    delete_at_once(home / "data/index")
    for _ in range(int(WITHIN_S / 0.1)):
        assert allele_counts(node) == [200]
        if IndexFolder(home / "data/index").current() is not None:
            break
        time.sleep(0.1)
    assert IndexFolder(home / "data/index").current() is not None
    eventually(node, [200])
