"""What operators have forgotten by commands, and what they see of it. decision 0019"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opengdi.apps.access_wire import open_node_wire
from opengdi.apps.erasure import Forgotten, NodeErasing
from opengdi.apps.hub import HubState, open_hub
from opengdi.apps.node import NodeState

if TYPE_CHECKING:
    from opengdi.apps.service_state import ServiceState


def erase_person(state: ServiceState, subject: str, by: str) -> Forgotten:
    """Forget a person at the hub or node that is opened. Raises NotFound at a hub that does not know them."""
    if isinstance(state, HubState):
        return open_hub(state).erasing.erase(subject, by)
    assert isinstance(state, NodeState)
    return NodeErasing(state, open_node_wire(state)).erase(subject, by)


def list_erasures(state: ServiceState) -> list[dict[str, Any]]:
    """Erasures that were asked for at a hub, with who has carried them out."""
    assert isinstance(state, HubState)
    erasing = open_hub(state).erasing
    return [
        {
            "id": each.id,
            "subject": each.subject,
            "asked": each.asked.isoformat(),
            "by": each.by,
            "done": {member: at.isoformat() for member, at in sorted(each.done.items())},
            "waiting": erasing.waiting(each),
        }
        for each in erasing.erasures.all()
    ]
