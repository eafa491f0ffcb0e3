"""A process with a job of three steps, for the tests that kill it: `durable_jobs.py DATABASE LEDGER [STOP_AFTER]`.

Each step writes its name to the ledger; after the step STOP_AFTER the process says so and waits to be killed.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from opengdi.kernel.jobs import JobState, Json, Steps
from opengdi.kernel.jobs.durable import DurableJobs


def main(database: str, ledger: Path, stop_after: str) -> None:
    def three_steps(steps: Steps, argument: Json) -> Json:
        for name in ("first", "second", "third"):
            steps.run(name, note, name)
            if name == stop_after:
                print("waiting", flush=True)
                time.sleep(600)
        return argument

    def note(name: Json) -> Json:
        with ledger.open("a") as lines:
            lines.write(f"{name}\n")
        return name

    with DurableJobs(database, executor="test") as jobs:
        jobs.register("three-steps", three_steps)
        jobs.start()
        job = jobs.submit("three-steps", {"sample": 7}, key="once")
        while jobs.status(job).state is not JobState.DONE:
            time.sleep(0.05)
        print(jobs.status(job).result, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "")
