"""The registry of members: a list of GA4GH services, signed as one document. Pure; files are for `registry_files`.

A registry is refused that is unsigned, changed, expired, not yet valid, or older than one seen before.

Spec: GA4GH service-registry 1.0.0, ExternalService; RFC 7515 (JWS). The member `gdi` of a service is ours.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Final, TypeVar

from opengdi.federation.model import (
    ContigForm,
    Dialect,
    Json,
    Member,
    Network,
    Paging,
    ParameterForm,
    Verb,
)
from opengdi.federation.reading import expect
from opengdi.kernel.canonical import canonical_json
from opengdi.kernel.keys.signatures import PublicKey, SigningKey, verify
from opengdi.standards.faults import Malformed, Unverified
from opengdi.standards.service_info import GA4GH, Organisation, Service, ServiceType
from opengdi.standards.service_registry import ExternalService, parse_services

_PURPOSE: Final = "gdi-registry+jws"
_EXTENSION: Final = "gdi"
_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True)
class Registry:
    """The members of a federation. version only rises; times are aware, UTC; services as published."""

    authority: str
    version: int
    issued: datetime
    expires: datetime
    services: tuple[Json, ...]

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """The Beacons among the services, in order. Raises Malformed."""
        return tuple(member_of(service) for service in self.services if _is_beacon(service))

    def of(self, network: Network) -> tuple[Member, ...]:
        """The members of one network, in order."""
        return tuple(member for member in self.members if network in member.networks)

    def as_document(self) -> Json:
        return {
            "authority": self.authority,
            "version": self.version,
            "issued": _time_text(self.issued),
            "expires": _time_text(self.expires),
            "services": list(self.services),
        }


def sign(registry: Registry, key: SigningKey) -> str:
    """The registry as a compact JWS."""
    return key.sign(canonical_json(registry.as_document()), purpose=_PURPOSE)


def open_signed(token: str, keys: Collection[PublicKey]) -> Registry:
    """The registry in a JWS, whatever its dates.

    Raises Unverified if none of the keys signed it; Malformed if what was signed is no registry.
    """
    return parse_registry(verify(token.strip(), keys, purpose=_PURPOSE))


def check_succession(new: Registry, old: Registry | None, *, now: datetime) -> None:
    """Nothing, if `new` may come into force after `old`.

    Raises Unverified if it is not valid now, is older than `old`, or is another registry of the same version.
    """
    if new.expires <= now:
        raise Unverified(f"registry version {new.version} expired at {_time_text(new.expires)}")
    if new.issued > now:
        raise Unverified(f"registry version {new.version} is from the future, {_time_text(new.issued)}")
    if old is not None and new.version < old.version:
        raise Unverified(f"registry version {new.version} is older than version {old.version}, seen before")
    if old is not None and new.version == old.version and new != old:
        raise Unverified(f"two registries of version {new.version}: each change needs a new version")


def parse_registry(text: bytes | str) -> Registry:
    """Raises Malformed naming the member that is wrong; ids of Beacons must be unique."""
    try:
        document = expect(json.loads(text), dict, "registry")
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the registry is not JSON: {error}") from error
    services = expect(document.get("services"), list, "services")
    parse_services(services)
    registry = Registry(
        authority=expect(document.get("authority"), str, "authority"),
        version=expect(document.get("version"), int, "version"),
        issued=_time(document, "issued"),
        expires=_time(document, "expires"),
        services=tuple(services),
    )
    _ = registry.members  # each of them can be read
    return registry


def _is_beacon(service: Json) -> bool:
    kind = ExternalService.from_document(service).service.type
    return (kind.group, kind.artifact) == (GA4GH, "beacon")


def member_of(document: Json) -> Member:
    """A Beacon of the registry. Raises Malformed naming the service and the member that is wrong."""
    external = ExternalService.from_document(document)
    service, where = external.service, f"service {external.service.id!r}"
    gdi = expect(document.get(_EXTENSION), dict, f"{where} {_EXTENSION}")
    return Member(
        id=expect(gdi.get("member"), str, f"{where} {_EXTENSION}.member"),
        service=service.id,
        name=service.name,
        country=expect(gdi.get("country"), str, f"{where} {_EXTENSION}.country"),
        url=_base_url(external.url, where),
        networks=frozenset(
            _choice(Network, item, f"{where} {_EXTENSION}.networks")
            for item in expect(gdi.get("networks"), list, f"{where} {_EXTENSION}.networks")
        ),
        dialect=_dialect(expect(gdi.get("dialect", {}), dict, f"{where} {_EXTENSION}.dialect"), where),
        key=_key(gdi.get("key"), where),
        organisation=service.organisation.name,
        organisation_url=service.organisation.url,
        schema_version=f"v{service.version.removeprefix('v')}",
    )


def service_of(member: Member) -> Json:
    """A member as the registry publishes it: the inverse of `member_of`."""
    extension: Json = {
        "member": member.id,
        "country": member.country,
        "networks": sorted(member.networks),
        "dialect": {
            "apiVersion": member.dialect.api_version,
            "paging": member.dialect.paging.value,
            "parameters": member.dialect.parameters.value,
            "contigs": member.dialect.contigs.value,
            "verb": member.dialect.verb.value,
            "anyOf": member.dialect.any_of,
        },
    }
    if member.key is not None:
        extension["key"] = member.key.as_jwk()
    version = member.schema_version.removeprefix("v")
    service = Service(
        id=member.service,
        name=member.name,
        type=ServiceType(GA4GH, "beacon", version),
        organisation=Organisation(member.organisation, member.organisation_url),
        version=version,
    )
    return ExternalService(service, member.url).as_document() | {_EXTENSION: extension}


def _dialect(given: Mapping[str, object], where: str) -> Dialect:
    known = {"apiVersion", "paging", "parameters", "contigs", "verb", "anyOf"}
    if unknown := sorted(set(given) - known):
        raise Malformed(f"{where} dialect.{unknown[0]} is unknown; known are {', '.join(sorted(known))}")
    usual = Dialect()
    return Dialect(
        api_version=expect(given.get("apiVersion", usual.api_version), str, f"{where} dialect.apiVersion"),
        paging=_choice(Paging, given.get("paging", usual.paging), f"{where} dialect.paging"),
        parameters=_choice(
            ParameterForm, given.get("parameters", usual.parameters), f"{where} dialect.parameters"
        ),
        contigs=_choice(ContigForm, given.get("contigs", usual.contigs), f"{where} dialect.contigs"),
        verb=_choice(Verb, given.get("verb", usual.verb), f"{where} dialect.verb"),
        any_of=expect(given.get("anyOf", usual.any_of), bool, f"{where} dialect.anyOf"),
    )


def _choice(kind: type[_Choice], value: object, where: str) -> _Choice:
    try:
        return kind(str(value))
    except ValueError as error:
        raise Malformed(f"{where} is {value!r}, expected one of {', '.join(kind)}") from error


def _key(given: object, where: str) -> PublicKey | None:
    if given is None:
        return None
    return PublicKey.from_jwk(expect(given, dict, f"{where} {_EXTENSION}.key"))


def _base_url(url: str, where: str) -> str:
    if any(mark in url for mark in "?#@ "):
        raise Malformed(f"{where} url {url!r} must have no query, fragment or user")
    return url.rstrip("/")


def _time(document: Mapping[str, object], name: str) -> datetime:
    text = expect(document.get(name), str, name)
    try:
        return datetime.strptime(text, _TIME_FORM).replace(tzinfo=UTC)
    except ValueError as error:
        raise Malformed(f"{name} is {text!r}, expected a time such as 2026-01-01T00:00:00Z") from error


_TIME_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"


def _time_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(_TIME_FORM)
