"""Options that several commands share, and the keys that they name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from opengdi.standards.crypt4gh import PrivateKey, PublicKey

SourceArgument = Annotated[Path, typer.Argument(metavar="FILE", help="What to read; `-` for standard input.")]
TargetArgument = Annotated[
    Path, typer.Argument(metavar="TARGET", help="What to write; `-` for standard output.")
]
KeyOption = Annotated[
    list[Path],
    typer.Option("--key", help="Private key of a reader: Crypt4GH or OpenSSH ed25519; several allowed."),
]
RecipientOption = Annotated[
    list[Path],
    typer.Option("--recipient", help="Public key of somebody who may read it; several allowed."),
]
PassphraseOption = Annotated[
    Path | None,
    typer.Option(help="File whose first line is the passphrase of the private key; else it is asked for."),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace TARGET if it is there.")]


def private_keys(files: list[Path], passphrase_file: Path | None) -> list[PrivateKey]:
    """The keys in `files`; a passphrase is read or asked for only where one is needed. Raises Invalid."""
    from opengdi.apps.commands.crypt4gh.streams import naming
    from opengdi.standards.crypt4gh import parse_private_key

    keys = []
    for file in files:
        with naming(file):
            keys.append(parse_private_key(_key_text(file), _passphrase(file, passphrase_file)))
    return keys


def public_keys(files: list[Path]) -> list[PublicKey]:
    """The keys in `files`. Raises Invalid."""
    from opengdi.apps.commands.crypt4gh.streams import naming
    from opengdi.standards.crypt4gh import parse_public_key

    keys = []
    for file in files:
        with naming(file):
            keys.append(parse_public_key(_key_text(file)))
    return keys


def first_line(file: Path) -> bytes:
    """A passphrase as a file holds it: the line without its end."""
    with file.open("rb") as lines:
        return lines.readline(4096).rstrip(b"\r\n")


def ask(prompt: str) -> bytes:
    """A passphrase typed at the terminal, which does not show it. Raises Invalid where there is no terminal."""
    from getpass import getpass

    from opengdi.kernel.errors import Invalid

    if not _has_terminal():
        raise Invalid(f"{prompt}: there is no terminal to ask at; name --passphrase-file")
    return getpass(f"{prompt}: ").encode()


def _key_text(file: Path) -> bytes:
    """The first bytes of a key file, enough to see that something else is none."""
    from opengdi.standards.crypt4gh.keys import LARGEST_KEY_BYTES

    with file.open("rb") as key:
        return key.read(LARGEST_KEY_BYTES + 1)


def _passphrase(key: Path, file: Path | None) -> Callable[[], bytes]:
    return lambda: ask(f"Passphrase of {key}") if file is None else first_line(file)


def _has_terminal() -> bool:
    """True if somebody can be asked; standard input may be the data."""
    try:
        with Path("/dev/tty").open("rb"):
            return True
    except OSError:
        return False
