"""What a member must show the hub, and what its operator is told when it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.federation.kit import member

from opengdi.federation.credentials import HubCredentials
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.keys import Secret, SigningKey
from opengdi.kernel.peers import REQUEST_HEADER, PeerSigner
from opengdi.standards.faults import Unverified

KEY = SigningKey.generate()
HUB = HubCredentials(PeerSigner("eu.hub", KEY, FixedClock(), lambda: "id"), Secret(b"s" * 32))


def test_an_unsigned_answer_says_what_the_node_has_to_set() -> None:
    pinned = replace(member("ee"), key=KEY.public)
    with pytest.raises(Unverified, match=r"the node has to name eu\.hub and its key in federation\.hubs"):
        HUB.check_answer(pinned, {REQUEST_HEADER: "token"}, {}, b"{}")


def test_a_foreign_member_need_not_sign() -> None:
    HUB.check_answer(member("ee"), {}, {}, b"{}")
