"""The whole of htsget over one archive, put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from opengdi.delivery.htsget.answers import Answers
from opengdi.delivery.htsget.api import HtsgetParts
from opengdi.delivery.htsget.data import DataDoor
from opengdi.delivery.htsget.grants import GrantSeal
from opengdi.delivery.htsget.layouts import Layouts
from opengdi.delivery.htsget.pins import Pins
from opengdi.delivery.htsget.recoding import Recoder
from opengdi.delivery.htsget.rules import Policy
from opengdi.delivery.htsget.tickets import RegisteredKey, Tickets
from opengdi.delivery.ports import NO_REFERENCES, Files, References, TakenBack, nothing_taken_back
from opengdi.delivery.streams import Streams
from opengdi.kernel.clock import Clock
from opengdi.kernel.keys import Secret
from opengdi.standards.htsget.request import Kind
from opengdi.standards.service_info import Service


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What htsget shares with the rest of the node. secret: what addresses and fresh keys are derived from."""

    files: Files
    streams: Streams
    secret: Secret
    clock: Clock
    registered_key: RegisteredKey
    taken_back: TakenBack = nothing_taken_back
    references: References = NO_REFERENCES


@dataclass(frozen=True, slots=True)
class Room:
    """What htsget may use. cache_bytes: for layouts of files that were asked for last. processes: that decode CRAM."""

    cache_bytes: int
    processes: int = 2


def put_together(
    around: Surroundings,
    policy: Policy,
    services: Mapping[Kind, Service],
    *,
    room: Room,
    external_url: str = "",
) -> HtsgetParts:
    """What `HtsgetApi` stands on."""
    layouts = Layouts(around.files, room.cache_bytes)
    recoder = Recoder(around.references, room.processes)
    answers = Answers(around.files, layouts, Pins(around.secret), recoder)
    seal = GrantSeal(around.secret)
    tickets = Tickets(
        around.files,
        layouts,
        answers,
        seal=seal,
        policy=policy,
        registered_key=around.registered_key,
        audit=around.streams.audit,
        clock=around.clock,
    )
    data = DataDoor(around.files, answers, seal, around.clock, around.taken_back)
    return HtsgetParts(tickets, data, around.streams, services, external_url)
