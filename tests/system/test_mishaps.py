"""What goes wrong with the folders of a node or hub ends in one sentence and an exit code, or in degraded health."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.system.serving import Serving, run_gdi, serving, typed
from tests.system.two_nodes import COMMON, write_release

DATASET = "GDI-EE-OWN-1"
FREE_PORTS = {"GDI_PUBLIC__PORT": "0", "GDI_MANAGEMENT__PORT": "0"}


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node with a published dataset, in its index too, and a hub with a signed registry; none of them runs."""
    root = tmp_path_factory.mktemp("mishaps")
    typed("node", "init", root / "node", "--id", "ee.node", "--country", "EE")
    config = root / "node" / "gdi.toml"
    release = write_release(root / "incoming", DATASET, "EE", 10)
    for arguments in (("load", release, "--workers", "1"), ("publish", DATASET)):
        typed("dataset", *arguments, "--config", config)
    typed("node", "reindex", "--config", config)
    typed("hub", "init", root / "hub", "--id", "eu.hub")
    typed("registry", "sign", "--config", root / "hub" / "gdi.toml")
    return root


@pytest.fixture
def home(founded: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(founded, tmp_path / "home"))


def refused(role: str, home: Path) -> tuple[int, str]:
    """Exit code and the sentence of a start that does not succeed."""
    done = run_gdi(role, "start", "--config", home / role / "gdi.toml", env=FREE_PORTS)
    assert done.stderr.startswith("gdi: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.returncode, done.stderr


def started(role: str, home: Path) -> Any:
    return serving(role, home / role / "gdi.toml", home / role / {"node": "data", "hub": "hub-data"}[role])


def ready(process: Serving) -> Any:
    return httpx.get(f"{process.management}/health/ready", trust_env=False)


def ask(process: Serving, accept: str = "application/json") -> httpx.Response:
    base = "/beacon-network/v2.0.0" if "hub" in process.log.name else "/beacon/aggregated/v2"
    allele = f"referenceName=3&start={COMMON}&referenceBases=T&alternateBases=C&assemblyId=GRCh38"
    return httpx.get(
        f"{process.public}{base}/g_variants?{allele}", headers={"Accept": accept}, trust_env=False
    )


def overwrite(file: Path, content: bytes, *, at: int = 0) -> None:
    with file.open("r+b") as stream:
        stream.seek(at)
        stream.write(content)


def current_of(index: Path) -> Path:
    """The file that names the index in force."""
    return next(index.glob("current*"))


# -- a node ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        shutil.rmtree,
        lambda index: current_of(index).write_bytes(b""),
        lambda index: current_of(index).write_bytes(b"\xff\x00/../.."),
    ],
    ids=["all of it", "its name is empty", "its name is junk"],
)
def test_an_index_that_is_missing_is_built_anew(home: Path, damage: Callable[[Path], object]) -> None:
    damage(home / "node" / "data" / "index")
    with started("node", home) as node:
        assert ready(node).json()["status"] == "ok"
        assert ask(node).json()["responseSummary"]["exists"] is True


def test_an_index_that_is_damaged_is_named_with_its_remedy(home: Path) -> None:
    index = next((home / "node" / "data" / "index").glob("sites-*"))
    for file in index.glob("*.sst"):
        overwrite(file, b"\xff\xee\xdd", at=10)
    code, said = refused("node", home)
    assert code == 8
    assert "gdi node reindex" in said
    assert run_gdi("node", "reindex", "--config", home / "node" / "gdi.toml").returncode == 0
    with started("node", home) as node:
        assert ask(node).json()["responseSummary"]["exists"] is True


def test_a_release_whose_files_are_gone_degrades_the_node(home: Path) -> None:
    shutil.rmtree(home / "node" / "data" / "index")
    shutil.rmtree(home / "node" / "data" / "releases" / DATASET)
    with started("node", home) as node:
        health = ready(node).json()
        assert health["status"] == "degraded"
        assert "cannot be served" in health["subsystems"]["variants"]["detail"]
        assert ask(node).json()["responseSummary"]["exists"] is False


