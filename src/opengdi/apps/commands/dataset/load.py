"""`gdi dataset load`: from the files of a release to a dataset on the shelf."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from shutil import copyfileobj
from typing import TYPE_CHECKING, Annotated

import typer

from opengdi.apps.commands.config import ConfigOption

if TYPE_CHECKING:  # importing them takes longer than `gdi dataset --help`
    from opengdi.apps.settings import BulkSettings
    from opengdi.discovery.loading.service import Loaded
    from opengdi.kernel.bulk import BulkPool


def load(
    release: Annotated[Path, typer.Argument(help="release.toml, or the folder that holds it.")],
    config: ConfigOption = None,
    report: Annotated[
        Path | None, typer.Option(help="Write the load report (JSON) to this file too.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes; 0: one per core, 1: this process alone.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the load report as JSON.")] = False,
) -> None:
    """Load a dataset release; queries see it once it is published. A load that was interrupted goes on."""
    from opengdi.apps.commands.dataset.load_progress import progress_on_stderr
    from opengdi.apps.node import open_state
    from opengdi.apps.settings_file import load_settings
    from opengdi.discovery.loading.progress import Unheard
    from opengdi.discovery.loading.service import Workshop, load_release
    from opengdi.kernel.clock import SystemClock

    settings, clock = load_settings(config), SystemClock()
    heard = nullcontext(Unheard()) if json else progress_on_stderr(clock)
    with open_state(settings, clock) as state, _pool(settings.bulk, workers) as pool, heard as progress:
        take = partial(_hand_over, target=report, printed=json)
        workshop = Workshop(state.data_dir, state.shelf, pool, clock, progress, take)
        loaded = load_release(workshop, release)
    if not json:
        _print(loaded)


def _pool(bulk: BulkSettings, workers: int | None) -> BulkPool:
    """The pool that settings and option ask for; one worker needs no process of its own."""
    from opengdi.kernel.bulk import open_pool
    from opengdi.kernel.bulk.serial import SerialPool

    wanted = bulk.workers if workers is None else workers
    if wanted == 1 and not bulk.dask_scheduler:
        return SerialPool()
    return open_pool(workers=wanted, dask_scheduler=bulk.dask_scheduler)


def _hand_over(report: Path, *, target: Path | None, printed: bool) -> None:
    """Copy the report to where it is wanted. Raises Invalid if the place cannot be written."""
    from opengdi.discovery.loading.report import copy_report

    if target is not None:
        copy_report(report, target)
    if printed:
        with report.open("rb") as file:
            copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _print(loaded: Loaded) -> None:
    from opengdi.discovery.loading.manifest import REPORT_FILE

    report = loaded.report
    release = f"{report.dataset} version {report.version}"
    if loaded.fresh:
        print(
            f"{release} is loaded as release {loaded.release.number}; `gdi dataset publish` shows it to queries"
        )
    else:
        print(
            f"{release} was loaded before and is the same: release {loaded.release.number}, {loaded.release.state}"
        )
    print(
        f"{report.records_read} records read, {report.records_written} written, {report.records_skipped} skipped; "
        f"{report.alleles_written} alleles, {report.individuals} individuals, {report.seconds:.1f} s"
    )
    for fault, times in report.tallies.items():
        print(f"  {times} × {fault}")
    if report.tallies:
        print(f"each with its place: {loaded.release.folder}/{REPORT_FILE}")
