"""`gdi archive key|rotate|scrub|reindex|recover|decommission`: keep what is archived whole and readable."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opengdi.apps.commands.archive.meant import Files, files_meant
from opengdi.apps.commands.config import ConfigOption

if TYPE_CHECKING:
    from opengdi.apps.archive_care import Care
    from opengdi.apps.node import NodeState
    from opengdi.archive.keyring import ArchiveKey, Keyring
    from opengdi.archive.model import ArchivedFile
    from opengdi.archive.recovery import Found, RecoveryReport
    from opengdi.kernel.ids import FileId

app = typer.Typer(help="Keep what is archived whole and readable.")
keys = typer.Typer(no_args_is_help=True, help="The archive's Crypt4GH keys.")
app.add_typer(keys, name="key")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
KeyId = Annotated[
    str, typer.Argument(metavar="KEY", help="Id of the key, as `gdi archive key list` shows it.")
]


@keys.command("show")
def show_key(config: ConfigOption = None) -> None:
    """Print the public key that providers encrypt to."""
    with _keyring(config) as keyring:
        print(keyring.public_text, end="")


@keys.command("list")
def list_keys(config: ConfigOption = None, json: Json = False) -> None:
    """List the keys, and what verifies the signatures beside the bodies: keep that with the recovery key."""
    with opened_care(config) as care:
        told = _told_keys(care.keyring, care.records.custody.uncovered(care.keyring.recovery_id))
    if json:
        print_json(told)
        return
    for key in told["keys"]:
        print(f"{key['number']:>4}  {key['state']:<8} {key['id']}")
    print(f"recovery key: {told['recovery'] or 'none; set archive.recovery_key'}")
    if told["uncovered"]:
        print(f"{told['uncovered']:,} headers are not known to be sealed for it: gdi archive rotate")


@keys.command("new")
def make_key(config: ConfigOption = None) -> None:
    """Make another key, which headers are sealed to from then on; a serving node uses it after a restart."""
    from opengdi.archive.keyring import new_key

    with _state(config) as state:
        key = new_key(state.keys)
        state.audit.append("archive.key.new", actor=operator(), objects=(f"key:{key.key_id}",))
    print(f"key {key.number}: {key.key_id}")
    print("next: restart the node, then gdi archive rotate, then gdi archive key retire the one before")


@keys.command("retire")
def retire(key: KeyId, config: ConfigOption = None) -> None:
    """Let nothing be sealed to a key any more; it still opens what was."""
    from opengdi.archive.keyring import load_keyring, retire_key

    with _state(config) as state:
        retired = retire_key(state.keys, load_keyring(state.keys), key)
        state.audit.append("archive.key.retire", actor=operator(), objects=(f"key:{retired.key_id}",))
    print(f"key {retired.number} is retired")


@app.command()
def rotate(
    key: Annotated[str, typer.Option("--key", help="Id of the key to go over to; else the newest.")] = "",
    config: ConfigOption = None,
    json: Json = False,
) -> None:
    """Seal the headers of all archived files for another key, and for a recovery key that was set since.

    Bodies stay. Stopped, it goes on when run again.
    """
    with opened_care(config) as care:
        report = asyncio.run(care.rotation.run(operator(), key_id=key))
    if json:
        print_json({"resealed": report.resealed, "unopened": list(report.unopened)})
    else:
        print(f"{report.resealed:,} headers sealed")
        for file in report.unopened:
            print(f"{file}: no key of the archive opens its header")
    leave(bad=bool(report.unopened))


@app.command()
def scrub(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE]...", help="Accessions; else every file that is due.")
    ] = None,
    all_files: Annotated[bool, typer.Option("--all", help="Every file, due or not.")] = False,
    findings: Annotated[
        bool, typer.Option("--findings", help="Read nothing; print what the last checks found.")
    ] = False,
    rate: Annotated[float, typer.Option("--mib-per-s", min=0, help="How fast to read; 0: no limit.")] = 0.0,
    config: ConfigOption = None,
    json: Json = False,
) -> None:
    """Read archived files again and hold them against their hashes. Leaves with 1 if anything is wrong."""
    with opened_care(config) as care:
        if findings:
            kept = care.records.custody.findings()
            checked, found = 0, [(str(check.file), check.finding) for check in kept]
        else:
            checked, found = asyncio.run(_scrubbed(care, files or [], all_files=all_files, rate=rate))
    if json:
        told = [{"file": file, "finding": finding} for file, finding in found]
        print_json({"checked": checked, "findings": told})
    else:
        print(f"{checked:,} files checked, {len(found):,} with findings")
        for file, finding in found:
            print(f"{file}: {finding}")
    leave(bad=bool(found))


@app.command()
def reindex(
    files: Files = None,
    all_missing: Annotated[
        bool, typer.Option("--all-missing", help="Every ready file that lacks an index which its format has.")
    ] = False,
    config: ConfigOption = None,
    json: Json = False,
) -> None:
    """Make the index of archived files anew, which htsget needs. Leaves with 1 if any of them has none after it."""
    from opengdi.archive.listing import Selection

    with opened_care(config) as care:
        wanted = files_meant(care.records, files, Selection(unindexed=True) if all_missing else None)
        tried = asyncio.run(_indexed(care, wanted, _untold if json else _print_indexed))
    if json:
        print_json(tried)
    elif not tried:
        print("no file is meant")
    leave(bad=any(each["why"] for each in tried))


async def _indexed(
    care: Care, files: Sequence[FileId], tell: Callable[[dict[str, str]], None]
) -> list[dict[str, str]]:
    """What became of each file: the kind of its index, or why there is none or no new one."""
    tried = []
    for id_ in files:
        index, why = await _index_of(care, id_)
        tried.append({"file": str(id_), "index": index, "why": why})
        tell(tried[-1])
    return tried


async def _index_of(care: Care, id_: FileId) -> tuple[str, str]:
    from opengdi.kernel.errors import Conflict, NotFound

    try:
        stored = (await care.reindexing.run(id_, operator())).stored
    except (Conflict, NotFound) as error:
        return "", str(error)
    assert stored is not None  # of every file that is ready
    return stored.index, stored.unindexed or ("" if stored.index else "its format has none")


def _untold(_: object) -> None:
    """JSON is printed as a whole."""


def _print_indexed(tried: dict[str, str]) -> None:
    why = f": {tried['why']}" if tried["why"] else ""
    print(f"{tried['file']}: {tried['index'] or 'no index'}{why}")


@app.command()
def recover(
    recovery_key: Annotated[
        Path | None,
        typer.Option(
            "--recovery-key", help="File of the private recovery key, if the key folder is lost too."
        ),
    ] = None,
    passphrase_file: Annotated[
        Path | None, typer.Option("--passphrase-file", help="File whose first line is its passphrase.")
    ] = None,
    verifying_key: Annotated[
        list[Path] | None,
        typer.Option(
            "--verifying-key", help="File of the key that verifies the facts (JWK), if it is lost too."
        ),
    ] = None,
    config: ConfigOption = None,
    json: Json = False,
) -> None:
    """Rebuild the registry of a lost database from what lies beside the bodies. Datasets must be released again.

    Tells what became of each file. What the database has stays as it is; leaves with 1 if a file could not come back.
    """
    from opengdi.apps.archive_care import open_care
    from opengdi.apps.commands.crypt4gh.options import private_keys
    from opengdi.kernel.keys import PublicKey

    rescue = private_keys([recovery_key], passphrase_file)[0] if recovery_key else None
    trusted = [PublicKey.from_text(path.read_text(encoding="ascii")) for path in verifying_key or []]
    with _state(config) as state:
        care = open_care(state, rescue=rescue, trusted=trusted)
        heard = _untold if json else _print_found
        report = asyncio.run(care.recovery.run(operator(), heard=heard))
    told = _told_recovery(report)
    if json:
        print_json(told)
    else:
        for place in report.nameless:
            print(f"{place}: a body of which nothing is known")
        counted = ", ".join(
            f"{told[outcome]:,} {outcome}" for outcome in told if outcome not in {"files", "nameless"}
        )
        print(f"{len(report.files):,} files: {counted}")
    leave(bad=bool(report.left_out))


def _print_found(found: Found) -> None:
    print(f"{found.id or found.place}: {found.outcome}" + (f": {found.why}" if found.why else ""))


def _told_recovery(report: RecoveryReport) -> dict[str, Any]:
    from opengdi.archive.recovery import Outcome

    files = [
        {"file": found.id, "place": found.place, "outcome": found.outcome, "why": found.why}
        for found in report.files
    ]
    counts = {str(outcome): report.count(outcome) for outcome in Outcome}
    return {**counts, "files": files, "nameless": list(report.nameless)}


@app.command()
def decommission(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Accession of the file.")],
    decided_by: Annotated[str, typer.Option("--decided-by", help="Body or office that decided it; no name.")],
    reference: Annotated[str, typer.Option("--reference", help="Where the decision is on record.")],
    reason: Annotated[str, typer.Option("--reason", help="Why.")],
    config: ConfigOption = None,
    json: Json = False,
) -> None:
    """Delete the bytes of an archived file, for good, by a decision; a tombstone stays."""
    from opengdi.archive.decommission import Decision
    from opengdi.kernel.ids import file_id

    decision = Decision(decided_by, reference, reason)
    with opened_care(config) as care, care.alone():
        tombstone = asyncio.run(care.decommissioning.run(file_id(file), decision, operator()))
    if json:
        print_json({"file": tombstone.id, "state": tombstone.state, "reason": tombstone.reason})
    else:
        print(f"{tombstone.id}: {tombstone.state}; {tombstone.reason}")


async def _scrubbed(
    care: Care, files: list[str], *, all_files: bool, rate: float
) -> tuple[int, list[tuple[str, str]]]:
    """(files checked, findings)."""
    from datetime import timedelta

    from opengdi.kernel.ids import file_id

    scrub = care.scrub(mib_per_s=rate)
    if files:
        named = [care.records.registry.find(file_id(text)) for text in files]
        checked: list[tuple[ArchivedFile, str]] = [(file, await scrub.check(file)) for file in named]
        return len(checked), [(file.id, finding) for file, finding in checked if finding]
    rest = timedelta(0) if all_files else timedelta(days=care.state.settings.archive.scrub_days)
    report = await scrub.run(care.state.clock.now() - rest)
    return report.files, list(report.findings)


@contextmanager
def _state(config: Any) -> Iterator[NodeState]:
    from opengdi.apps.node import open_state
    from opengdi.apps.settings_file import load_settings_of
    from opengdi.kernel.clock import SystemClock

    with open_state(load_settings_of("node", config), SystemClock()) as state:
        yield state


@contextmanager
def opened_care(config: Any) -> Iterator[Care]:
    """Everything that cares for the archive, for a command."""
    from opengdi.apps.archive_care import open_care

    with _state(config) as state:
        yield open_care(state)


@contextmanager
def _keyring(config: Any) -> Iterator[Keyring]:
    from opengdi.archive.keyring import load_keyring

    with _state(config) as state:
        yield load_keyring(state.keys, recovery_key=state.settings.archive.recovery_key)


def _told_keys(keyring: Keyring, uncovered: int) -> dict[str, Any]:
    def state(key: ArchiveKey) -> str:
        return "current" if key == keyring.current else "retired" if key.retired else "opens"

    return {
        "keys": [{"number": key.number, "id": key.key_id, "state": state(key)} for key in keyring.keys],
        "recovery": str(keyring.recovery) if keyring.recovery else "",
        "uncovered": uncovered,
        "verifyingKey": keyring.verifying_key.as_jwk(),
    }


def operator() -> str:
    """Who runs the command, for audit lines."""
    return f"operator:{os.getuid()}"


def leave(*, bad: bool) -> None:
    """With 1 if something is not as it should be."""
    if bad:
        raise typer.Exit(1)


def print_json(thing: object) -> None:
    """For programs."""
    from json import dumps

    print(dumps(thing, indent=2))
