"""`gdi demo`: three nodes and a hub on this machine, from nothing to answers across borders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Start three nodes and a hub here and walk the whole way, in plain words.")


@app.callback(invoke_without_command=True)
def demo(
    leave: Annotated[bool, typer.Option("--exit", help="End after the walk instead of staying up.")] = False,
    real: Annotated[
        bool, typer.Option("--real", help="Use the public test data beside the checkout.")
    ] = False,
    shared: Annotated[
        Path, typer.Option(envvar="OPENGDI_SHARED", help="Where that public test data lies.")
    ] = Path("../shared"),
    folder: Annotated[Path, typer.Option(help="Where it keeps everything; emptied first.")] = Path(
        "demo-data"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the synthetic collections.")] = 20260101,
) -> None:
    """Ends with status 0 when every step showed what it promises, else says which did not."""
    import signal
    import sys

    from opengdi.apps.demo.scenario import real_scenario, synthetic_scenario
    from opengdi.apps.demo.telling import StepFailed
    from opengdi.apps.demo.walk import Walk, leave_open
    from opengdi.apps.demo.workplace import workplace

    scenario = real_scenario(shared) if real else synthetic_scenario(seed)
    for each in (signal.SIGINT, signal.SIGTERM):  # also where a shell started it in the background
        signal.signal(each, signal.default_int_handler)
    try:
        with workplace(folder) as place:
            Walk(place, scenario).run(then=(lambda *_: None) if leave else leave_open)
    except KeyboardInterrupt:
        print("ended")
    except StepFailed as failure:
        print(failure, file=sys.stderr)
        raise typer.Exit(1) from failure
