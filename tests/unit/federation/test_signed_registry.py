"""Who the members are is believed only from a signed, current and newer document."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.federation.kit import AuditLines, FullDisk, member

from opengdi.federation.model import ContigForm, Dialect, Network, Paging, ParameterForm, Verb
from opengdi.federation.registry import (
    Registry,
    check_succession,
    member_of,
    open_signed,
    parse_registry,
    service_of,
    sign,
)
from opengdi.federation.registry_files import RegistryWatch
from opengdi.kernel.canonical import canonical_json
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import Conflict, Unavailable
from opengdi.kernel.keys import PublicKey, SigningKey
from opengdi.standards.faults import Malformed, Unverified

KEY, OTHER = SigningKey.generate(), SigningKey.generate()
CLOCK = FixedClock()
NOW = CLOCK.now()
ODD = replace(
    member(
        "fi",
        dialect=Dialect(
            "v2.0.0", Paging.RECORDS, ParameterForm.LIST, ContigForm.ACCESSION, Verb.GET, any_of=False
        ),
    ),
    key=KEY.public,
    networks=frozenset({Network.AGGREGATED}),
    organisation="Institute",
    organisation_url="https://i.example",
    schema_version="v2.0.0",
)


def registry(version: int = 1, *names: str) -> Registry:
    services = tuple(service_of(member(name)) for name in (names or ("ee", "fi")))
    return Registry("eu.hub", version, NOW, NOW + timedelta(days=90), services)


def test_a_member_is_read_back_as_it_was_written() -> None:
    for each in (member("ee"), ODD):
        again = member_of(service_of(each))
        assert again == replace(
            each, organisation=again.organisation, organisation_url=again.organisation_url
        )
    assert member_of(service_of(ODD)) == ODD


def test_a_service_has_what_a_service_registry_asks_of_it() -> None:
    service: Any = service_of(ODD)
    assert service["type"] == {"group": "org.ga4gh", "artifact": "beacon", "version": "2.0.0"}
    assert {"id", "name", "type", "organization", "version", "url"} <= set(service)
    assert service["organization"] == {"name": "Institute", "url": "https://i.example"}


def test_other_services_may_be_registered_but_are_no_members() -> None:
    other = service_of(member("x")) | {
        "id": "x",
        "type": {"group": "org.ga4gh", "artifact": "drs", "version": "1.4.0"},
    }
    both = replace(registry(), services=(*registry().services, other))
    assert [each.id for each in parse_registry(canonical_json(both.as_document())).members] == ["ee", "fi"]


def test_a_signed_registry_is_opened_with_the_key_that_signed_it() -> None:
    assert open_signed(sign(registry(), KEY), [KEY.public]) == registry()


def test_a_registry_by_somebody_else_changed_or_unsigned_is_refused() -> None:
    token = sign(registry(), KEY)
    with pytest.raises(Unverified, match="not among the trusted"):
        open_signed(token, [OTHER.public])
    head, _, tail = token.split(".")
    forged = sign(registry(9), OTHER).split(".")[1]
    with pytest.raises(Unverified, match="does not hold"):
        open_signed(f"{head}.{forged}.{tail}", [KEY.public])
    with pytest.raises(Malformed):
        open_signed(json.dumps(registry().as_document()), [KEY.public])


def test_a_signature_for_another_purpose_does_not_make_a_registry() -> None:
    token = KEY.sign(canonical_json(registry().as_document()), purpose="gdi-peer-request+jwt")
    with pytest.raises(Unverified, match="not as"):
        open_signed(token, [KEY.public])


@pytest.mark.parametrize(
    "new, reason",
    [
        (replace(registry(2), expires=NOW), "expired"),
        (replace(registry(2), issued=NOW + timedelta(seconds=1)), "future"),
        (registry(0), "older than version 1"),
        (registry(1, "ee"), "two registries of version 1"),
    ],
)
def test_what_may_not_follow_is_refused(new: Registry, reason: str) -> None:
    with pytest.raises(Unverified, match=reason):
        check_succession(new, registry(1), now=NOW)


def test_the_same_and_the_next_version_may_follow() -> None:
    check_succession(registry(1), registry(1), now=NOW)
    check_succession(registry(7, "ee"), registry(1), now=NOW)


def broken(*path: str | int, value: object) -> bytes:
    document: Any = copy.deepcopy(json.loads(canonical_json(registry().as_document())))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return canonical_json(document)


@pytest.mark.parametrize(
    "text, named",
    [
        (b"{", "not JSON"),
        (b"[]", "registry"),
        (broken("version", value="1"), "version"),
        (broken("issued", value="yesterday"), "issued"),
        (broken("services", 0, value=7), "service must be"),
        (broken("services", 0, "id", value="fi.af"), "twice"),
        (broken("services", 0, "url", value="ftp://x"), "url"),
        (broken("services", 0, "url", value="https://user@x"), "url"),
        (broken("services", 0, "gdi", value=None), "gdi"),
        (broken("services", 0, "gdi", "networks", value=["everything"]), "networks"),
        (broken("services", 0, "gdi", "dialect", "paging", value="chapters"), "paging"),
        (broken("services", 0, "gdi", "dialect", "accent", value="x"), "accent"),
        (broken("services", 0, "gdi", "key", value={"kty": "oct", "k": "AA"}), "key type"),
    ],
)
def test_a_registry_that_breaks_its_form_is_refused_by_the_part(text: bytes, named: str) -> None:
    with pytest.raises(Malformed, match=named):
        parse_registry(text)


class Files:
    """The files of a hub and the watch over them."""

    def __init__(self, folder: Path) -> None:
        self.signed = folder / "registry.jws"
        self.last_good = folder / "last-good.jws"
        self.clock = FixedClock(NOW)
        self.audit = AuditLines()

    def watch(self, *keys: PublicKey) -> RegistryWatch:
        return RegistryWatch(self.signed, self.last_good, keys or [KEY.public], self.clock, self.audit)

    def write(self, text: str) -> None:
        self.signed.write_text(text)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def names(watch: RegistryWatch) -> list[str]:
    return [each.id for each in watch.members(Network.AGGREGATED)]


def test_without_a_good_registry_there_are_no_members(files: Files) -> None:
    with pytest.raises(Unavailable, match=r"no valid registry.*there is no .*registry\.jws"):
        files.watch().members(Network.AGGREGATED)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "not a signature",
        sign(registry(2, "xx"), OTHER),
        sign(registry(0, "xx"), KEY),
        sign(replace(registry(2, "xx"), expires=NOW), KEY),
        json.dumps(registry(2, "xx").as_document()),
    ],
    ids=["empty", "garbage", "other key", "older", "expired", "unsigned"],
)
def test_the_last_good_registry_stays_in_force(files: Files, bad: str) -> None:
    files.write(sign(registry(1), KEY))
    watch = files.watch()
    assert names(watch) == ["ee", "fi"]
    files.write(bad)
    assert names(watch) == ["ee", "fi"]
    assert watch.fault
    files.write(sign(registry(2, "ee", "fi", "se"), KEY))
    assert names(watch) == ["ee", "fi", "se"]
    assert watch.fault == ""
    assert [action for action, *_ in files.audit.lines] == [
        "registry.accept",
        "registry.refuse",
        "registry.accept",
    ]


def test_a_change_that_cannot_be_audited_is_taken_as_soon_as_it_can(files: Files) -> None:
    files.audit = FullDisk(room=1)
    files.write(sign(registry(1), KEY))
    watch = files.watch()
    assert names(watch) == ["ee", "fi"]
    files.write(sign(registry(2, "xx"), KEY))
    with pytest.raises(Unavailable, match="disk is full"):
        watch.look()
    files.audit.room = 2
    assert names(watch) == ["xx"]


def test_a_last_good_registry_that_was_tampered_with_is_named_at_the_start(files: Files) -> None:
    files.write(sign(registry(1), KEY))
    assert names(files.watch()) == ["ee", "fi"]
    files.last_good.write_text(sign(registry(9, "xx"), OTHER))
    with pytest.raises(Conflict, match=r"last-good\.jws.*does not hold any more"):
        files.watch()


def test_a_registry_that_vanishes_stays_in_force_also_after_a_restart(files: Files) -> None:
    files.write(sign(registry(3), KEY))
    assert names(files.watch()) == ["ee", "fi"]
    files.signed.unlink()
    assert names(files.watch()) == ["ee", "fi"]


def test_a_restart_does_not_open_the_way_back_to_an_older_version(files: Files) -> None:
    files.write(sign(registry(3), KEY))
    assert names(files.watch()) == ["ee", "fi"]
    files.write(sign(registry(2, "xx"), KEY))
    assert names(files.watch()) == ["ee", "fi"]


def test_a_registry_that_expires_in_force_is_kept_until_a_new_one_comes(files: Files) -> None:
    files.write(sign(registry(1), KEY))
    watch = files.watch()
    assert names(watch) == ["ee", "fi"]
    files.clock.advance(91 * 86400)
    assert names(watch) == ["ee", "fi"]
    assert names(files.watch()) == ["ee", "fi"]


def test_members_are_told_apart_by_network(files: Files) -> None:
    one = service_of(member("ee", networks=frozenset({Network.INDIVIDUALS})))
    files.write(sign(replace(registry(), services=(one,)), KEY))
    watch = files.watch()
    assert names(watch) == []
    assert [each.id for each in watch.members(Network.INDIVIDUALS)] == ["ee"]
