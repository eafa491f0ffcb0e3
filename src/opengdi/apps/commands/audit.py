"""`gdi audit`: read the audit chains of a node or a hub and prove them whole; offline, without a database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opengdi.apps.commands.config import ConfigOption

if TYPE_CHECKING:
    from opengdi.apps.settings import HubSettings, NodeSettings
    from opengdi.kernel.audit.chain import Event
    from opengdi.kernel.audit.verification import ChainReport
    from opengdi.kernel.keys import PublicKey

app = typer.Typer(no_args_is_help=True, help="Read the audit chains and prove them whole.")

FolderArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="DIR", help="Folder of the chains, or of one; else `audit` in the data directory."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON instead of words.")]
ActorOption = Annotated[str | None, typer.Option(help="Only what this subject did.")]
ActionOption = Annotated[str | None, typer.Option(help="Only actions that begin so, such as `dataset.`.")]


@app.command()
def verify(
    folder: FolderArgument = None,
    public_key: Annotated[
        list[Path] | None,
        typer.Option(
            help="Key to trust (JWK or PEM), several allowed; without DIR: the node's or the hub's own."
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="A checkpoint kept elsewhere; the chain must reach at least so far.")
    ] = None,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Find changed, removed, re-ordered and inserted lines, missing ends, foreign signatures; leave with 0 or 1."""
    from opengdi.kernel.audit.segments import verify_writer, writers_in

    named = _named_keys(public_key or [])
    kept = checkpoint.read_text(encoding="ascii").strip() if checkpoint else None
    reports = [
        verify_writer(writer, named or own, kept=kept)
        for chains, own in _chains(folder, config)
        for writer in writers_in(chains)
    ]
    _print_reports_as_json(reports) if json else _print_reports(reports)
    if not all(report.holds for report in reports):
        raise typer.Exit(1)


