"""Bodies of requests as REMS clients send them: kebab-case; what we do not know is passed over, as REMS does."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from opengdi.access.applications.commands import has_nul
from opengdi.kernel.errors import Invalid

B = TypeVar("B")

Number = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]


class Body(Struct, frozen=True, rename="kebab", kw_only=True):
    """Anything that a client sends."""


class User(Body, frozen=True, kw_only=True):
    userid: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\s]+$")]
    name: Annotated[str, Meta(max_length=300)] = ""
    email: Annotated[str, Meta(max_length=320)] = ""


class Create(Body, frozen=True, kw_only=True):
    catalogue_item_ids: Annotated[list[Number], Meta(min_length=1, max_length=500)]


class OfApplication(Body, frozen=True, kw_only=True):
    application_id: Number


class AcceptInvitation(Body, frozen=True, kw_only=True):
    invitation_token: Annotated[str, Meta(min_length=1, max_length=300)]


class FieldValue(Body, frozen=True, kw_only=True):
    form: Number
    field: Name
    value: Any


class SaveDraft(OfApplication, frozen=True, kw_only=True):
    field_values: Annotated[list[FieldValue], Meta(max_length=2000)]
    duo_codes: Annotated[list[dict[str, Any]], Meta(max_length=50)] | None = None


class AcceptLicenses(OfApplication, frozen=True, kw_only=True):
    accepted_licenses: Annotated[list[Number], Meta(max_length=100)]


class Person(Body, frozen=True, kw_only=True):
    name: Annotated[str, Meta(max_length=200)] = ""
    email: Annotated[str, Meta(max_length=320)] = ""
    userid: Annotated[str, Meta(max_length=200)] = ""


class OfMember(OfApplication, frozen=True, kw_only=True):
    member: Person
    comment: Annotated[str, Meta(max_length=10_000)] = ""


class Commented(OfApplication, frozen=True, kw_only=True):
    comment: Annotated[str, Meta(max_length=10_000)] = ""


class ChangeResources(OfApplication, frozen=True, kw_only=True):
    catalogue_item_ids: Annotated[list[Number], Meta(min_length=1, max_length=500)]


class CreateResource(Body, frozen=True, kw_only=True):
    resid: Annotated[str, Meta(min_length=1, max_length=128)]


class CreateCatalogueItem(Body, frozen=True, kw_only=True):
    resid: Number
    form: int | None = None
    wfid: int | None = None
    localizations: dict[str, Any] = {}
    enabled: bool = True
    archived: bool = False


def read(content: bytes, kind: type[B]) -> B:
    """A body. Raises Invalid that names the member; also for the character that no database keeps."""
    if has_nul(content):
        raise Invalid("the body must not contain the character U+0000")
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"the body is not as it should be: {error}") from error
