"""What somebody sees who hands files in."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from opengdi.apps.submission.bars import Bars
from opengdi.apps.submission.plan import plan
from opengdi.apps.submission.sending import item_bytes
from opengdi.apps.submission.submitting import share_taken


def test_a_bar_for_all_bytes_one_for_each_file_and_a_line_for_what_is_done(tmp_path: Path) -> None:
    for name in ("calls.vcf", "reads.bam"):
        (tmp_path / name).write_bytes(bytes(100_000))
    items = plan([tmp_path]).items[::-1]
    screen = StringIO()
    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TextColumn("{task.fields[state]}"),
    )  # fmt: skip
    with Progress(*columns, console=Console(file=screen, force_terminal=True, width=100)) as progress:
        bars = Bars(progress, len(items), sum(map(item_bytes, items)))
        for item in items:
            bars.began(item)
        bars.arrived(items[0], 60_000)
        bars.state(items[0], "submitted 40 %")
        progress.refresh()
        bars.state(items[0], "ready")
        bars.state(items[1], "error", "another digest than declared")
        done = next(iter(progress.tasks))
        assert done.description == "2 of 2 files"
        assert done.completed == 60_000
        assert len(progress.tasks) == 1
    said = screen.getvalue()
    for words in ("submitted 40 %", "reads.bam", "ready", "calls.vcf", "another digest than declared"):
        assert words in said


def test_how_far_the_node_is_is_told_only_while_it_is_at_it() -> None:
    told: list[dict[str, Any]] = [
        {"takenBytes": 50, "uploadedBytes": 200}, {"uploadedBytes": 200}, {"takenBytes": 0, "uploadedBytes": 0},
    ]  # fmt: skip
    assert [share_taken(each) for each in told] == [" 25 %", "", ""]
