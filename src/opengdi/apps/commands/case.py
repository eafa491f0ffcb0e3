"""`gdi case`: the cases of deciding bodies. Commands act over the API, in the name of the person whose token it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opengdi.apps.commands.config import ConfigOption
from opengdi.apps.commands.key import AtOption

if TYPE_CHECKING:
    from opengdi.apps.case_client import CaseClient

app = typer.Typer(no_args_is_help=True, help="List, read and decide cases; show the keys of bodies.")

ToOption = Annotated[str, typer.Option("--to", envvar="GDI_CASE_TO", help="Address of the node or hub.")]
TokenFileOption = Annotated[
    Path | None,
    typer.Option(help="File with your token, as `gdi token` prints it; else GDI_TOKEN holds it."),
]
TokenOption = Annotated[str, typer.Option(envvar="GDI_TOKEN", hidden=True)]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON instead of lines.")]
CaseId = Annotated[str, typer.Argument(help="Id of the case, such as GDIA-ABCDE23456.ee.dac.")]


@app.command("list")
def list_cases(
    to: ToOption,
    *,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those that wait for you.")] = False,
    state: Annotated[str, typer.Option(help="Only in these states, separated by commas.")] = "",
    token_file: TokenFileOption = None,
    token: TokenOption = "",
    as_json: JsonOption = False,
) -> None:
    """List cases of your bodies: id, state, purpose, what is due, whether they wait for you."""
    query = {"waiting": "true"} if waiting else {}
    with _client(to, token_file, token) as client:
        found = client.listing(**query, **({"state": state} if state else {}))
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for case in found:
        due = (case["due"] or case["deadline"] or "")[:10]
        mine = "waits for you" if case["waitsForMe"] else ""
        print(f"{case['id']}\t{case['state']}\t{case['purpose']}\t{due}\t{mine}".rstrip())


@app.command()
def show(case: CaseId, to: ToOption, token_file: TokenFileOption = None, token: TokenOption = "") -> None:
    """Print a case as JSON: the application as it was offered, what was found, what you may do."""
    with _client(to, token_file, token) as client:
        print(json.dumps(client.case(case), indent=2))


@app.command()
def do(
    case: CaseId,
    command: Annotated[str, typer.Argument(help="Such as cast-ballot; `show` lists those permitted.")],
    to: ToOption,
    *,
    text: Annotated[str, typer.Option(help="What you say: a reason, a question, a remark.")] = "",
    say: Annotated[
        list[str] | None,
        typer.Option(
            help="member=value of the command, the value in JSON or a word; may be given again: vote=grant."
        ),
    ] = None,
    body: Annotated[Path | None, typer.Option(help="File with the whole command as JSON.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say whether it would work, and do nothing.")
    ] = False,
    token_file: TokenFileOption = None,
    token: TokenOption = "",
    as_json: JsonOption = False,
) -> None:
    """Act on a case: declare-interest, check-conformity, check-ethics, give-opinion, cast-ballot, decide, veto, …"""
    said = _said(body, text, say or [])
    with _client(to, token_file, token) as client:
        found = client.act(case, command, said, dry_run=dry_run)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print(f"{'would be possible' if dry_run else 'done'}\t{found['id']}\t{found['state']}")


@app.command()
def key(
    body: Annotated[str, typer.Argument(help="Id of the body, such as ee.dac.")],
    at: AtOption = "",
    config: ConfigOption = None,
) -> None:
    """Print the public key of a body that decides here, as a JSON Web Key; it is made when first asked for."""
    from opengdi.apps.cases import own_bodies
    from opengdi.apps.opened_service import open_service
    from opengdi.kernel.errors import NotFound

    with open_service(config, at) as state:
        known = own_bodies(state.settings.requests, state.keys)
    if body not in known:
        raise NotFound(f"no body {body!r} decides here; requests.bodies has {', '.join(known) or 'none'}")
    print(json.dumps(known[body].key.public.as_jwk()))


def _client(to: str, token_file: Path | None, token: str) -> CaseClient:
    from opengdi.apps.case_client import CaseClient
    from opengdi.kernel.errors import Invalid

    given = token_file.read_text(encoding="utf-8").strip() if token_file is not None else token.strip()
    if not given:
        raise Invalid("no token: set GDI_TOKEN, or name a file by --token-file")
    return CaseClient(to, given)


def _said(body: Path | None, text: str, say: list[str]) -> dict[str, Any]:
    """The command as JSON. Raises Invalid."""
    from opengdi.kernel.errors import Invalid

    try:
        said = json.loads(body.read_text(encoding="utf-8")) if body else {}
    except (OSError, ValueError) as error:
        raise Invalid(f"--body {body}: {error}") from error
    if not isinstance(said, dict):
        raise Invalid(f"--body {body}: the command must be a JSON object")
    for each in say:
        name, equals, value = each.partition("=")
        if not equals:
            raise Invalid(f"--say {each!r} must be member=value, such as vote=grant")
        try:
            said[name] = json.loads(value)
        except ValueError:
            said[name] = value
    return said | {"text": text} if text else said