@app.command()
def show(
    folder: FolderArgument = None,
    actor: ActorOption = None,
    action: ActionOption = None,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Print the events of all writers in order of time."""
    events = _merged(_writers(folder, config))
    _print_events(_wanted(events, actor, action), json)


@app.command()
def tail(
    folder: FolderArgument = None,
    last: Annotated[int, typer.Option(min=0, help="Events to begin with.")] = 20,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what happens; end with Ctrl-C.")
    ] = False,
    actor: ActorOption = None,
    action: ActionOption = None,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Print the last events, and with -f those that follow."""
    from collections import deque

    writers = _writers(folder, config)
    followed = _followed(writers) if follow else iter(())
    _print_events(deque(_wanted(_merged(writers), actor, action), maxlen=last), json)
    try:
        _print_events(_wanted(followed, actor, action), json)
    except KeyboardInterrupt:
        raise typer.Exit from None


@app.command("public-key")
def show_public_key(config: ConfigOption = None) -> None:
    """Print the key that verifies the checkpoints of this node or hub, for whoever audits it."""
    from json import dumps

    for role, home in _homes(config).items():
        print(dumps(_own_key(role, home).as_jwk(), indent=2))


def _homes(config: Path | None) -> dict[str, NodeSettings | HubSettings]:
    """Of node and hub, what the settings describe, by role; the node if they describe neither."""
    from opengdi.apps.settings_file import load_settings

    settings = load_settings(config)
    homes: dict[str, NodeSettings | HubSettings] = {"node": settings.node, "hub": settings.hub}
    described = settings.model_fields_set & homes.keys() or {"node"}
    return {role: home for role, home in homes.items() if role in described}


def _chains(folder: Path | None, config: Path | None) -> list[tuple[Path, list[PublicKey]]]:
    """Folders of chains, each with the key of its own that signs them; a folder that was named has none."""
    if folder is not None:
        return [(folder, [])]
    return [(home.data_dir / "audit", [_own_key(role, home)]) for role, home in _homes(config).items()]


def _writers(folder: Path | None, config: Path | None) -> list[Path]:
    from opengdi.kernel.audit.segments import writers_in

    folders = [folder] if folder else [home.data_dir / "audit" for home in _homes(config).values()]
    return [writer for chains in folders for writer in writers_in(chains)]


def _own_key(role: str, home: NodeSettings | HubSettings) -> PublicKey:
    """The public half of the key that signs in this role; it is named after the role."""
    from opengdi.kernel.keys import PublicKey

    return PublicKey.from_text((home.keys_dir / f"{role}.pem").read_text(encoding="ascii"))


def _named_keys(files: list[Path]) -> list[PublicKey]:
    from opengdi.kernel.errors import Invalid
    from opengdi.kernel.keys import PublicKey
    from opengdi.standards.faults import Malformed

    keys = []
    for file in files:
        try:
            keys.append(PublicKey.from_text(file.read_text(encoding="utf-8")))
        except Malformed as error:
            raise Invalid(f"{file}: {error}") from error
    return keys


def _merged(writers: Iterable[Path]) -> Iterator[tuple[str, Event]]:
    """Events of all writers, with the writer's name, in order of time."""
    import heapq

    from opengdi.kernel.audit.segments import events_of

    chains = [[(writer.name, event) for event in events_of(writer)] for writer in writers]
    return heapq.merge(*chains, key=lambda named: named[1].time)


def _followed(writers: Iterable[Path]) -> Iterator[tuple[str, Event]]:
    """Events as they are appended, for ever."""
    import time

    from opengdi.kernel.audit.segments import Follower

    followers = [Follower(writer) for writer in writers]

    def events() -> Iterator[tuple[str, Event]]:
        while True:
            for follower in followers:
                yield from ((follower.writer, event) for event in follower.new_events())
            time.sleep(0.5)

    return events()


def _wanted(
    events: Iterable[tuple[str, Event]], actor: str | None, action: str | None
) -> Iterator[tuple[str, Event]]:
    for writer, event in events:
        if actor in {None, event.actor} and event.action.startswith(action or ""):
            yield writer, event


def _print_events(events: Iterable[tuple[str, Event]], as_json: bool) -> None:
    import msgspec

    for writer, event in events:
        if as_json:
            print(msgspec.json.encode({"writer": writer} | msgspec.to_builtins(event)).decode())
            continue
        words = [
            event.time,
            f"{writer}/{event.seq}",
            event.actor,
            event.action,
            event.outcome,
            *event.objects,
        ]
        words += [f"request:{event.request}"] if event.request else []
        print(*words, *(f"detail:{detail}" for detail in event.details), flush=True)


def _print_reports_as_json(reports: list[ChainReport]) -> None:
    import msgspec

    documents = [msgspec.to_builtins(report) | {"holds": report.holds} for report in reports]
    print(msgspec.json.format(msgspec.json.encode(documents), indent=2).decode())


def _print_reports(reports: list[ChainReport]) -> None:
    for report in reports:
        for fault in report.faults:
            print(f"{report.writer}/{fault.segment}:{fault.line}: {fault.wrong}: {fault.message}")
        print(f"{report.writer}: {'holds' if report.holds else 'DOES NOT HOLD'}: {_summary(report)}")


def _summary(report: ChainReport) -> str:
    period = f", {report.first_time} to {report.last_time}" if report.events else ""
    held = f"{_some(report.events, 'event')} in {_some(report.segments, 'segment')}{period}"
    repaired = f"; recovered after a crash {_some(report.recoveries, 'time')}" if report.recoveries else ""
    if not report.signatures_checked:
        return f"{held}{repaired}; signatures not checked, name a key with --public-key"
    rest = report.events - report.covered
    return (
        f"{held}{repaired}; {_some(report.checkpoints, 'signature')} vouch for {_some(report.covered, 'event')}, "
        f"{rest} came after the last of them"
    )


def _some(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
