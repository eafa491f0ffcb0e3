"""Who looks at running answers goes on looking, whatever one of them brings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from opengdi.kernel.errors import Unavailable
from opengdi.kernel.http.running import RightEnded, RunningAnswers, always

LOOK_S = 0.01


async def lasting(running: RunningAnswers, holds: Callable[[], Awaitable[bool]]) -> None:
    async with running.while_holding(holds):
        await asyncio.sleep(30 * LOOK_S)


def failing(error: Exception) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        raise error

    return holds


async def never() -> bool:
    return False


async def test_an_answer_ends_by_itself_while_its_right_holds() -> None:
    await lasting(RunningAnswers(LOOK_S), always)


@pytest.mark.parametrize("error", [ValueError("a defect"), OSError("the disk")])
async def test_a_look_that_fails_ends_its_answer_and_no_other(error: Exception) -> None:
    running = RunningAnswers(LOOK_S)
    ends = await asyncio.gather(
        lasting(running, failing(error)),
        lasting(running, always),
        lasting(running, never),
        lasting(running, failing(Unavailable("away for now"))),
        return_exceptions=True,
    )
    assert [type(each) for each in ends] == [RightEnded, type(None), RightEnded, type(None)]
    with pytest.raises(RightEnded):
        await lasting(running, never)


async def test_a_time_limit_of_the_answer_itself_is_no_end_of_a_right() -> None:
    with pytest.raises(TimeoutError):
        async with RunningAnswers(LOOK_S).while_holding(always), asyncio.timeout(LOOK_S):
            await asyncio.sleep(1)
