"""Bytes gathered into runs of whole lines."""

from __future__ import annotations

from opengdi.discovery.loading import reading
from opengdi.discovery.loading.reading import _Runs


def test_a_line_longer_than_a_run_is_looked_through_a_few_times_and_not_with_every_block(monkeypatch) -> None:
    """Lines of half a million people are longer than a run, and come in blocks of 64 kilobytes."""
    monkeypatch.setattr(reading, "RUN_BYTES", 1000)
    looked_through = []

    def whole(run: bytes) -> int:
        looked_through.append(len(run))
        return run.rfind(b"\n") + 1

    runs, line = _Runs(whole), b"x" * 100_000 + b"\n"
    blocks = [(line * 3)[at : at + 100] for at in range(0, 3 * len(line), 100)]
    found = b"".join([*map(runs.take, blocks), runs.cut()])
    assert found == line * 3
    assert sum(looked_through) < 10 * len(found)
