"""`make profile`: where a node's time goes while it answers point questions about 20 datasets, by py-spy.

Prints the functions that took most, themselves and with what they called, and writes a flame graph.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

from bench.asking import ask
from bench.sites import WORK, NodeSize, made_node
from bench.variants import CLIENTS, CONTIG, node, point_requests

SECONDS: Final = 20
LINES: Final = 40


def main() -> int:
    settings = made_node(NodeSize(20, (CONTIG,)), bases_per_site=150)
    points = point_requests(settings)
    with node(settings) as serving, tempfile.TemporaryDirectory() as folder:
        ask(serving.public, points[: len(points) // 10], clients=CLIENTS, seconds=3.0)
        stacks = Path(folder) / "stacks"
        spies = [
            _spy(serving.pid, "raw", stacks),
            _spy(serving.pid, "flamegraph", WORK / "profile.svg"),
        ]
        told = ask(serving.public, points[len(points) // 10 :], clients=CLIENTS, seconds=SECONDS + 2.0)
        for spy in spies:
            spy.wait(60)
        print(f"{told.rate:,.0f} answers a second while watched; flame graph: {WORK / 'profile.svg'}")
        _print(stacks.read_text().splitlines())
    return 0


def _spy(pid: int, form: str, target: Path) -> subprocess.Popen[bytes]:
    spy = str(Path(sys.executable).with_name("py-spy"))
    command = [spy, "record", "--nonblocking", "--rate", "200", "--duration", str(SECONDS), "--pid", str(pid)]
    return subprocess.Popen(
        [*command, "--format", form, "--output", str(target)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _print(stacks: list[str]) -> None:
    """Shares of the samples of all threads: in the function itself, and with what it called."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in stacks:
        frames, _, number = line.rpartition(" ")
        if not number.isdigit():
            continue  # a name with a line break in it, as a command line may be
        names = frames.split(";")
        own[names[-1]] += int(number)
        for each in set(names):
            whole[each] += int(number)
    total = max(sum(own.values()), 1)
    print(f"{'itself':>8} {'whole':>8}")
    for name, samples in whole.most_common(LINES):
        print(f"{100 * own[name] / total:7.1f}% {100 * samples / total:7.1f}%  {name}")


if __name__ == "__main__":
    sys.exit(main())
