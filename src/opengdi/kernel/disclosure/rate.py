"""How often somebody may ask: token buckets in memory, one per caller."""

from __future__ import annotations

import math
from collections import OrderedDict

from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import OverBudget
from opengdi.kernel.principal import Principal


class RequestRate:
    """Lets each caller ask `requests` questions in `window_s` seconds, at once or spread over it; 0: no limit.

    Buckets of `callers` callers are kept; the one used least recently is full again by the time it is dropped,
    unless so many ask within one window.
    """

    def __init__(self, requests: int, window_s: float, clock: Clock, *, callers: int = 100_000) -> None:
        self._capacity = float(requests)
        self._per_second = requests / window_s
        self._clock = clock
        self._callers = callers
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, asker: Principal, cost: float = 1.0) -> None:
        """Take `cost` tokens. Raises OverBudget, saying when to come back, if there are not so many."""
        if not self._capacity:
            return
        now = self._clock.monotonic()
        tokens, since = self._buckets.pop(asker.subject, (self._capacity, now))
        tokens = min(self._capacity, tokens + (now - since) * self._per_second)
        admitted = tokens >= cost
        self._buckets[asker.subject] = (tokens - cost if admitted else tokens, now)
        if len(self._buckets) > self._callers:
            self._buckets.popitem(last=False)
        if not admitted:
            wait_s = math.ceil((cost - tokens) / self._per_second)
            raise OverBudget(
                f"{asker.subject} asks too often", public=f"Too many requests; try again in {wait_s} s."
            )
