"""What suites of several files share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.system.open_demo import OpenDemo, open_demo


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenDemo]:
    """One demo for all that look at it; `tests.conftest` has them run one after the other."""
    with open_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo
