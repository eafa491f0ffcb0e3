"""Which acts are grave where settings say nothing else, and which cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from opengdi.access.organisations.permitted import ORGANISATION, PERSON
from opengdi.apps.acts import commands_of_access
from opengdi.apps.doors import open_doors
from opengdi.apps.hub import open_state
from opengdi.apps.identity_settings import GraveActsSettings
from opengdi.apps.settings import Settings
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import Invalid

DEFAULT = frozenset(GraveActsSettings().commands)


def test_every_act_that_is_grave_by_default_is_one_that_there_is():
    assert commands_of_access() >= DEFAULT


@pytest.mark.parametrize("act", ["sign", "confirm", "countersign", "decide"])
def test_who_binds_an_organisation_or_a_body_has_just_logged_in(act: str):
    assert act in DEFAULT


def test_who_vouches_for_an_organisation_or_a_person_has_just_logged_in():
    possible = frozenset[str]().union(*ORGANISATION.values(), *PERSON.values())
    assert possible & {
        "vet", "activate", "reinstate", "appoint-official", "confirm-affiliation", "revoke",
    } <= DEFAULT  # fmt: skip


def test_a_grave_act_that_there_is_not_is_refused_at_the_start(tmp_path: Path):
    settings = {
        "hub": {"id": "eu.hub", "data_dir": tmp_path / "data", "keys_dir": tmp_path / "keys"},
        "identity": {"grave_acts": {"within_s": 300, "commands": ["sing", "veto"]}},
    }
    with open_state(Settings.model_validate(settings), FixedClock()) as state:
        doors = open_doors(state)
        with pytest.raises(Invalid, match="there is no command sing"):
            doors.gate(lambda *_: None)  # type: ignore[arg-type, return-value]
