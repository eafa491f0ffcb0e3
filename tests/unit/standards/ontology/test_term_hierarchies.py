"""Spellings of terms, the is-a graph with codes that carry their hierarchy, and files that bring one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.faults import Malformed
from opengdi.standards.ontology.curie import canonical
from opengdi.standards.ontology.files import parse_csv, parse_obo
from opengdi.standards.ontology.graph import Ontology, Term

DIABETES = Ontology(
    [
        Term("X:root", "root"),
        Term("X:disease", "disease", ("X:root",)),
        Term("X:metabolic", "metabolic", ("X:disease",)),
        Term("X:diabetes", "diabetes", ("X:metabolic",), ("ICD10:E10-E14",)),
        Term("X:type1", "type 1", ("X:diabetes",), ("ICD10:E10", "Y:1")),
        Term("X:type2", "type 2", ("X:diabetes",), ("ICD10:E11",)),
        Term("X:heart", "heart", ("X:disease",)),
        Term("ICD10:E00-E90", "endocrine"),
        Term("ICD10:E10-E14", "diabetes"),
    ]
)


@pytest.mark.parametrize(
    "written, meant",
    [
        ("PATO_0000011", "PATO:0000011"),
        ("pato:0000011", "PATO:0000011"),
        ("SNOMED:73211009", "SNOMEDCT:73211009"),
        ("ICD10:F3181", "ICD10:F31.81"),
        ("icd10:e11.9", "ICD10:E11.9"),
        ("ICD-10-CM:E119", "ICD10CM:E11.9"),
        ("LOINC:35925-4", "LOINC:35925-4"),
        ("just words", "just words"),
        ("BMI", "BMI"),
    ],
)
def test_one_term_has_one_spelling(written, meant):
    assert canonical(written) == meant


@given(st.text(max_size=30))
def test_a_spelling_once_settled_stays(text):
    assert canonical(canonical(text)) == canonical(text)


@pytest.mark.parametrize(
    "term", ["ICD10:E10.2", "ICD10:E102", "ICD10:E10", "X:type1", "Y:1", "X:type2", "ICD10:E11.65"]
)
def test_codes_and_equivalents_lie_below_the_same_terms(term):
    for above in ("X:diabetes", "X:metabolic", "ICD10:E10-E14", "ICD10:E00-E90", "X:root"):
        assert DIABETES.is_a(term, above)
    assert not DIABETES.is_a(term, "X:heart")


def test_codes_of_the_clinical_modification_are_terms_of_their_own():
    assert DIABETES.is_a("ICD10CM:E11.65", "ICD10CM:E11")
    assert not DIABETES.is_a("ICD10CM:E11.65", "ICD10:E11")


def test_nothing_lies_below_its_own_descendant():
    assert not DIABETES.is_a("X:diabetes", "X:type1")
    assert not DIABETES.is_a("ICD10:E10", "ICD10:E10.2")


@pytest.mark.parametrize(
    "one, other, steps",
    [
        ("X:type1", "Y:1", 0),
        ("X:type1", "X:diabetes", 1),
        ("X:type1", "X:type2", 2),
        ("ICD10:E10.2", "ICD10:E10.3", 2),
        ("X:type1", "X:heart", 4),
        ("X:disease", "X:root", 1),
        ("X:type1", "OPCS4:K06.1", None),
        ("OPCS4:K06.1", "OPCS4:K06.2", 2),
    ],
)
def test_distance_counts_steps_to_a_shared_ancestor(one, other, steps):
    assert DIABETES.distance(one, other) == steps
    assert DIABETES.distance(other, one) == steps


def test_terms_that_only_a_root_joins_are_not_near():
    flat = Ontology([Term("A:0", "root"), Term("A:1", "", ("A:0",)), Term("A:2", "", ("A:0",))])
    assert flat.distance("A:1", "A:2") is None


def test_a_circle_of_parents_is_walked_once():
    circle = Ontology([Term("A:1", "", ("A:2",)), Term("A:2", "", ("A:1",))])
    assert circle.is_a("A:1", "A:2")
    assert circle.is_a("A:2", "A:1")


def test_an_obo_file_gives_terms_that_are_not_obsolete():
    text = """format-version: 1.4
[Term]
id: HP:0001250
name: Seizure
is_a: HP:0012638 {source="x"} ! Abnormal nervous system physiology
xref: SNOMEDCT_US:91175000
[Term]
id: HP:0000001
name: gone
is_obsolete: true
[Typedef]
id: part_of
"""
    assert parse_obo(text) == [Term("HP:0001250", "Seizure", ("HP:0012638",))]


@pytest.mark.parametrize("text", ["", "[Term]\nname: nobody", "[Typedef]\nid: part_of"])
def test_an_obo_file_without_terms_is_malformed(text):
    with pytest.raises(Malformed):
        parse_obo(text)


def test_a_csv_gives_parents_and_exact_matches_split_at_bars():
    text = '# note\nid,label,parents,exact\nA:1,"one, first",A:0|B:0,C:1\n'
    assert parse_csv(text) == [Term("A:1", "one, first", ("A:0", "B:0"), ("C:1",))]


@pytest.mark.parametrize("text", ["", "code,name\nA:1,x", "id,label\n,x", "id,label\nA:1,x,y"])
def test_a_csv_of_another_shape_is_malformed(text):
    with pytest.raises(Malformed):
        parse_csv(text)


@given(st.text(max_size=200))
def test_any_text_is_a_hierarchy_or_malformed(text):
    for parse in (parse_csv, parse_obo):
        terms = []
        try:
            terms = parse(text)
        except Malformed:
            continue
        graph = Ontology(terms)
        assert all(graph.is_a(term.id, term.id) for term in terms)
