"""`gdi refget`: the reference sequences that a node serves to everybody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opengdi.apps.commands.config import ConfigOption

if TYPE_CHECKING:
    from opengdi.delivery.refget.catalogue import Alias, Known

app = typer.Typer(
    no_args_is_help=True, help="Store and list the reference sequences that everybody may read."
)

COLUMNS = ("name", "alias", "naming_authority")


@app.command()
def load(
    fasta: Annotated[Path, typer.Argument(help="FASTA file, plain, gzip or BGZF; public sequences only.")],
    authority: Annotated[
        str, typer.Option(help="Who gave the names in the file, such as UCSC; none: names are not kept.")
    ] = "",
    circular: Annotated[
        list[str] | None,
        typer.Option(help="Name of a sequence without an end, such as chrM; may be given often."),
    ] = None,
    aliases: Annotated[
        Path | None, typer.Option(help="Further names: TSV with the columns name, alias, naming_authority.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Store the sequences of a FASTA file beside those that are there; a running node serves them at once."""
    from opengdi.apps.disk import make_private_folder
    from opengdi.apps.downloads import refget_shelf
    from opengdi.apps.settings_file import load_settings_of
    from opengdi.delivery.refget.shelf import Naming

    settings = load_settings_of("node", config)
    make_private_folder(settings.node.data_dir)
    naming = Naming(authority, _read_aliases(aliases) if aliases else {}, frozenset(circular or ()))
    count = refget_shelf(settings).load(fasta, naming, _print_known)
    print(f"stored {count} sequences")


@app.command("list")
def list_(config: ConfigOption = None) -> None:
    """One line for each sequence: md5, ga4gh, length, names."""
    from opengdi.apps.downloads import refget_shelf
    from opengdi.apps.settings_file import load_settings_of

    for known in refget_shelf(load_settings_of("node", config)).catalogue().known:
        _print_known(known)


def _print_known(known: Known) -> None:
    names = " ".join(f"{alias.naming_authority}:{alias.alias}" for alias in known.aliases)
    shape = " circular" if known.circular else ""
    print(f"{known.md5}\t{known.ga4gh}\t{known.length}{shape}\t{names}", flush=True)


def _read_aliases(path: Path) -> dict[str, list[Alias]]:
    """Aliases by the name of a sequence. Raises Invalid."""
    import csv

    from opengdi.delivery.refget.catalogue import Alias
    from opengdi.kernel.errors import Invalid

    found: dict[str, list[Alias]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file, dialect="excel-tab")
            if tuple(rows.fieldnames or ()) != COLUMNS:
                raise Invalid(f"{path}: the first line must be {', '.join(COLUMNS)}, separated by tabs")
            for row in rows:
                if not all(row[column] for column in COLUMNS):
                    raise Invalid(f"{path}: line {rows.line_num}: needs {', '.join(COLUMNS)}")
                found.setdefault(row["name"], []).append(Alias(row["alias"], row["naming_authority"]))
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{path}: cannot be read: {error}") from error
    return found
