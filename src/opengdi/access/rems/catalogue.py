"""What can be asked for, as items with resources, forms and workflows; and what clients made of their own.

A dataset that a node offers has its resource and its item by itself, so a synchroniser finds them and makes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from opengdi.access.rems import bodies
from opengdi.access.rems.model import Kind
from opengdi.access.rems.shapes import OWNER, WORKFLOW, Json, Shapes, made
from opengdi.access.rems.things import Things
from opengdi.kernel.errors import Invalid, NotFound

_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Workshop:
    """Methods block: call them from a thread."""

    things: Things
    shapes: Shapes

    # --- reading ---------------------------------------------------------------------------------------------------

    def catalogue_items(self, resource: str) -> list[Json]:
        """Items, or those of a resource: what can be asked for, then what clients made for what cannot (yet)."""
        datasets = self.shapes.around.datasets
        if resource:
            found = datasets.find(resource)
            offered = [] if found is None else [found]
        else:
            offered = list(datasets.all())
        told = [self.shapes.catalogue_item(each) for each in offered]
        known = {each.dataset for each in offered}
        return told + [
            self._waiting(thing.number, thing.name, thing.body)
            for thing in self.things.all(Kind.CATALOGUE_ITEM)
            if thing.body and thing.name not in known and resource in {"", thing.name}
        ]

    def catalogue_item(self, number: int) -> Json:
        """Raises NotFound."""
        thing = self.things.find(Kind.CATALOGUE_ITEM, number)
        offered = self.shapes.around.datasets.find(thing.name)
        if offered is not None:
            return self.shapes.catalogue_item(offered)
        return self._waiting(thing.number, thing.name, thing.body)

    def _waiting(self, number: int, dataset: str, body: Mapping[str, Any]) -> Json:
        """An item that a client made for a dataset that no node offers: it is there, and cannot be asked for."""
        return {
            "id": number,
            "resource-id": self.things.number(Kind.RESOURCE, dataset),
            "resid": dataset,
            "formid": body.get("form"),
            "wfid": body.get("wfid"),
            "localizations": body.get("localizations", {}),
            "organization": body.get("organization", OWNER),
            "start": None,
            "end": None,
            "enabled": False,
            "archived": False,
            "expired": False,
        }

    def resources(self, resid: str) -> list[Json]:
        """Resources, or the one of that id."""
        datasets = self.shapes.around.datasets
        names = [each.dataset for each in datasets.all()]
        names += [
            each.name for each in self.things.all(Kind.RESOURCE) if each.body and each.name not in names
        ]
        return [self.shapes.resource(name) for name in names if resid in {"", name}]

    def resource(self, number: int) -> Json:
        """Raises NotFound."""
        return self.shapes.resource(self.things.find(Kind.RESOURCE, number).name)

    def forms(self) -> list[Json]:
        """The forms that applications are asked, then what clients made."""
        own = [self.shapes.form(form) for form in self.shapes.around.forms.all()]
        return own + [self._form(each.number, each.body) for each in self.things.all(Kind.FORM) if each.body]

    def form(self, number: int) -> Json:
        """Raises NotFound."""
        thing = self.things.find(Kind.FORM, number)
        if thing.body:
            return self._form(number, thing.body)
        id_, _, version = thing.name.rpartition("@")
        return self.shapes.form(self.shapes.around.forms.find(id_, int(version)))

    def _form(self, number: int, body: Mapping[str, Any]) -> Json:
        return {"archived": False, "enabled": True, **body, "form/id": number}

    def workflows(self) -> list[Json]:
        """The workflow that applications follow, then what clients made."""
        return [
            self.shapes.workflow(),
            *(made(each) for each in self.things.all(Kind.WORKFLOW) if each.body),
        ]

    def workflow(self, number: int) -> Json:
        """Raises NotFound."""
        thing = self.things.find(Kind.WORKFLOW, number)
        return self.shapes.workflow() if thing.name == WORKFLOW else made(thing)

    def organizations(self) -> list[Json]:
        """Ours, then what clients made."""
        return [OWNER, *(dict(each.body) for each in self.things.all(Kind.ORGANISATION) if each.body)]

    def organization(self, id_: str) -> Json:
        """Raises NotFound."""
        if id_ == OWNER["organization/id"]:
            return OWNER
        thing = self.things.named(Kind.ORGANISATION, id_)
        if thing is None:
            raise NotFound(f"there is no organization {id_[:40]!r}")
        return dict(thing.body)

    # --- making ----------------------------------------------------------------------------------------------------

    def make_organization(self, content: bytes) -> Json:
        """Raises Invalid."""
        body = _object(content)
        id_ = _name(body, "organization/id")
        self.things.put(Kind.ORGANISATION, id_, {"enabled": True, "archived": False, **body})
        return {"organization/id": id_}

    def make_form(self, content: bytes) -> Json:
        """A form of a client. It is kept and told; applications are asked the hub's own forms."""
        body = _object(content)
        name = _name(body, "form/internal-name", "form/title")
        return {"id": self.things.put(Kind.FORM, f"made:{name}", {**body, "form/internal-name": name})}

    def make_workflow(self, content: bytes) -> Json:
        """A workflow of a client. It is kept and told; applications follow the hub's own."""
        body = _object(content)
        name = _name(body, "title")
        told = {"workflow": {"type": body.get("type", "workflow/default")}, **body}
        return {"id": self.things.put(Kind.WORKFLOW, f"made:{name}", told)}

    def make_resource(self, content: bytes) -> Json:
        """A resource, also for a dataset that no node offers yet. Making it again is as good as once."""
        resid = bodies.read(content, bodies.CreateResource).resid
        return {"id": self.things.put(Kind.RESOURCE, resid, _object(content))}

    def make_catalogue_item(self, content: bytes) -> Json:
        """An item for a resource. Whether it can be asked for, the node says that holds the dataset."""
        resource = self.things.find(Kind.RESOURCE, bodies.read(content, bodies.CreateCatalogueItem).resid)
        return {"id": self.things.put(Kind.CATALOGUE_ITEM, resource.name, _object(content))}


def _object(content: bytes) -> dict[str, Any]:
    body: dict[str, Any] = bodies.read(content, dict[str, Any])
    return body


def _name(body: Mapping[str, Any], *members: str) -> str:
    for member in members:
        value = body.get(member)
        if isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME:
            return value
    raise Invalid(f"{members[0]} must be a text of {_LONGEST_NAME} characters at most")
