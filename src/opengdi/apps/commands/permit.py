"""`gdi permit`: the permits of a hub or a node, and the check of one that anybody can make offline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opengdi.apps.commands.config import ConfigOption

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from opengdi.access.ledger import Listed
    from opengdi.access.permits.document import SignedPermit
    from opengdi.access.permits.verification import OfflineVerdict
    from opengdi.apps.hub import HubState
    from opengdi.kernel.keys import PublicKey

app = typer.Typer(no_args_is_help=True, help="List, show, print and verify permits.")

PermitFile = Annotated[Path, typer.Argument(help="File with the signed permit (JWS).")]
KeyOption = Annotated[
    list[Path],
    typer.Option("--key", help="File with a public key of the hub, JWK or PEM; may be given again."),
]
BodyKeyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--body-key", help="BODY=FILE: a body's public key, to check its decisions too; may be given again."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON instead of lines.")]
Number = Annotated[str, typer.Argument(help="Number of the permit, such as GDIP-ABCDE23456.")]


@app.command()
def verify(
    file: PermitFile,
    key: KeyOption,
    body_key: BodyKeyOption = None,
    *,
    at: Annotated[
        str, typer.Option("--at", help="Time for which to tell whether it holds, ISO 8601; now.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Check offline that the hub signed a permit, and the bodies the decisions inside; leave with an error if not.

    Says who may use what until when. Whether it was revoked since, only the hub knows.
    """
    from datetime import datetime

    from opengdi.access.permits.verification import verdict_of
    from opengdi.kernel.clock import SystemClock
    from opengdi.kernel.errors import Invalid

    try:
        now = datetime.fromisoformat(at) if at else SystemClock().now()
    except ValueError as error:
        raise Invalid(f"--at {at!r} must be a time such as 2026-11-29T12:00:00+00:00") from error
    if now.tzinfo is None:
        raise Invalid(f"--at {at!r} needs a time zone")
    signed = _opened(file, [_key(each) for each in key])
    verdict = verdict_of(signed, _body_keys(body_key or []), now)
    document = signed.document
    if as_json:
        print(json.dumps(_verdict_told(signed, verdict), indent=2))
    else:
        _print_verdict(signed, verdict)
    if verdict.faults:
        raise Invalid(f"permit {document.permit}: {'; '.join(verdict.faults)}")


def _verdict_told(signed: SignedPermit, verdict: OfflineVerdict) -> dict[str, Any]:
    import msgspec

    document = signed.document
    told: dict[str, Any] = msgspec.to_builtins(document)
    return {
        "permit": document.permit,
        "version": document.version,
        "hub": document.iss,
        "verdict": verdict.word,
        "sha256": signed.sha256,
        "until": told["until"],
        "datasets": told["datasets"],
        "people": told["people"],
        "decisions": msgspec.to_builtins(verdict.decisions),
        "faults": list(verdict.faults),
    }


def _print_verdict(signed: SignedPermit, verdict: OfflineVerdict) -> None:
    document = signed.document
    print(f"permit {document.permit} version {document.version} by {document.iss}: {verdict.word}")
    print(f"sha256 {signed.sha256}")
    for each in document.datasets:
        print(
            f"dataset\t{each.dataset}\t{each.version}\tuntil {each.until.date()}\tby {each.body} at {each.node}"
        )
    for person in document.people:
        print(f"person\t{person.subject}\t{person.organisation}\t{person.role}")
    for decision in verdict.decisions:
        of = f"\tof {decision.at.date()} on {decision.case}" if decision.at else ""
        print(f"decision\t{decision.body}\t{decision.word}{of}")