def test_a_budget_that_cannot_be_booked_tells_nothing(home: Path) -> None:
    with started("node", home) as node:
        with sqlite3.connect(home / "node" / "data" / "state.sqlite") as state:
            state.execute("DROP TABLE budget_journal")
        state.close()
        answer = ask(node)
        assert (answer.status_code, answer.json()["error"]["errorCode"]) == (503, 503)
        assert node.stop() == 0
        assert "Traceback" not in node.log.read_text()


@pytest.mark.parametrize(
    "damage, code, named",
    [
        (lambda node: (node / "data" / "state.sqlite").write_bytes(b"junk" * 999), 8, "state.sqlite"),
        (lambda node: (node / "keys" / "node.pem").write_text("junk"), 2, "node.pem"),
        (lambda node: (node / "gdi.toml").write_text("[node\n"), 2, "gdi.toml"),
    ],
    ids=["database", "key", "settings"],
)
def test_a_file_that_is_no_such_thing_is_named(
    home: Path, damage: Callable[[Path], object], code: int, named: str
) -> None:
    damage(home / "node")
    ended, said = refused("node", home)
    assert (ended, named in said) == (code, True), said


def test_a_data_directory_that_cannot_be_written_is_named(home: Path) -> None:
    data = home / "node" / "data"
    if subprocess.run(["mount", "--bind", data, data], check=False, capture_output=True).returncode:
        if os.geteuid() == 0:
            pytest.skip("root may write everywhere, and may not mount here")
        data.chmod(0o500)
    else:
        subprocess.run(["mount", "-o", "remount,ro,bind", data], check=True)
    try:
        code, said = refused("node", home)
    finally:
        subprocess.run(["umount", data], check=False, capture_output=True)
    assert (code, str(data) in said) == (9, True), said


def test_a_dataset_that_nobody_loaded_cannot_be_published(home: Path) -> None:
    done = run_gdi("dataset", "publish", "GDI-EE-NOPE-1", "--config", home / "node" / "gdi.toml")
    assert done.returncode == 3
    assert done.stderr == "gdi: there is no GDI-EE-NOPE-1 on the shelf; load it first (`gdi dataset load`)\n"


# -- a hub -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_a_hub_without_a_registry_is_not_ready_and_asks_nobody(home: Path, accept: str) -> None:
    (home / "hub" / "registry.jws").unlink()
    with started("hub", home) as hub:
        assert ready(hub).status_code == 503
        assert "gdi registry sign" in ready(hub).json()["subsystems"]["registry"]["detail"]
        answer = ask(hub, accept)
        assert (answer.status_code, answer.json()["error"]["errorCode"]) == (503, 503)


def test_a_registry_that_was_tampered_with_is_never_in_force(home: Path) -> None:
    registry = home / "hub" / "registry.jws"
    good = registry.read_text()
    registry.write_text(good[:200] + ("A" if good[200] != "A" else "B") + good[201:])
    with started("hub", home) as hub:
        assert ready(hub).status_code == 503
        registry.write_text(good)
        assert ready(hub).json()["subsystems"]["registry"]["status"] == "ok"
        registry.write_text("junk")
        assert ready(hub).json()["subsystems"]["registry"]["status"] == "degraded"
        assert ask(hub).status_code == 200


def test_a_last_good_registry_that_was_tampered_with_is_named(home: Path) -> None:
    with started("hub", home) as hub:
        assert ready(hub).status_code == 200
        assert hub.stop() == 0
    kept = home / "hub" / "hub-data" / "registry.last-good.jws"
    kept.write_text(kept.read_text()[:-9])
    code, said = refused("hub", home)
    assert (code, "registry.last-good.jws" in said) == (7, True), said
