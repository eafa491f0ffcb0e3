"""`gdi` starts fast, and whatever goes wrong ends as one sentence and an exit code."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from importlib import import_module

import pytest

from opengdi.apps import cli
from opengdi.apps.commands import __path__ as command_folders
from opengdi.apps.exits import DEFECT, EXIT_CODES, exit_code, sentence
from opengdi.kernel.errors import KINDS, Invalid
from opengdi.kernel.http.faults import BodyTooLarge
from opengdi.standards.faults import Malformed


def gdi(monkeypatch, capsys, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["gdi", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


def test_help_lists_every_command(monkeypatch, capsys):
    code, out, _ = gdi(monkeypatch, capsys, "--help")
    assert code == 0
    for name, meaning in cli.COMMANDS.items():
        assert name in out
        assert meaning.split()[0] in out


def test_every_module_of_commands_is_in_the_table_and_in_the_order_of_the_alphabet():
    from pathlib import Path

    there = {
        path.stem for folder in command_folders for path in Path(folder).iterdir() if path.stem[0] != "_"
    }
    assert list(cli.COMMANDS) == sorted(there)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_table_says_what_the_command_says_of_itself(name):
    assert import_module(f"opengdi.apps.commands.{name}").app.info.help == cli.COMMANDS[name]


def test_a_command_that_breaks_leaves_no_core_file(tmp_path):
    """It would hold keys and genotypes."""
    program = (
        "import os, resource, sys; from opengdi.apps import cli; sys.argv = ['gdi', '--version']\n"
        "resource.setrlimit(resource.RLIMIT_CORE, [resource.getrlimit(resource.RLIMIT_CORE)[1]] * 2)\n"
        "try: cli.main()\n"
        "except SystemExit: print(*resource.getrlimit(resource.RLIMIT_CORE), flush=True); os.abort()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == -signal.SIGABRT
    assert done.stdout.splitlines()[-1] in {"1 1", "0 0"}
    assert list(tmp_path.iterdir()) == []


def test_help_imports_nothing_but_the_table():
    heavy = ["pydantic", "numpy", "sqlalchemy", "httpx", "pyarrow", "starlette", "rich", "asyncio"]
    program = (
        "import sys; from opengdi.apps import cli; sys.argv = ['gdi', '--help']\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version_is_the_one_of_the_package(monkeypatch, capsys):
    from opengdi import __version__

    assert gdi(monkeypatch, capsys, "--version") == (0, f"gdi {__version__}\n", "")


def test_an_unknown_command_is_refused(monkeypatch, capsys):
    code, _, err = gdi(monkeypatch, capsys, "nonsense")
    assert code == 2
    assert "nonsense" in err


def test_a_mistake_in_the_settings_is_explained_without_a_traceback(monkeypatch, capsys, tmp_path):
    file = tmp_path / "gdi.toml"
    file.write_text('[node]\ncontry = "EE"\n')
    code, out, err = gdi(monkeypatch, capsys, "config", "check", "--config", str(file))
    assert (code, out) == (2, "")
    assert "node.contry" in err
    assert "did you mean 'country'" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ('[database]\nurl = "mysql://x"\n', "database.url: database.url names 'mysql'"),
        ('[beacon.genes]\nGRCh38 = "/nope"\n', "beacon.genes: gene table /nope does not open"),
        ('[beacon]\nhierarchies = ["/nope.obo"]\n', "beacon.hierarchies: nope.obo: cannot be read"),
        ('[hub]\nregistry_keys = ["no key"]\n', "hub.registry_keys: no public key found"),
        ('[beacon]\nindividuals_path = "/api"\n', "beacon (default): base path /api is given twice"),
    ],
)
def test_what_start_would_refuse_the_check_of_the_settings_refuses(
    monkeypatch, capsys, tmp_path, written, path
):
    file = tmp_path / "gdi.toml"
    file.write_text(written)
    code, out, err = gdi(monkeypatch, capsys, "config", "check", "--config", str(file))
    assert (code, out) == (2, "")
    assert path.replace("(default)", f"({file})") in err


def test_a_node_that_cannot_be_founded_is_told_why_and_nothing_is_written(monkeypatch, capsys, tmp_path):
    code, _, err = gdi(monkeypatch, capsys, "node", "init", str(tmp_path / "n"), "--country", "Estonia")
    assert code == 2
    assert "node.country (--country):" in err
    assert "defect" not in err
    assert not (tmp_path / "n").exists()


def test_the_effective_settings_print_as_json(monkeypatch, capsys):
    monkeypatch.setenv("GDI_NODE__COUNTRY", "EE")
    code, out, _ = gdi(monkeypatch, capsys, "config", "show", "--json")
    assert code == 0
    assert json.loads(out)["node"]["country"] == "EE"


def test_a_missing_settings_file_is_named(monkeypatch, capsys, tmp_path):
    code, _, err = gdi(monkeypatch, capsys, "config", "show", "--config", str(tmp_path / "no.toml"))
    assert (code, "no.toml" in err) == (2, True)


def test_a_defect_is_told_with_its_place_and_without_a_traceback(monkeypatch, capsys):
    def fall_over(_arguments) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(cli, "app", fall_over)
    code, _, err = gdi(monkeypatch, capsys)
    assert code == DEFECT
    assert "ZeroDivisionError" in err
    assert "test_gdi_command_line.py" in err
    assert len(err.splitlines()) == 1


def test_a_file_that_cannot_be_read_is_named():
    error = PermissionError(13, "Permission denied", "/srv/data")
    assert (exit_code(error), sentence(error)) == (9, "/srv/data: Permission denied")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_error_has_an_exit_code_of_its_own(kind):
    assert exit_code(kind("why")) == EXIT_CODES[kind] > 1
    assert [EXIT_CODES[other] for other in KINDS].count(EXIT_CODES[kind]) == 1


def test_a_leaf_of_a_kind_ends_as_its_kind():
    assert exit_code(BodyTooLarge("long")) == exit_code(Invalid("no")) == exit_code(Malformed("bad"))


@pytest.mark.parametrize("part, other", [("hub", "node"), ("node", "hub")])
def test_settings_of_a_node_start_no_hub_and_those_of_a_hub_no_node(
    monkeypatch, capsys, tmp_path, part, other
):
    gdi(monkeypatch, capsys, other, "init", str(tmp_path))
    before = sorted(tmp_path.rglob("*"))
    code, _, err = gdi(monkeypatch, capsys, part, "start", "--config", str(tmp_path / "gdi.toml"))
    assert code == 2
    assert f"they have no [{part}] section; `gdi {part} init` writes one" in err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_registry_that_was_never_signed_is_to_be_signed(monkeypatch, capsys, tmp_path):
    gdi(monkeypatch, capsys, "hub", "init", str(tmp_path))
    code, _, err = gdi(monkeypatch, capsys, "registry", "verify", "--config", str(tmp_path / "gdi.toml"))
    assert code == 3
    assert err == f"gdi: there is no {tmp_path / 'registry.jws'}; `gdi registry sign` writes it\n"
