"""Services as GA4GH Service Info 1.0.0 and Service Registry 1.0.0 describe them."""

from __future__ import annotations

import pytest

from opengdi.standards.faults import Malformed
from opengdi.standards.service_info import GA4GH, Organisation, Service, ServiceType
from opengdi.standards.service_registry import ExternalService, parse_services, service_types

BEACON = ServiceType(GA4GH, "beacon", "2.2.0")
NODE = Service("ee.ut.node", "Estonia", BEACON, Organisation("University of Tartu", "https://ut.ee"), "1.0")

# The example in the specification, `service-info.yaml`
PUBLISHED = {
    "id": "org.ga4gh.myservice",
    "name": "My project",
    "type": {"group": "org.ga4gh", "artifact": "beacon", "version": "1.0.0"},
    "description": "This service provides...",
    "organization": {"name": "My organization", "url": "https://example.com"},
    "contactUrl": "mailto:support@example.com",
    "documentationUrl": "https://docs.myservice.example.com",
    "createdAt": "2019-06-04T12:58:19Z",
    "updatedAt": "2019-06-04T12:58:19Z",
    "environment": "test",
    "version": "1.0.0",
}


def test_the_published_example_is_read_and_written_back() -> None:
    assert Service.from_document(PUBLISHED).as_document() == PUBLISHED


def test_what_is_optional_is_left_out_when_it_is_not_known() -> None:
    assert set(NODE.as_document()) == {"id", "name", "type", "organization", "version"}


def test_a_member_beyond_the_specification_is_passed_over() -> None:
    assert Service.from_document(NODE.as_document() | {"gdi": {"country": "EE"}}) == NODE


@pytest.mark.parametrize("missing", ["id", "name", "type", "organization", "version"])
def test_a_missing_member_is_named(missing: str) -> None:
    document = {name: value for name, value in NODE.as_document().items() if name != missing}
    with pytest.raises(Malformed, match=missing):
        Service.from_document(document)


@pytest.mark.parametrize(
    "path, value",
    [
        ("type", {"group": "org.ga4gh", "artifact": "beacon"}),
        ("organization", {"name": "x", "url": "nowhere"}),
        ("id", ""),
    ],
)
def test_a_wrong_member_is_named(path: str, value: object) -> None:
    with pytest.raises(Malformed, match=path):
        Service.from_document(NODE.as_document() | {path: value})


@pytest.mark.parametrize("document", [None, [], "x", 7])
def test_what_is_no_object_is_refused(document: object) -> None:
    with pytest.raises(Malformed, match="JSON object"):
        Service.from_document(document)


def test_a_registry_is_read_and_written_back() -> None:
    external = ExternalService(NODE, "https://node.ee/beacon/aggregated/v2")
    assert parse_services([external.as_document()]) == (external,)


def test_a_service_without_an_address_is_refused_by_a_registry() -> None:
    with pytest.raises(Malformed, match=r"url of service 'ee\.ut\.node'"):
        parse_services([NODE.as_document()])


def test_an_id_that_is_there_twice_is_refused() -> None:
    document = ExternalService(NODE, "https://node.ee").as_document()
    with pytest.raises(Malformed, match=r"'ee\.ut\.node' is there twice"):
        parse_services([document, document])


def test_types_are_listed_once() -> None:
    one = ExternalService(NODE, "https://node.ee")
    assert service_types([one, one]) == (BEACON,)


def test_a_registry_that_is_no_array_is_refused() -> None:
    with pytest.raises(Malformed, match="array of services"):
        parse_services({"services": []})