@app.command("list")
def list_permits(
    *,
    ended: Annotated[bool, typer.Option("--ended", help="Permits that have ended too.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the permits of this hub: number, state, end, organisation, datasets; with `--json` all of the register."""
    from opengdi.access.permits.model import State
    from opengdi.apps.hub import open_state
    from opengdi.apps.settings_file import load_settings_of
    from opengdi.kernel.clock import SystemClock

    with open_state(load_settings_of("hub", config), SystemClock()) as state:
        lines = [line for line in _lines(state) if ended or line.state != State.ENDED]
    if as_json:
        print(json.dumps([dict(line.summary) for line in lines], indent=2))
        return
    for line in lines:
        told = line.summary
        names = ",".join(each["dataset"] for each in told["datasets"])
        print(f"{line.id}\t{line.state}\t{(told['until'] or '')[:10]}\t{told['organisation']}\t{names}")


def _lines(state: HubState) -> Iterator[Listed]:
    """The register, titles in words."""
    from opengdi.access.ledger import Ledger
    from opengdi.access.permits.evolution import STORY
    from opengdi.access.permits.service import titled

    ledger, after = Ledger(state.engine, state.clock, state.audit), None
    while True:
        page = titled(ledger.list(STORY, after=after, most=500), state.engine)
        yield from page.lines
        after = page.after
        if after is None:
            return


@app.command()
def show(number: Number, config: ConfigOption = None) -> None:
    """Print what a permit of this hub says, as JSON, with what happened to it."""
    import msgspec

    from opengdi.access.ledger import Ledger
    from opengdi.access.permits.evolution import STORY
    from opengdi.access.permits.wire import events_told, permit_told
    from opengdi.access.texts import Texts
    from opengdi.apps.hub import open_state
    from opengdi.apps.settings_file import load_settings_of
    from opengdi.kernel.clock import SystemClock

    with open_state(load_settings_of("hub", config), SystemClock()) as state:
        events = Ledger(state.engine, state.clock, state.audit).events(STORY, number)
        permit = STORY.fold(events)
        title = Texts(state.engine).of([permit.title])[permit.title]
    told = permit_told(permit, (), title) | {"events": events_told(events)}
    del told["permitted"]
    print(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())


@app.command()
def jws(number: Number, config: ConfigOption = None) -> None:
    """Print the newest signed object of a permit of this hub."""
    print(_kept(number, config).jws)


@app.command()
def pdf(
    source: Annotated[
        str, typer.Argument(help="Number of a permit of this hub, or a file with a signed permit.")
    ],
    out: Annotated[Path, typer.Argument(help="Where to write the PDF.")],
    key: Annotated[
        list[Path] | None, typer.Option("--key", help="With a file: public key of the hub that signed it.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write a permit as PDF, for people to read. Its signature is checked before."""
    from opengdi.access.permits.pdf import render

    signed, title = (
        (_opened(Path(source), [_key(each) for each in key]), "") if key else _titled(source, config)
    )
    out.write_bytes(render(signed, lambda _ids: {}, title))
    print(f"wrote {out}; sha256 of the signed permit {signed.sha256}")


def _kept(number: str, config: Path | None) -> SignedPermit:
    from opengdi.access.permits.document import open_permit
    from opengdi.access.permits.store import PermitStore
    from opengdi.apps.hub import SIGNING_KEY, open_state
    from opengdi.apps.settings_file import load_settings_of
    from opengdi.kernel.clock import SystemClock
    from opengdi.kernel.errors import NotFound

    with open_state(load_settings_of("hub", config), SystemClock()) as state:
        kept = PermitStore(state.engine).signed(number)
        if kept is None:
            raise NotFound(f"there is no permit {number}")
        return open_permit(kept.jws, [state.keys.signing_key(SIGNING_KEY).public])


def _titled(number: str, config: Path | None) -> tuple[SignedPermit, str]:
    """A permit of this hub, and what its applicant called it, which the signed object does not tell."""
    from opengdi.access.ledger import Ledger
    from opengdi.access.permits.evolution import STORY
    from opengdi.access.texts import Texts
    from opengdi.apps.hub import open_state
    from opengdi.apps.settings_file import load_settings_of
    from opengdi.kernel.clock import SystemClock

    signed = _kept(number, config)
    with open_state(load_settings_of("hub", config), SystemClock()) as state:
        title = Ledger(state.engine, state.clock, state.audit).state(STORY, number).title
        return signed, Texts(state.engine).of([title])[title]


def _opened(file: Path, keys: Collection[PublicKey]) -> SignedPermit:
    from opengdi.access.permits.document import open_permit
    from opengdi.standards.faults import Malformed, Unverified

    try:
        return open_permit(file.read_text(encoding="utf-8"), keys)
    except UnicodeDecodeError as error:
        raise Malformed(f"{file} is no signed permit: it is not text") from error
    except (Malformed, Unverified) as error:
        raise type(error)(f"{file}: {error}") from error


def _key(file: Path) -> PublicKey:
    from opengdi.kernel.keys import PublicKey
    from opengdi.standards.faults import Malformed

    try:
        return PublicKey.from_text(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, Malformed) as error:
        raise Malformed(f"{file}: {error}") from error


def _body_keys(options: list[str]) -> dict[str, list[PublicKey]]:
    from opengdi.kernel.errors import Invalid

    found: dict[str, list[PublicKey]] = {}
    for option in options:
        body, given, file = option.partition("=")
        if not given:
            raise Invalid(f"--body-key {option!r} must be BODY=FILE, such as ee.dac=ee-dac.jwk")
        found.setdefault(body, []).append(_key(Path(file)))
    return found
