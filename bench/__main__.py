"""`make bench`: every figure of the bars, measured side by side with its peer, printed and kept in results.json.

`python -m bench` runs all; `python -m bench ingest network` runs some. `--quick` uses small inputs, for trying the
bench itself; its figures say nothing and are not written.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import sys
import time
from pathlib import Path
from typing import TypedDict

from bench.bars import PAGE, page

SUITES = (
    "ingest", "variants", "subjects", "network", "edge", "crypt4gh", "archive", "files", "delivery", "htsget",
    "access", "identity", "revocation",
)  # fmt: skip
RESULTS = Path(__file__).with_name("results.json")


class Figure(TypedDict):
    """One measured figure; peer, peer_value and ratio are None where nothing comparable was run."""

    name: str
    value: float
    unit: str
    peer: str | None
    peer_value: float | None
    ratio: float | None


def main() -> int:
    arguments = _arguments()
    figures: list[Figure] = []
    for name in arguments.suites or SUITES:
        began = time.perf_counter()
        print(f"== {name}", flush=True)
        suite = importlib.import_module(f"bench.{name}")
        found: list[Figure] = suite.figures(quick=arguments.quick)
        for figure in found:
            print(_line(figure), flush=True)
        figures.extend(found)
        print(f"   ({time.perf_counter() - began:.0f} s)", flush=True)
    if not arguments.quick:
        _write(figures)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("suites", nargs="*", choices=[*SUITES, []], help="which suites, default all")
    parser.add_argument("--quick", action="store_true", help="small inputs, figures not kept")
    return parser.parse_args()


def _line(figure: Figure) -> str:
    line = f"   {figure['name']:<28} {figure['value']:>14,.2f} {figure['unit']:<24}"
    if figure["peer_value"] is None:
        return line
    return f"{line} {figure['peer']}: {figure['peer_value']:,.2f}  ratio {figure['ratio']:,.2f}"


def _write(figures: list[Figure]) -> None:
    """Keeps the figures of suites that were not run this time."""
    known: dict[str, Figure] = {}
    if RESULTS.exists():
        known = {figure["name"]: figure for figure in json.loads(RESULTS.read_text())}
    known |= {figure["name"]: {**figure, "machine": _machine()} for figure in figures}  # type: ignore[typeddict-unknown-key]  # one word more than a suite gives
    RESULTS.write_text(json.dumps(list(known.values()), indent=1) + "\n")
    PAGE.write_text(page(list(known.values())))
    print(f"written to {RESULTS.name} and {PAGE.name}")


def _machine() -> str:
    model = next(
        (line.split(":", 1)[1].strip() for line in _cpu_lines() if line.startswith("model name")),
        platform.machine(),
    )
    return f"{model}, Python {platform.python_version()}"


def _cpu_lines() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


if __name__ == "__main__":
    sys.exit(main())
