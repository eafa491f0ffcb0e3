"""What the network says about itself is the union of what its members say."""

from __future__ import annotations

from typing import Any

from tests.unit.federation.kit import facts, member

from opengdi.federation import informational
from opengdi.federation.directory import Profile
from opengdi.federation.terms import UnitedTerms
from opengdi.standards.beacon.questions import EntryType

EE = Profile(
    {
        "info": {"apiVersion": "v2.2.0", "environment": "prod", "description": 7},
        "filtering_terms": {
            "filteringTerms": [
                {
                    "type": "ontology",
                    "id": "NCIT:C16576",
                    "label": "female",
                    "scopes": ["individuals"],
                    "count": 17,
                },
                {"type": "custom", "id": "colour", "values": ["red"]},
                {"label": "no id"},
            ],
            "resources": [{"id": "NCIT", "name": "Thesaurus"}],
        },
    }
)
FI = Profile(
    {
        "filtering_terms": {
            "filteringTerms": [
                {"type": "ontology", "id": "NCIT:C16576", "scope": "biosample"},  # before 2.1 a single string
                {"type": "custom", "id": "colour", "values": ["red", "blue"], "scopes": ["nonsense"]},
            ],
            "resources": [{"id": "NCIT"}, {"id": "HP"}],
        }
    }
)
KNOWN = [(member("ee"), EE), (member("fi"), FI), (member("se"), Profile())]


def terms(scope: EntryType | None = None, skip: int = 0, limit: int = 0) -> Any:
    return UnitedTerms().page(KNOWN, scope, skip=skip, limit=limit)


def test_terms_are_united_by_id_with_the_scopes_of_all() -> None:
    female, colour = terms()["filteringTerms"]
    assert female == {
        "type": "ontology",
        "id": "NCIT:C16576",
        "label": "female",
        "scopes": ["individual", "biosample"],
    }
    assert colour["values"] == ["red", "blue"]
    assert [each["id"] for each in terms()["resources"]] == ["NCIT", "HP"]


def test_terms_are_united_anew_only_when_a_member_tells_something_else() -> None:
    united, known = UnitedTerms(), list(KNOWN)

    def told() -> Any:
        return united.page(list(known), None, skip=0, limit=0)["filteringTerms"]

    assert told()[0] is told()[0]
    known[2] = (member("se"), Profile({"filtering_terms": {"filteringTerms": [{"id": "HP:1"}]}}))
    assert [each["id"] for each in told()] == ["NCIT:C16576", "colour", "HP:1"]
    del known[0]
    assert [each["id"] for each in told()] == ["NCIT:C16576", "colour", "HP:1"]


def test_terms_are_paged_over_the_union_and_cut_by_scope() -> None:
    assert [each["id"] for each in terms(skip=1, limit=1)["filteringTerms"]] == ["colour"]
    assert [each["id"] for each in terms(EntryType.BIOSAMPLE)["filteringTerms"]] == ["NCIT:C16576"]


def test_info_has_what_facades_read_unconditionally_and_every_member() -> None:
    told: Any = informational.info(facts(), KNOWN)
    assert told["alternativeUrl"]
    assert told["organization"]["logoUrl"]
    lines = told["info"]["members"]
    assert [line["id"] for line in lines] == ["ee", "fi", "se"]
    assert lines[0]["environment"] == "prod"
    assert "description" not in lines[0], "not text, so not repeated"


def test_the_map_is_the_cross_product_below_the_external_address() -> None:
    sets: Any = informational.beacon_map(facts())["endpointSets"]
    assert len(sets) == 7
    for name, endpoints in sets.items():
        assert endpoints["rootUrl"].startswith("https://hub.example/net/")
        assert set(endpoints["endpoints"]) == set(sets) - {name}
    assert (
        sets["dataset"]["endpoints"]["genomicVariant"]["url"]
        == "https://hub.example/net/datasets/{id}/g_variants"
    )
