"""The feed goes on whatever a notice holds: nobody's words keep a node from what comes behind them."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
from sqlalchemy import Connection, Engine

from opengdi.access.texts import Written, keep_texts
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.feed import (
    ABSENT,
    FOR_NEWCOMERS,
    MOST_BYTES,
    Feed,
    FeedFollower,
    Notice,
    feed_route,
    read_notices,
)
from opengdi.kernel.http.callers import PEER
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.principal import Principal


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


def test_what_is_for_one_node_is_kept_until_that_node_has_heard_it(engine: Engine):
    feed = Feed(engine, FixedClock())
    with engine.begin() as connection:
        for node in ("ee.node", "fi.node", "ee.node", "*"):
            feed.write(connection, node, "case.offered", {"text": node})
    first, *_ = feed.since(0, "ee.node")
    feed.heard("ee.node", first.number)
    assert [notice.body["text"] for notice in feed.since(0, "ee.node")] == ["ee.node", "*"]
    feed.heard("ee.node", 1000)
    assert [notice.body["text"] for notice in feed.since(0, "ee.node")] == ["*"]
    assert [notice.body["text"] for notice in feed.since(0, "fi.node")] == ["fi.node", "*"]


def test_what_everybody_is_told_is_kept_for_a_day_and_until_all_have_heard_it(engine: Engine):
    clock = FixedClock()
    feed = Feed(engine, clock)
    with engine.begin() as connection:
        for number in (1, 2):
            feed.write(connection, "*", "revocation", {"n": number})
    feed.heard("ee.node", 2), feed.heard("fi.node", 1)
    assert feed.prune() == 0, "a node that comes now hears of what its visas may still rest on"
    clock.advance(FOR_NEWCOMERS.total_seconds() + 1)
    assert feed.prune() == 1
    assert [notice.body["n"] for notice in feed.since(0, "new.node")] == [2]
    clock.advance(ABSENT.total_seconds())
    feed.heard("ee.node", 2)
    assert feed.prune() == 1, "who has been away for a month is not waited for"


def test_a_newcomer_hears_how_each_person_stands_now(engine: Engine):
    clock = FixedClock()
    feed = Feed(engine, clock)
    with engine.begin() as connection:
        for who, n in (("ada", 1), ("ben", 2), ("ada", 3)):
            feed.write(connection, "*", "person.standing", {"n": n}, about=who)
        feed.write(connection, "*", "person.erased", {"n": 4}, about="ada")
    feed.heard("ee.node", 1000)
    clock.advance(FOR_NEWCOMERS.total_seconds() + 1)
    feed.prune()
    assert [notice.body["n"] for notice in feed.since(0, "new.node")] == [2, 3, 4]


def test_what_is_told_of_somebody_is_erased_whether_it_was_heard_or_not(engine: Engine):
    feed = Feed(engine, FixedClock())
    with engine.begin() as connection:
        feed.write(connection, "ee.node", "case.offered", {"n": 1}, about="ada")
        feed.write(connection, "ee.node", "case.offered", {"n": 2}, about="ben")
    with engine.begin() as connection:
        assert feed.erase(connection, "ada") == 1
    assert [notice.body["n"] for notice in feed.since(0, "ee.node")] == [2]


def test_what_must_be_heard_is_told_without_the_words_of_who_is_erased(engine: Engine):
    feed = Feed(engine, FixedClock())
    with engine.begin() as connection:
        for about in ("ada", "ben"):
            feed.write(connection, "ee.node", "answer", {"case": about, "text": "mine"}, about=about)
        feed.write(connection, "ee.node", "case.offered", {}, about="ada")
    with engine.begin() as connection:
        assert feed.erase(connection, "ada", instead={"answer": {"text": "-"}}) == 1
        assert feed.erase(connection, "ada") == 0
    told = [notice.body for notice in feed.since(0, "ee.node")]
    assert told == [{"case": "ada", "text": "-"}, {"case": "ben", "text": "mine"}]


async def test_a_question_says_what_was_heard_before(engine: Engine):
    feed = Feed(engine, FixedClock())
    with engine.begin() as connection:
        feed.write(connection, "ee.node", "case.offered", {"text": "long ago"})

    async def as_a_member(scope, receive, send):
        scope[PEER] = Principal("hub:ee.node", hub="ee.node")
        await Routing([feed_route(feed)])(scope, receive, send)

    transport = httpx.ASGITransport(app=as_a_member)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as node:
        (notice,) = read_notices((await node.get("/feed/v1?after=0")).content)
        assert len(read_notices((await node.get("/feed/v1?after=0")).content)) == 1, "it may not have arrived"
        assert read_notices((await node.get(f"/feed/v1?after={notice.number}")).content) == []
    assert feed.since(0, "ee.node") == []
