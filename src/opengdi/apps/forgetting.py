"""What `gdi people erase` and `gdi people erasures` do at the hub or node that is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opengdi.apps.access_wire import open_node_wire
from opengdi.apps.erasure import Forgotten, NodeErasing
from opengdi.apps.hub import HubState, open_hub
from opengdi.apps.node import NodeState
from opengdi.kernel.errors import Invalid

if TYPE_CHECKING:
    from opengdi.apps.service_state import ServiceState


def erase_person(state: ServiceState, subject: str, by: str) -> Forgotten:
    """Forget a person at the hub or node that is opened. Raises NotFound at a hub that does not know them."""
    if isinstance(state, HubState):
        return open_hub(state).erasing.erase(subject, by)
    assert isinstance(state, NodeState)
    return NodeErasing(state, open_node_wire(state)).erase(subject, by)


def list_erasures(state: ServiceState) -> list[dict[str, Any]]:
    """Erasures that were asked for at a hub, with who has carried them out. Raises Invalid at a node."""
    if not isinstance(state, HubState):
        raise Invalid("erasures are asked for at a hub, and this is a node; give --config of the hub")
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
