"""`gdi people` and `gdi key`: what an operator types, what is printed, and what a serving process makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from opengdi.apps import cli
from opengdi.apps.doors import duty_book, keys_probe, open_doors
from opengdi.apps.node import NodeState, open_state
from opengdi.apps.settings_file import load_settings
from opengdi.identity.gate.credentials import DUTIES_BELIEVED_S
from opengdi.identity.machines.service import BELIEVED_S
from opengdi.kernel.clock import FixedClock, SystemClock
from opengdi.kernel.errors import Conflict, Invalid, NotAuthenticated, NotFound, NotPermitted
from opengdi.kernel.health import Condition
from opengdi.kernel.principal import Duty, Role
from opengdi.testing.identity import KnownTokens, proof

MEMBER = Duty(Role.DAC_MEMBER, "ee.dac")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "gdi.toml"
    file.write_text(f'[node]\nid = "ee.node"\ndata_dir = "{tmp_path}/data"\nkeys_dir = "{tmp_path}/keys"\n')
    return file


@pytest.fixture
def state(config: Path) -> Iterator[NodeState]:
    """The node as its serving process has it open."""
    with open_state(load_settings(config, {}), SystemClock()) as state:
        yield state


def gdi(config: Path, *words: str) -> str:
    """What the command printed. Raises what the command raises."""
    result = CliRunner().invoke(cli.app, [*words, "--config", str(config)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def audited(config: Path) -> list[str]:
    lines = gdi(config, "audit", "show", "--json").splitlines()
    return [json.loads(line)["action"] for line in lines]


class TestPeople:
    def test_a_role_is_given_to_an_address_listed_claimed_and_taken_back(
        self, config: Path, state: NodeState
    ) -> None:
        grant = ("people", "grant", "Lab@example.org", "dac-member:ee.dac", "--until", "2099-12-31")
        given = gdi(config, *grant).strip()
        assert gdi(config, "people", "list") == (
            f"{given}\tlab@example.org (has not logged in)\tdac-member:ee.dac\t2100-01-01T00:00:00+00:00\n"
        )
        book = duty_book(state)
        with state.engine.begin() as connection:
            assert book.recognise(connection, "person-1", "lab@example.org") == 1
        assert gdi(config, "people", "list").split("\t")[1] == "person-1"
        assert book.of("person-1") == {MEMBER}
        assert gdi(config, "people", "revoke", given) == f"ended {given}: dac-member:ee.dac\n"
        assert book.of("person-1") == frozenset()
        assert gdi(config, "people", "list") == ""
        (ended,) = json.loads(gdi(config, "people", "list", "--past", "--json"))
        assert (ended["id"], ended["role"], ended["of"]) == (given, "dac-member", "ee.dac")
        assert ended["ended"] is not None
        assert ended["endedBy"] == ended["givenBy"]
        told = [each for each in audited(config) if each.startswith("duty.")]
        assert (told[0], told[-1]) == ("duty.give", "duty.end")

    def test_programs_read_what_was_given(self, config: Path) -> None:
        told = json.loads(gdi(config, "people", "grant", "person-1", "auditor", "--json"))
        assert (told["subject"], told["email"], told["role"], told["until"]) == (
            "person-1",
            "",
            "auditor",
            None,
        )
        ended = json.loads(gdi(config, "people", "revoke", told["id"], "--json"))
        assert (ended["id"], ended["ended"] is None) == (told["id"], False)

    @pytest.mark.parametrize(
        "words, said",
        [
            (("grant", "person-1", "emperor"), "emperor"),
            (("grant", "person-1", "provider"), "provider"),
            (("grant", "not an@address@x", "auditor"), "e-mail"),
            (("grant", "person-1", "auditor", "--until", "2001-01-01"), "past"),
            (("grant", "person-1", "auditor", "--until", "tomorrow"), "tomorrow"),
            (("list", "--at", "moon"), "moon"),
        ],
    )
    def test_what_cannot_be_is_refused_and_nothing_is_given(
        self, config: Path, words: tuple[str, ...], said: str
    ) -> None:
        with pytest.raises(Invalid, match=said):
            gdi(config, "people", *words)
        assert gdi(config, "people", "list", "--past") == ""

    def test_what_is_given_twice_or_was_never_given_is_said(self, config: Path) -> None:
        gdi(config, "people", "grant", "person-1", "auditor")
        with pytest.raises(Conflict, match="already"):
            gdi(config, "people", "grant", "person-1", "auditor")
        with pytest.raises(NotFound, match="gdi people list"):
            gdi(config, "people", "revoke", "0c9d")

    async def test_a_serving_process_honours_it_a_second_later(self, config: Path, state: NodeState) -> None:
        clock = FixedClock(state.clock.now() + timedelta(hours=1))
        known = proof("person-1")
        doors = open_doors(
            replace(state, clock=clock),
            access_tokens=KnownTokens({"t": known}),
            home=frozenset({known.issuer}),
        )

        async def duties() -> Any:
            return (await doors.credentials.of_token("t", "GET", "/")).duties

        assert await duties() == frozenset()
        given = gdi(config, "people", "grant", "person-1", "dac-member:ee.dac").strip()
        clock.advance(DUTIES_BELIEVED_S)
        assert await duties() == {MEMBER}
        gdi(config, "people", "revoke", given)
        clock.advance(DUTIES_BELIEVED_S)
        assert await duties() == frozenset()


class TestKeys:
    def test_a_key_is_made_listed_and_shown_again_with_its_secret_only_when_asked(self, config: Path) -> None:
        key = gdi(config, "key", "new", "uploader", "--duty", "provider:lab", "--path", "/s3").strip()
        (listed,) = json.loads(gdi(config, "key", "list", "--json"))
        shown = json.loads(gdi(config, "key", "show", listed["id"]))
        assert shown == listed
        assert (shown["name"], shown["duties"], shown["paths"]) == ("uploader", ["provider:lab"], ["/s3"])
        assert key not in json.dumps(shown)
        assert json.loads(gdi(config, "key", "show", listed["id"], "--secret"))["key"] == key
        assert audited(config).count("key.show") == 1

    async def test_a_key_that_is_taken_back_opens_nothing_a_second_later(
        self, config: Path, state: NodeState
    ) -> None:
        key = gdi(config, "key", "new", "uploader", "--duty", "provider:lab").strip()
        (listed,) = json.loads(gdi(config, "key", "list", "--json"))
        clock = FixedClock(state.clock.now() + timedelta(hours=1))
        doors = open_doors(replace(state, clock=clock))
        assert (await doors.credentials.of_token(key, "GET", "/")).is_program
        assert gdi(config, "key", "revoke", listed["id"]) == f"revoked {listed['id']} (uploader)\n"
        clock.advance(BELIEVED_S)
        with pytest.raises(NotAuthenticated):
            await doors.credentials.of_token(key, "GET", "/")
        assert "\trevoked 20" in gdi(config, "key", "list")
        assert json.loads(gdi(config, "key", "revoke", listed["id"], "--json"))["revoked"] is not None

    async def test_a_key_is_followed_by_another_while_both_hold(self, config: Path, state: NodeState) -> None:
        old = gdi(config, "key", "new", "uploader", "--duty", "provider:lab", "--path", "/s3").strip()
        (listed,) = json.loads(gdi(config, "key", "list", "--json"))
        told = json.loads(gdi(config, "key", "rotate", listed["id"], "--overlap-days", "2", "--json"))
        assert (told["name"], told["duties"], told["paths"]) == ("uploader", ["provider:lab"], ["/s3"])
        assert told["key"] != old
        assert told["until"] is None
        assert told["follows"]["id"] == listed["id"]
        clock = FixedClock(state.clock.now())
        doors = open_doors(replace(state, clock=clock))
        for key in (old, told["key"]):
            assert (await doors.credentials.of_token(key, "GET", "/s3")).is_program
        clock.advance(2 * 86_400)
        assert (await doors.credentials.of_token(told["key"], "GET", "/s3")).is_program
        with pytest.raises(NotAuthenticated):
            await doors.credentials.of_token(old, "GET", "/s3")
        assert audited(config).count("key.rotate") == 1

    def test_a_key_that_ended_or_is_followed_already_is_not_rotated(self, config: Path) -> None:
        gdi(config, "key", "new", "uploader", "--duty", "provider:lab")
        (listed,) = json.loads(gdi(config, "key", "list", "--json"))
        following = json.loads(gdi(config, "key", "rotate", listed["id"], "--json"))
        with pytest.raises(Conflict, match=following["id"]):
            gdi(config, "key", "rotate", listed["id"])
        gdi(config, "key", "rotate", following["id"], "--overlap-days", "0")
        with pytest.raises(Conflict, match="has ended"):
            gdi(config, "key", "rotate", following["id"])
        with pytest.raises(NotFound):
            gdi(config, "key", "rotate", "k3vq")

    def test_the_next_key_is_for_as_long_and_an_end_nearer_than_the_overlap_stays(
        self, config: Path, state: NodeState
    ) -> None:
        end = (state.clock.now() + timedelta(days=1)).replace(microsecond=0)
        gdi(config, "key", "new", "u", "--duty", "auditor", "--until", end.isoformat())
        (listed,) = json.loads(gdi(config, "key", "list", "--json"))
        told = json.loads(gdi(config, "key", "rotate", listed["id"], "--json"))
        assert told["follows"]["until"] == listed["until"]
        spans = [
            datetime.fromisoformat(each["until"]) - datetime.fromisoformat(each["created"])
            for each in (listed, told)
        ]
        assert spans[0] == spans[1]

    async def test_it_is_known_when_a_key_was_used_and_refused_uses_do_not_count(
        self, config: Path, state: NodeState
    ) -> None:
        key = gdi(config, "key", "new", "uploader", "--duty", "provider:lab", "--path", "/s3").strip()
        clock = FixedClock(state.clock.now() + timedelta(hours=1))
        doors = open_doors(replace(state, clock=clock))
        with pytest.raises(NotPermitted):
            await doors.credentials.of_token(key, "GET", "/uploads")
        assert gdi(config, "key", "list").strip().endswith("never used")
        await doors.credentials.of_token(key, "GET", "/s3")
        first = clock.now().isoformat()
        clock.advance(599)
        await doors.credentials.of_token(key, "GET", "/s3")
        assert json.loads(gdi(config, "key", "list", "--json"))[0]["lastUsed"] == first
        clock.advance(1)
        await doors.credentials.of_token(key, "GET", "/s3")
        assert json.loads(gdi(config, "key", "list", "--json"))[0]["lastUsed"] == clock.now().isoformat()

    async def test_a_key_that_ends_soon_is_told_of_until_another_one_follows(
        self, config: Path, state: NodeState
    ) -> None:
        end = (state.clock.now() + timedelta(days=10)).isoformat()
        key = gdi(config, "key", "new", "uploader", "--duty", "provider:lab", "--until", end).strip()
        gdi(config, "key", "new", "other", "--duty", "auditor")
        (soon,) = json.loads(gdi(config, "key", "list", "--ending", "14", "--json"))
        assert soon["name"] == "uploader"
        assert gdi(config, "key", "list", "--ending", "9") == ""
        finding = keys_probe(state).look()
        assert finding.condition is Condition.OK, "nobody uses it: nobody will miss it"
        assert f"uploader ({soon['id']})" in finding.detail
        await open_doors(state).credentials.of_token(key, "GET", "/s3")
        assert keys_probe(state).look().condition is Condition.DEGRADED
        gdi(config, "key", "rotate", soon["id"])
        (still,) = json.loads(gdi(config, "key", "list", "--ending", "14", "--json"))
        assert still["id"] != soon["id"], "made for ten days as well, it is told of from its first one"
        assert key not in finding.detail

    @pytest.mark.parametrize("command", ["show", "revoke"])
    def test_of_a_key_that_was_never_made_it_is_said(self, config: Path, command: str) -> None:
        with pytest.raises(NotFound):
            gdi(config, "key", command, "k3vq")


class TestUploadSettings:
    """What `gdi key sda-cli` prints is for the inbox alone, and holds as long as it says and the key does."""

    ADDRESS = ("--to", "https://node.example.org")

    def key(self, config: Path, *words: str, name: str = "uploads") -> str:
        made = gdi(config, "key", "new", name, *words, "--json")
        return str(json.loads(made)["id"])

    def settings(self, text: str) -> dict[str, str]:
        head, *lines = text.splitlines()
        assert head == "[default]"
        return dict(line.split(" = ") for line in lines)

    async def test_the_token_is_the_key_at_the_inbox_and_nowhere_else(
        self, config: Path, state: NodeState
    ) -> None:
        id_ = self.key(config, "--duty", "provider:bio bank", "--path", "/s3")
        told = self.settings(gdi(config, "key", "sda-cli", id_, *self.ADDRESS))
        token = told.pop("access_token")
        assert told == {
            "access_key": "bio_bank",
            "secret_key": "bio_bank",
            "host_base": "https://node.example.org/s3",
            "host_bucket": "https://node.example.org/s3",
            "use_https": "True",
            "encoding": "UTF-8",
            "multipart_chunk_size_mb": "50",
        }
        credentials = open_doors(state).credentials
        found = await credentials.of_token(token, "PUT", "/s3/bio_bank/a.c4gh")
        assert found.duties == {Duty(Role.PROVIDER, "bio bank")}
        for path in ("/uploads/v1", "/archive/v1/files", "/s30"):
            with pytest.raises(NotPermitted):
                await credentials.of_token(token, "GET", path)
        assert "key.show" in audited(config)

    async def test_it_ends_with_its_days_with_the_key_and_when_the_key_is_taken_back(
        self, config: Path
    ) -> None:
        week = self.key(config, "--duty", "provider:lab", "--path", "/s3")
        ending = (SystemClock().now() + timedelta(days=2)).isoformat()
        short = self.key(config, "--duty", "provider:lab", "--path", "/s3", "--until", ending, name="short")
        tokens = {
            id_: self.settings(gdi(config, "key", "sda-cli", id_, *self.ADDRESS))["access_token"]
            for id_ in (week, short)
        }
        clock = FixedClock(SystemClock().now())
        with open_state(load_settings(config, {}), clock) as state:
            credentials = open_doors(state).credentials
            for days, holding in ((1, {week, short}), (1.5, {week}), (4, {week}), (1, set())):
                clock.advance(days * 86_400)
                assert {id_ for id_ in tokens if await self.holds(credentials, tokens[id_])} == holding
        clock = FixedClock(SystemClock().now())
        with open_state(load_settings(config, {}), clock) as state:
            credentials = open_doors(state).credentials
            assert await self.holds(credentials, tokens[week])
            gdi(config, "key", "revoke", week)
            clock.advance(BELIEVED_S)
            assert not await self.holds(credentials, tokens[week])

    async def holds(self, credentials: Any, token: str) -> bool:
        try:
            await credentials.of_token(token, "GET", "/s3")
        except NotAuthenticated:
            return False
        return True

    @pytest.mark.parametrize(
        "terms",
        [
            ("--duty", "provider:lab"),
            ("--duty", "provider:lab", "--path", "/"),
            ("--duty", "provider:lab", "--path", "/s3", "--path", "/uploads"),
            ("--duty", "provider:lab", "--path", "/s30"),
            ("--duty", "provider:lab", "--duty", "operator", "--path", "/s3"),
            ("--duty", "provider:lab", "--registered", "--path", "/s3"),
            ("--registered", "--path", "/s3"),
        ],
    )
    def test_of_a_key_that_is_for_more_than_the_inbox_none_is_made(
        self, config: Path, terms: tuple[str, ...]
    ) -> None:
        with pytest.raises(Invalid, match="not for the inbox alone; make one: gdi key new uploads"):
            gdi(config, "key", "sda-cli", self.key(config, *terms), *self.ADDRESS)

    def test_an_address_is_needed_and_a_key_that_holds(self, config: Path) -> None:
        id_ = self.key(config, "--duty", "provider:lab", "--path", "/s3")
        with pytest.raises(Invalid, match=r"--to.* public\.external_url"):
            gdi(config, "key", "sda-cli", id_)
        gdi(config, "key", "revoke", id_)
        with pytest.raises(NotAuthenticated):
            gdi(config, "key", "sda-cli", id_, *self.ADDRESS)
