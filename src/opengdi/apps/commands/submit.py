"""`gdi submit`: encrypt files for a node, send them resumably, and watch them until they are ready."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from opengdi.apps.submission.submitting import Outcome

app = typer.Typer(help="Encrypt files for a node, send them, and watch them until they are ready.")


@app.callback(invoke_without_command=True, context_settings={"allow_interspersed_args": True})
def submit(  # noqa: PLR0917  a command has as many parameters as it has options
    ctx: typer.Context,
    places: Annotated[list[Path], typer.Argument(help="Files, and folders whose files are all sent.")],
    to: Annotated[str, typer.Option(envvar="GDI_SUBMIT_TO", help="Address of the node.")],
    dataset: Annotated[str, typer.Option(help="Dataset that the files are for.")] = "",
    key: Annotated[
        str, typer.Option(help="The node's public key, as fingerprint or file; not given: asked once.")
    ] = "",
    token_file: Annotated[
        Path | None, typer.Option(help="File with the bearer token; else GDI_SUBMIT_TOKEN holds it.")
    ] = None,
    token: Annotated[str, typer.Option(envvar="GDI_SUBMIT_TOKEN", hidden=True)] = "",
    under: Annotated[str, typer.Option(help="Folder at the node that is put before all paths.")] = "",
    state: Annotated[
        Path | None,
        typer.Option(envvar="GDI_SUBMIT_STATE", help="Folder of notes by which an interrupted run goes on."),
    ] = None,
    at_once: Annotated[int, typer.Option(min=1, max=16, help="Files sent at the same time.")] = 2,
    patience: Annotated[float, typer.Option(help="Seconds for which a node that is away is tried.")] = 600.0,
    wait: Annotated[bool, typer.Option(help="Wait until the node has taken the files in.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print a report in JSON instead of progress.")] = False,
) -> None:
    """Interrupted, by whatever, the same command goes on where it was. Fails if any file ends in an error."""
    from opengdi.apps.disk import make_private_folder
    from opengdi.apps.submission.bars import Silence, bars_on_stderr
    from opengdi.apps.submission.key import trusted_key
    from opengdi.apps.submission.node import Node
    from opengdi.apps.submission.plan import plan
    from opengdi.apps.submission.sending import Errand
    from opengdi.apps.submission.submitting import submit as submit_all
    from opengdi.kernel.errors import Invalid

    planned = plan(places, under)
    notes = state or Path.home() / ".local" / "state" / "gdi" / "submit"
    make_private_folder(notes)
    source = ctx.get_parameter_source("token")
    if source is not None and source.name == "COMMANDLINE":
        raise Invalid("a token on the command line is seen by all: use GDI_SUBMIT_TOKEN or --token-file")
    with Node(to, _token(token_file, token), patience_s=patience) as node:
        errand = Errand(node, trusted_key(node.url, node.key(), key, notes, _ask), dataset, notes)
        items = list(planned.items)
        if json:
            outcomes = submit_all(errand, items, Silence(), at_once=at_once, wait=wait)
        else:
            for path in planned.left_out:
                typer.echo(f"left out: {path}", err=True)
            with bars_on_stderr(items) as bars:
                outcomes = submit_all(errand, items, bars, at_once=at_once, wait=wait)
    _report(node.url, dataset, outcomes, as_json=json)


def _token(file: Path | None, given: str) -> str:
    """The token that a file holds, or the environment."""
    from opengdi.kernel.errors import Invalid

    text = file.read_text(encoding="utf-8").strip() if file is not None else given.strip()
    if not text:
        raise Invalid("no token: set GDI_SUBMIT_TOKEN, or name a file by --token-file")
    return text


def _ask(question: str) -> bool:
    return sys.stdin.isatty() and typer.confirm(question, err=True)


def _report(node: str, dataset: str, outcomes: list[Outcome], *, as_json: bool) -> None:
    """Raises Invalid if any file failed."""
    import json

    from opengdi.kernel.errors import Invalid

    if as_json:
        files = [outcome.told() for outcome in outcomes]
        print(json.dumps({"node": node, "dataset": dataset, "files": files}, indent=2))
    failed = [outcome for outcome in outcomes if outcome.failed]
    if failed:
        lines = [f"  {outcome.path}: {outcome.reason or outcome.state}" for outcome in failed]
        raise Invalid("\n".join([f"{len(failed)} of {len(outcomes)} files were not taken:", *lines]))
    if not as_json:
        print(f"{len(outcomes)} files are {'ready' if outcomes[0].state == 'ready' else outcomes[0].state}")
