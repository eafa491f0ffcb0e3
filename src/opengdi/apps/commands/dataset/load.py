"""`gdi dataset load`: from the files of a release to a dataset on the shelf."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opengdi.apps.commands.config import ConfigOption

if TYPE_CHECKING:  # importing them takes longer than `gdi dataset --help`
    from opengdi.apps.settings import BulkSettings
    from opengdi.discovery.loading.model import LoadReport
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
    from opengdi.discovery.loading.errors import LoadRejected
    from opengdi.discovery.loading.service import Unheard, Workshop, load_release, write_report
    from opengdi.kernel.clock import SystemClock

    settings, clock = load_settings(config), SystemClock()
    heard = nullcontext(Unheard()) if json else progress_on_stderr(clock)
    with open_state(settings, clock) as state, _pool(settings.bulk, workers) as pool, heard as progress:
        try:
            loaded = load_release(Workshop(state.data_dir, state.shelf, pool, clock, progress), release)
        except LoadRejected as rejected:
            if report is not None:
                write_report(rejected.report, report)
            if json:
                _print_json(rejected.report)
            raise
    if report is not None:
        write_report(loaded.report, report)
    _print(loaded, as_json=json)


def _pool(bulk: BulkSettings, workers: int | None) -> BulkPool:
    """The pool that settings and option ask for; one worker needs no process of its own."""
    from opengdi.kernel.bulk import open_pool
    from opengdi.kernel.bulk.serial import SerialPool

    wanted = bulk.workers if workers is None else workers
    if wanted == 1 and not bulk.dask_scheduler:
        return SerialPool()
    return open_pool(workers=wanted, dask_scheduler=bulk.dask_scheduler)


def _print_json(report: LoadReport) -> None:
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(report)).decode())


def _print(loaded: Loaded, *, as_json: bool) -> None:
    report = loaded.report
    if as_json:
        _print_json(report)
        return
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
