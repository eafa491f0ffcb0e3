"""Several demos on one machine: each has its own ports and its own folder."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from opengdi.apps.demo import ports
from opengdi.apps.demo.ports import Ports
from opengdi.apps.demo.workplace import workplace
from opengdi.kernel.errors import Conflict, Unavailable


@pytest.fixture(autouse=True)
def _a_port_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """8080 may be taken by somebody else while tests run."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        monkeypatch.setattr(ports, "PORTAL", found.getsockname()[1])


@pytest.fixture
def first() -> Iterator[Ports]:
    held = Ports()
    yield held
    held.close()


@pytest.fixture
def second() -> Iterator[Ports]:
    held = Ports()
    yield held
    held.close()


def test_the_second_demo_gets_another_port_before_the_first_one_listens(first: Ports, second: Ports):
    assert first.portal() == ports.PORTAL
    assert second.portal() != ports.PORTAL
    assert not set(first.others(20)) & set(second.others(20))


def test_a_port_that_somebody_listens_on_is_not_taken(first: Ports):
    with socket.socket() as other:
        other.bind(("127.0.0.1", ports.PORTAL))
        other.listen()
        assert first.portal() != ports.PORTAL


def test_a_demo_that_ended_leaves_its_port_to_the_next(first: Ports, second: Ports):
    assert first.portal() == ports.PORTAL
    first.close()
    assert second.portal() == ports.PORTAL


def test_a_machine_without_free_ports_says_so(first: Ports, second: Ports, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ports, "_OURS", range(20_000, 20_002))
    taken = first.others(1)
    assert len(taken) == 1
    with pytest.raises(Unavailable, match="ports"):
        second.others(2)


def test_a_folder_is_one_demo_s_and_is_emptied_for_the_next(tmp_path: Path):
    folder = tmp_path / "demo"
    with workplace(folder) as place:
        (place / "hub").mkdir()
        (place / "hub" / "file").touch()
        (place / "other").touch()
        with pytest.raises(Conflict, match="another demo works in"), workplace(folder):
            pass
        assert (place / "hub" / "file").exists(), "nothing of a running demo is deleted"
    with workplace(folder) as place:
        assert [each.name for each in place.iterdir()] == [".made-by-gdi-demo"]


def test_a_folder_that_no_demo_made_is_left_alone(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("ten years")
    with pytest.raises(Conflict, match="was not made by a demo"), workplace(tmp_path):
        pass
    assert (tmp_path / "thesis.txt").exists()


def test_what_a_link_in_the_folder_leads_to_stays(tmp_path: Path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    with workplace(tmp_path / "demo") as place:
        (place / "link").symlink_to(tmp_path / "precious")
    with workplace(tmp_path / "demo"):
        pass
    assert (tmp_path / "precious" / "file").exists()
