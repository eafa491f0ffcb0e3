"""The feed goes on whatever a notice holds: nobody's words keep a node from what comes behind them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from opengdi.access.texts import Written, keep_texts
from opengdi.apps.migrations import migrate
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.database import open_engine
from opengdi.kernel.feed import MOST_BYTES, Feed, FeedFollower, Notice


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    sqlite = request.param == "sqlite"
    engine = open_engine(tmp_path / "node.sqlite" if sqlite else request.getfixturevalue("postgres_url"))
    migrate(engine)
    yield engine
    engine.dispose()


def test_one_answer_holds_no_more_than_a_node_takes(engine: Engine):
    feed = Feed(engine, FixedClock())
    with engine.begin() as connection:
        for size in (MOST_BYTES, MOST_BYTES // 2, MOST_BYTES // 4, MOST_BYTES // 2, 1):
            feed.write(connection, "ee.node", "case.offered", {"text": "x" * size})
        feed.write(connection, "*", "revocation", {})
    heard, answers = list[int](), list[int]()
    while found := feed.since(heard[-1] if heard else 0, "ee.node"):
        heard += [notice.number for notice in found]
        answers.append(len(found))
    assert len(heard) == 6
    assert answers == [1, 2, 3]


async def test_what_no_database_keeps_does_not_keep_a_node_from_what_comes_next(engine: Engine):
    now = FixedClock().now()
    told = [Notice(1, "message", now, {"text": "a\0b"}), Notice(2, "revocation", now, {})]
    heard, refused = list[int](), list[int]()

    async def ask(after: int, _wait_s: float) -> Sequence[Notice]:
        return [notice for notice in told if notice.number > after]

    def keep(connection: Connection, notice: Notice) -> None:
        keep_texts(connection, "case:1", [Written("1", "ada", notice.body["text"])])

    follower = FeedFollower(
        engine,
        "hub",
        ask,
        {"message": [keep], "revocation": [lambda _, notice: heard.append(notice.number)]},
        refused=lambda notice, _: refused.append(notice.number),
    )
    await follower.turn()
    assert heard == [2]
    assert refused == ([1] if engine.dialect.name == "postgresql" else [])
