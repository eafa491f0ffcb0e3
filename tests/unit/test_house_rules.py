"""What the house promises of itself: small front page, locked requirements, commands that list themselves."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def words_of(requirement: str) -> str:
    return re.split(r"[<>=!\[ ;]", requirement, maxsplit=1)[0].lower()


def test_the_front_page_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


@pytest.mark.parametrize(
    "page", [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], ids=lambda page: page.name
)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert target.startswith("http") or (page.parent / target).exists(), target


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_file_has_hashes_and_no_address(lock):
    text = lock.read_text()
    assert "://" not in text
    for line in text.splitlines():
        if line and not line.startswith(("#", " ")):
            assert "==" in line, line
    assert text.count("==") <= text.count("--hash=sha256:")


def test_the_locks_hold_every_requirement_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime, dev = ((ROOT / "requirements" / name).read_text() for name in ("runtime.txt", "dev.txt"))
    for requirement in project["project"]["dependencies"]:
        assert re.search(rf"^{words_of(requirement)}[=\[]", runtime, re.MULTILINE), requirement
    for requirement in project["dependency-groups"]["dev"]:
        if isinstance(requirement, str):
            assert re.search(rf"^{words_of(requirement)}[=\[]", dev, re.MULTILINE), requirement


def test_both_locks_pin_the_same_versions():
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^\S+==\S+", (ROOT / "requirements" / name).read_text(), re.MULTILINE))

    assert pins("runtime.txt") <= pins("dev.txt")


def test_every_requirement_has_its_reason_beside_it():
    text = (ROOT / "pyproject.toml").read_text().split("dependencies = [", 1)[1].split("]\n", 1)[0]
    for line in text.splitlines():
        if line.strip().startswith('"'):
            assert "#" in line, line


def test_make_lists_every_command():
    listed = subprocess.run(
        ["make", "--directory", ROOT, "--no-print-directory"], check=True, capture_output=True, text=True
    )
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == set(re.findall(r"make ([a-z-]+) ", listed.stdout))


def test_no_module_has_a_name_that_says_nothing():
    empty = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
    assert [path for path in SOURCES if path.stem in empty] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_every_module_says_what_belongs_in_it(path):
    text = path.read_text(encoding="utf-8")
    assert not text.strip() or ast.get_docstring(ast.parse(text)), f"{path} has no docstring"
