"""`gdi`: the one command. Each entry of `COMMANDS` is a module of `apps.commands` that brings its own `app`.

A module is imported when its command runs, not before: `gdi --help` reads the table below and nothing else.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup

from opengdi import __version__
from opengdi.apps.exits import exit_code, sentence

COMMANDS: Final = {
    "archive": "Look at archived files, drive them on, keep them, map them to datasets.",
    "audit": "Read the audit chains and prove them whole.",
    "case": "List, read and decide cases; show the keys of bodies.",
    "config": "Show the effective settings and explain mistakes in them.",
    "crypt4gh": "Make keys; encrypt, decrypt, re-encrypt and cut Crypt4GH files.",
    "dataset": "Load, preview, publish, hide, replace and withdraw datasets.",
    "demo": "Start three nodes and a hub here and walk the whole way, in plain words.",
    "hub": "Set up, start and look at a hub.",
    "key": "Give out, rotate, list and take back keys of programs.",
    "login": "Log in at a hub, for `gdi token`.",
    "logout": "Log out at a hub: tokens are taken back.",
    "node": "Set up, start and look at a node.",
    "notice": "See what people were told by e-mail, and send it again.",
    "organisation": "Organisations, their people, the documents they sign; providers.",
    "people": "Say who has which role here, and until when.",
    "permit": "List, show, print and verify permits.",
    "query": "Ask a Beacon or a Beacon network.",
    "refget": "Store and list the reference sequences that everybody may read.",
    "registry": "Keep and sign the registry of a hub's members.",
    "submit": "Encrypt files for a node, send them, and watch them until they are ready.",
    "token": "Print an access token for a node, or for the hub.",
}
"""Name of every command, in order of the alphabet, and what it is for."""


class LazyGroup(TyperGroup):
    """The commands of `COMMANDS`, each imported when it is called."""

    def list_commands(self, _ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        return typer.main.get_group(import_module(f"opengdi.apps.commands.{cmd_name}").app)

    def format_commands(self, _ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    help="A country's genome node and the European hub in one command.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"gdi {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and leave."
    ),
) -> None:
    pass


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command (of this process, if none is named) and say how it ended: its exit code.

    Whatever goes wrong ends as one sentence on standard error.
    """
    try:
        app(arguments)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except Exception as error:  # noqa: BLE001  the edge of the process: no traceback reaches a user
        print(f"gdi: {sentence(error)}", file=sys.stderr)
        return exit_code(error)
    return 0


def _leave_no_core_file() -> None:
    """A core file would hold keys and genotypes, whoever's native code it was that broke.

    A limit of 1 byte holds for programs too that take cores by a pipe; one of 0 does not (Linux, fs/coredump.c).
    """
    most = min(1, abs(resource.getrlimit(resource.RLIMIT_CORE)[1]))  # -1 is no limit
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


def main() -> None:
    """Run the command line of this process."""
    os.umask(0o077)  # whatever a command writes about people is its user's alone
    _leave_no_core_file()
    sys.exit(run())
