"""`gdi archive list|show|ingest|retry|cancel|disable|map|release|deprecate|datasets`: files that providers sent."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opengdi.apps.commands.archive.meant import Files, every_file, files_meant
from opengdi.apps.commands.config import ConfigOption

if TYPE_CHECKING:
    from opengdi.apps.archive import Records
    from opengdi.apps.node import NodeState
    from opengdi.archive.model import ArchivedFile, Companion, MappedDataset
    from opengdi.kernel.ids import FileId

app = typer.Typer(help="Look at archived files, drive them on, map them to datasets.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
File = Annotated[
    str, typer.Argument(metavar="FILE", help="Accession of the file, such as GDIF-EE-0123456789.")
]
Dataset = Annotated[str, typer.Argument(metavar="DATASET", help="Id of the dataset.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, in words that the provider will read.")]

DEAD = "dead"


@app.command("list")
def list_files(
    config: ConfigOption = None,
    state: Annotated[
        str, typer.Option("--state", help="Only files in this state; `dead`: those our side gave up on.")
    ] = "",
    provider: Annotated[str, typer.Option("--provider", help="Only files of this provider.")] = "",
    dataset: Annotated[str, typer.Option("--dataset", help="Only files mapped to this dataset.")] = "",
    unindexed: Annotated[
        bool, typer.Option("--unindexed", help="Only ready files that cannot be served by region.")
    ] = False,
    json: Json = False,
) -> None:
    """List files in order of arrival: state, provider, size, and what is wrong with them if anything is."""
    from opengdi.archive.listing import Selection

    with _records(config) as records:
        selection = Selection(
            provider=provider,
            dataset=dataset,
            state=_file_state(state) if state not in {"", DEAD} else None,
            dead=state == DEAD,
            unindexed=unindexed,
        )
        files = list(every_file(records, selection))
        beside = records.companions.of([file.id for file in files])
    if json:
        _print_json([_told(file, beside.get(file.id, ())) for file in files])
        return
    from opengdi.apps.terminal import plain_table, print_table

    table = plain_table()
    for name in ("file", "state", "provider", "path", "bytes", "datasets", "what is wrong"):
        table.add_column(name, justify="right" if name == "bytes" else "left")
    for file in files:
        wrong = _wrong_with(file, beside.get(file.id, ()))
        datasets = ", ".join(file.datasets)
        table.add_row(
            file.id, _state(file), file.provider, file.path, f"{file.size_bytes:,}", datasets, wrong
        )
    print_table(table)


@app.command()
def show(file: File, config: ConfigOption = None, json: Json = False) -> None:
    """Show what is known of a file, and its log."""
    with _records(config) as records:
        found = records.registry.find(_file_id(file))
        events = records.registry.events(found.id)
        beside = records.companions.of([found.id]).get(found.id, ())
    told = _told(found, beside) | {
        "events": [
            {"state": event.after, "at": event.at.isoformat(), "actor": event.actor, "reason": event.reason}
            for event in events
        ]
    }
    if json:
        _print_json(told)
        return
    for name, value in told.items():
        if name != "events" and value not in ("", [], {}, None):
            print(f"{name}: {_in_words(value)}")
    for event in told["events"]:
        print(f"  {event['at']}  {event['state']:<10} {event['actor']}  {event['reason']}".rstrip())


@app.command()
def ingest(
    files: Files = None,
    all_uploaded: Annotated[bool, typer.Option("--all", help="Every file that is uploaded.")] = False,
    config: ConfigOption = None,
    json: Json = False,
) -> None:
    """Let uploaded files be taken in, where `archive.ingest_on_upload` is off. The serving node does it."""
    from opengdi.archive.listing import Selection
    from opengdi.archive.model import FileState

    with _records(config) as records:
        wanted = files_meant(records, files, Selection(state=FileState.UPLOADED) if all_uploaded else None)
        _print_files([records.registry.submit(file, _operator()) for file in wanted], json=json)


@app.command()
def retry(
    files: Files = None,
    all_dead: Annotated[bool, typer.Option("--dead", help="Every file that our side gave up on.")] = False,
    config: ConfigOption = None,
    json: Json = False,
) -> None:
    """Try again what our side gave up on, or what ended in error. The serving node does it."""
    from opengdi.archive.listing import Selection

    with _records(config) as records:
        wanted = files_meant(records, files, Selection(dead=True) if all_dead else None)
        _print_files([records.registry.retry(file, _operator()) for file in wanted], json=json)


@app.command()
def cancel(file: File, reason: Reason, config: ConfigOption = None, json: Json = False) -> None:
    """Give up a file before it is archived; the provider may send it anew."""
    with _records(config) as records:
        _print_files([records.registry.cancel(_file_id(file), _operator(), reason)], json=json)


@app.command()
def disable(file: File, reason: Reason, config: ConfigOption = None, json: Json = False) -> None:
    """Take an archived file out of use for good. Its bytes stay; its path may be sent anew, as a new version."""
    with _records(config) as records:
        _print_files([records.registry.disable(_file_id(file), _operator(), reason)], json=json)


@app.command("map")
def map_files(
    dataset: Dataset,
    files: Files = None,
    wanted: Annotated[
        bool, typer.Option("--wanted", help="Every ready file that its provider sent for this dataset.")
    ] = False,
    like: Annotated[
        str, typer.Option("--like", help="Every file of this version of the dataset.", metavar="VERSION")
    ] = "",
    version: Annotated[
        str | None,
        typer.Option(
            "--version",
            help="Of the dataset; who has a permit for it has the files. Else the one published here, or loaded last.",
        ),
    ] = None,
    config: ConfigOption = None,
    json: Json = False,
) -> None:
    """Put ready files into a version of a dataset. They are delivered once the dataset is released."""
    from opengdi.apps.archive import version_for
    from opengdi.archive.rules import checked_dataset

    with _opened(config) as (state, records):
        known = checked_dataset(dataset)
        ids = _meant(records, known, files, wanted=wanted, like=like)
        of = version_for(state, records, known) if version is None else version
        _print_dataset(records.mapping.map(known, ids, _operator(), of), json=json)


@app.command()
def release(dataset: Dataset, config: ConfigOption = None, json: Json = False) -> None:
    """Let the files of a dataset be delivered to those whose visas open it."""
    with _records(config) as records:
        _print_dataset(records.mapping.release(dataset, _operator()), json=json)


@app.command()
def deprecate(dataset: Dataset, config: ConfigOption = None, json: Json = False) -> None:
    """Let the files of a dataset be delivered no more, for good."""
    with _records(config) as records:
        _print_dataset(records.mapping.deprecate(dataset, _operator()), json=json)


@app.command()
def datasets(config: ConfigOption = None, json: Json = False) -> None:
    """List the datasets that files are mapped to."""
    with _records(config) as records:
        found = records.mapping.all()
    if json:
        _print_json([_told_dataset(dataset) for dataset in found])
        return
    from opengdi.apps.terminal import plain_table, print_table

    table = plain_table()
    for name in ("dataset", "state", "files", "versions"):
        table.add_column(name, justify="right" if name == "files" else "left")
    for dataset in found:
        table.add_row(
            dataset.id, dataset.state, f"{dataset.files:,}", ", ".join(filter(None, dataset.versions))
        )
    print_table(table)


@contextmanager
def _records(config: Any) -> Iterator[Records]:
    with _opened(config) as (_, records):
        yield records


@contextmanager
def _opened(config: Any) -> Iterator[tuple[NodeState, Records]]:
    from opengdi.apps.archive import open_records
    from opengdi.apps.node import open_state
    from opengdi.apps.settings_file import load_settings_of
    from opengdi.kernel.clock import SystemClock

    with open_state(load_settings_of("node", config), SystemClock()) as state:
        yield state, open_records(state)


def _operator() -> str:
    return f"operator:{os.getuid()}"


def _file_id(text: str) -> FileId:
    from opengdi.kernel.ids import file_id

    return file_id(text)


def _file_state(text: str) -> Any:
    from opengdi.archive.model import FileState
    from opengdi.kernel.errors import Invalid

    try:
        return FileState(text)
    except ValueError:
        raise Invalid(f"state {text!r} is not known; known are {', '.join(FileState)}, {DEAD}") from None


def _meant(
    records: Records, dataset: str, files: Sequence[str] | None, *, wanted: bool, like: str
) -> Sequence[FileId]:
    """The files that one of the three ways names. Raises Invalid, NotFound."""
    from opengdi.kernel.errors import Invalid

    if sum((bool(files), wanted, bool(like))) > 1:
        raise Invalid("name files, or give one of --wanted and --like, not several of these")
    if like:
        return records.mapping.files_of(dataset, like)
    return _wanted(records, dataset) if wanted else files_meant(records, files, None)


def _wanted(records: Records, dataset: str) -> list[FileId]:
    from opengdi.archive.listing import Selection
    from opengdi.archive.model import FileState
    from opengdi.kernel.errors import NotFound

    sent = every_file(records, Selection(state=FileState.READY, sent_for=dataset))
    found = [file.id for file in sent]
    if not found:
        raise NotFound(f"no ready file was sent for dataset {dataset!r}")
    return found


def _state(file: ArchivedFile) -> str:
    return f"{file.state} ({DEAD})" if file.is_dead else str(file.state)


def _wrong_with(file: ArchivedFile, beside: Sequence[Companion]) -> str:
    return file.reason or file.trouble or _unindexed(file) or _wrong_index(file, beside)


def _wrong_index(file: ArchivedFile, beside: Sequence[Companion]) -> str:
    """Of an index file that a provider sent."""
    notes = (each.note for each in beside if each.index == file.id and each.judgement == "wrong")
    return next((f"does not fit the file beside it: {note}" for note in notes), "")


def _unindexed(file: ArchivedFile) -> str:
    return file.stored.unindexed if file.stored else ""


def _told(file: ArchivedFile, beside: Sequence[Companion] = ()) -> dict[str, Any]:
    import msgspec

    from opengdi.archive.api import told_companion

    told: dict[str, Any] = msgspec.to_builtins(file)
    checks = {"index_checks": [told_companion(each) for each in beside]} if beside else {}
    kept = {"datasets": list(file.datasets), "dead": file.is_dead, "unindexed": _unindexed(file)}
    return told | kept | checks


def _told_dataset(dataset: MappedDataset) -> dict[str, Any]:
    import msgspec

    told: dict[str, Any] = msgspec.to_builtins(dataset)
    return told


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{name} {_in_words(inner)}" for name, inner in value.items() if inner)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _print_files(files: Sequence[ArchivedFile], *, json: bool) -> None:
    if json:
        _print_json([_told(file) for file in files])
        return
    for file in files:
        print(f"{file.id}: {_state(file)}")
    if not files:
        print("no file is meant")


def _print_dataset(dataset: MappedDataset, *, json: bool) -> None:
    if json:
        _print_json(_told_dataset(dataset))
    else:
        print(f"{dataset.id}: {dataset.state}, {dataset.files:,} files")


def _print_json(thing: object) -> None:
    from json import dumps

    print(dumps(thing, indent=2))
