"""`gdi organisation`: organisations, their people and the documents they sign, at a hub; providers, at a node."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from opengdi.apps.access_client import AccessClient, Json

app = typer.Typer(
    no_args_is_help=True, help="Organisations, their people, the documents they sign; providers."
)

At = Annotated[str, typer.Option("--at", envvar="GDI_ACCESS_AT", help="Address of the hub or node.")]
Token = Annotated[
    str,
    typer.Option(envvar="GDI_ACCESS_TOKEN", help="Token, as `gdi token` prints it; better by the variable."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON instead of words.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say whether it would work.")]
BodyOption = Annotated[
    Path | None, typer.Option("--body", help="JSON file with what the command says; `-` is standard input.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="What the command says, as name=value, such as reason='a breach'."),
]
_LOCAL = "http://127.0.0.1:8080"


@app.command("list")
def list_organisations(
    state: Annotated[list[str] | None, typer.Option(help="Only those in this state.")] = None,
    at: At = _LOCAL,
    token: Token = "",
    json: JsonOption = False,
) -> None:
    """List organisations that you may see."""
    items = _client(at, token).pages("/access/v1/organisations", state=state or [])
    _print_rows(items, ("id", "state", "country", "name"), json)


@app.command()
def show(
    organisation: Annotated[str, typer.Argument(help="Id, such as GDIO-K7Q2M4ZT5A.")],
    at: At = _LOCAL,
    token: Token = "",
    json: JsonOption = False,
) -> None:
    """Show an organisation and what you may do."""
    _print(_client(at, token).get(f"/access/v1/organisations/{organisation}"), json)


@app.command()
def register(
    body: BodyOption = None,
    at: At = _LOCAL,
    token: Token = "",
    dry_run: DryRun = False,
    json: JsonOption = False,
) -> None:
    """Register an organisation by a JSON file: name, country, domain, ror, legalRepresentative, registrant, …"""
    told = _client(at, token).post("/access/v1/organisations", _read(body, []), dry_run=dry_run)
    _print(told, json)


@app.command()
def do(
    organisation: Annotated[str, typer.Argument(help="Id of the organisation.")],
    command: Annotated[str, typer.Argument(help="One of those that `show` calls permitted.")],
    body: BodyOption = None,
    said: SetOption = None,
    at: At = _LOCAL,
    token: Token = "",
    dry_run: DryRun = False,
    json: JsonOption = False,
) -> None:
    """Give a command to an organisation: vet, activate, suspend, invite-person, …"""
    path = f"/access/v1/organisations/{organisation}/commands/{command}"
    _print(_client(at, token).post(path, _read(body, said or []), dry_run=dry_run), json)


@app.command()
def sign(
    organisation: Annotated[str, typer.Argument(help="Id of the organisation; `me` for terms of your own.")],
    document: Annotated[str, typer.Argument(help="Id of the document.")],
    content: Annotated[Path, typer.Argument(help="The file that you read and agree to.")],
    version: Annotated[int, typer.Option(min=1, help="Version of the document.")] = 1,
    at: At = _LOCAL,
    token: Token = "",
    json: JsonOption = False,
) -> None:
    """Sign a document by a click: the digest is taken from the file that you have read."""
    from hashlib import sha256

    client = _client(at, token)
    place = f"/access/v1/organisations/{organisation}"
    if organisation == "me":
        place = f"/access/v1/people/{client.get('/access/v1/people/me')['subject']}"
    digest = sha256(content.read_bytes()).hexdigest()
    told = client.post(f"{place}/commands/sign", {"document": document, "version": version, "sha256": digest})
    _print(told, json)


@app.command("verify-signature")
def verify_signature(
    evidence: Annotated[Path, typer.Argument(help="File with the evidence (JWS).")],
    key: Annotated[list[Path], typer.Option(help="Public key of the hub, JWK or PEM.")],
    content: Annotated[Path | None, typer.Option(help="The document that was signed.")] = None,
    json: JsonOption = False,
) -> None:
    """Prove a signature without a hub: who agreed to which bytes, when and how."""
    from opengdi.access.organisations.evidence import check_evidence
    from opengdi.kernel.keys import PublicKey

    keys = [PublicKey.from_text(path.read_text(encoding="utf-8")) for path in key]
    document = content.read_bytes() if content else None
    claims = check_evidence(evidence.read_text(encoding="ascii").strip(), keys, content=document)
    _print(dict(claims), json)


@app.command()
def publish(
    document: Annotated[str, typer.Argument(help="Id of the document, such as terms.")],
    content: Annotated[Path, typer.Argument(help="Text, Markdown or PDF.")],
    *,
    kind: Annotated[str, typer.Option(help="terms-of-service, joint-controllership, user-terms, …")],
    title: Annotated[str, typer.Option(help="Title, for people.")],
    binding_from: Annotated[
        str, typer.Option(help="From when it must be signed; at once if not given.")
    ] = "",
    at: At = _LOCAL,
    token: Token = "",
    dry_run: DryRun = False,
    json: JsonOption = False,
) -> None:
    """Publish a document, or its next version: from then on signing falls due again."""
    from base64 import b64encode

    types = {".pdf": "application/pdf", ".md": "text/markdown; charset=utf-8"}
    body = {
        "id": document,
        "kind": kind,
        "title": title,
        "mediaType": types.get(content.suffix, "text/plain; charset=utf-8"),
        "content": b64encode(content.read_bytes()).decode(),
    }
    body |= {"bindingFrom": binding_from} if binding_from else {}
    _print(_client(at, token).post("/access/v1/documents", body, dry_run=dry_run), json)


@app.command()
def documents(at: At = _LOCAL, json: JsonOption = False) -> None:
    """List the documents with their newest versions."""
    items = _client(at, "").get("/access/v1/documents")["items"]
    rows = [{**each, "version": each["versions"][-1]["version"]} for each in items]
    _print_rows(rows, ("id", "kind", "version", "title"), json)


@app.command()
def people(
    organisation: Annotated[str, typer.Option(help="Of this organisation; else all.")] = "",
    at: At = _LOCAL,
    token: Token = "",
    json: JsonOption = False,
) -> None:
    """List people whom signing officials named."""
    items = _client(at, token).pages("/access/v1/people", organisation=organisation)
    _print_rows(items, ("id", "state", "organisation", "trainedUntil", "affiliatedUntil"), json)


@app.command("person")
def show_person(
    subject: Annotated[str, typer.Argument(help="Subject of the person; `me` for yourself.")],
    at: At = _LOCAL,
    token: Token = "",
    json: JsonOption = False,
) -> None:
    """Show a person, whether they may ask for data, and what is lacking."""
    _print(_client(at, token).get(f"/access/v1/people/{subject}"), json)


@app.command("person-do")
def person_do(
    subject: Annotated[str, typer.Argument(help="Subject of the person.")],
    command: Annotated[str, typer.Argument(help="vet, record-training, record-licence, revoke, …")],
    body: BodyOption = None,
    said: SetOption = None,
    at: At = _LOCAL,
    token: Token = "",
    dry_run: DryRun = False,
    json: JsonOption = False,
) -> None:
    """Give a command to a person."""
    path = f"/access/v1/people/{subject}/commands/{command}"
    _print(_client(at, token).post(path, _read(body, said or []), dry_run=dry_run), json)


@app.command("providers")
def list_providers(at: At = _LOCAL, token: Token = "", json: JsonOption = False) -> None:
    """List the providers of a node."""
    items = _client(at, token).pages("/access/v1/providers")
    _print_rows(items, ("id", "state", "country", "name"), json)


@app.command("provider-do")
def provider_do(
    provider: Annotated[str, typer.Argument(help="Id of the provider.")],
    command: Annotated[str, typer.Argument(help="identify, contact, fund, record-agreement, onboard, …")],
    body: BodyOption = None,
    said: SetOption = None,
    at: At = _LOCAL,
    token: Token = "",
    dry_run: DryRun = False,
    json: JsonOption = False,
) -> None:
    """Give a command to a provider; `identify` makes it known."""
    wish = _read(body, said or [])
    if command == "identify":
        path, wish = "/access/v1/providers", {"id": provider, **wish}
    else:
        path = f"/access/v1/providers/{provider}/commands/{command}"
    _print(_client(at, token).post(path, wish, dry_run=dry_run), json)


def _client(at: str, token: str) -> AccessClient:
    from opengdi.apps.access_client import AccessClient

    return AccessClient(at, token)


def _read(body: Path | None, said: list[str]) -> Json:
    """What a command says: the file, then single members over it. Raises Invalid."""
    import json
    import sys

    from opengdi.kernel.errors import Invalid

    told: Json = {}
    if body is not None:
        try:
            told = json.loads(sys.stdin.read() if str(body) == "-" else body.read_text(encoding="utf-8"))
        except ValueError as error:
            raise Invalid(f"{body} is not JSON: {error}") from error
        if not isinstance(told, dict):
            raise Invalid(f"{body} must hold a JSON object")
    for each in said:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise Invalid(f"--set {each!r} must be name=value")
        told[name] = value
    return told


def _print(told: Json, as_json: bool) -> None:
    import json

    if as_json:
        print(json.dumps(told))
        return
    for name, value in told.items():
        print(f"{name}: {_said(value)}")


def _print_rows(items: list[Json], names: tuple[str, ...], as_json: bool) -> None:
    import json

    if as_json:
        print(json.dumps(items))
        return
    for item in items:
        print("  ".join(_said(item.get(name)) for name in names))


def _said(value: Any) -> str:
    import json

    if value is None or value == "":
        return "-"
    return value if isinstance(value, str) else json.dumps(value)
