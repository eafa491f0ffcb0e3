"""Scans in a few threads, so that the event loop stays free. A hop costs about 60 microseconds, three times a point
read: what is quick is read on the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class ScanThreads:
    """At most `concurrent` scans at a time; further ones wait in the order of their arrival, none is refused."""

    def __init__(self, concurrent: int = 2) -> None:
        self._executor = ThreadPoolExecutor(concurrent, thread_name_prefix="scan")

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work`, done in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def close(self) -> None:
        """Wait for running scans and refuse new ones."""
        self._executor.shutdown(cancel_futures=True)
