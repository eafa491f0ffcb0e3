"""Whether a purpose fits a dataset: the published rules, all pairs against sets, and what no modifier may do."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import chain, combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.oracles.data_use import DISEASES, PARENTS, permitted_by, uses_of

from opengdi.standards.duo.codes import CHECKSUM, CODES, Kind, canonical_code
from opengdi.standards.duo.matching import match
from opengdi.standards.duo.purposes import EthicsApproval, Organisations, Purpose, Sensitive, Topic
from opengdi.standards.duo.statements import Clause, Statement
from opengdi.standards.duo.verdicts import DUO, Diseases, Match, Source, Verdict
from opengdi.standards.ontology.graph import Ontology, Term

TODAY = date(2026, 11, 29)
TREE = Ontology(Term(id_, id_, (PARENTS[id_],) if id_ in PARENTS else ()) for id_ in DISEASES)
MONDO = Diseases(TREE, Source("MONDO", "2022-09-06", "sha256:00"))

CANCER, LUNG, DIABETES, DISEASE = "M:cancer", "M:lung", "M:diabetes", "M:disease"
GENERAL = Purpose(topics=frozenset({Topic.ANY}))
ON_LUNG = Purpose(diseases=frozenset({LUNG}))
METHODS = Purpose(methods=True)


def ds(*terms: str) -> Clause:
    return Clause(canonical_code("DS"), frozenset(terms))


def dataset(*clauses: str | Clause) -> Statement:
    return Statement(
        tuple(each if isinstance(each, Clause) else Clause(canonical_code(each)) for each in clauses)
    )


def ask(purpose: Purpose, statement: Statement) -> Match:
    return match(purpose, statement, MONDO, TODAY)


def verdict(purpose: Purpose, *clauses: str | Clause) -> Verdict:
    return ask(purpose, dataset(*clauses)).verdict


# -- where the published algorithm (DUOS, version 4) goes wrong


def test_general_research_may_not_have_a_dataset_for_one_disease():
    assert verdict(GENERAL, ds(CANCER)) is Verdict.DENY


def test_general_research_may_not_have_a_dataset_for_ancestry_only():
    assert verdict(GENERAL, "POA") is Verdict.DENY


def test_methods_alone_need_the_disease_of_the_dataset():
    assert verdict(METHODS, ds(CANCER)) is Verdict.DENY
    assert verdict(replace(METHODS, diseases=frozenset({LUNG})), ds(CANCER)) is Verdict.APPROVE


def test_modifiers_are_read():
    found = ask(ON_LUNG, dataset("GRU", "IRB", "COL", "GS", "MOR", "GSO"))
    assert found.verdict is Verdict.NEEDS_EVIDENCE
    assert [each.code for each in found.findings] == [
        canonical_code(code) for code in ("GRU", "IRB", "COL", "GS", "MOR", "GSO")
    ]


def test_a_refusal_outweighs_an_abstention():
    assert verdict(GENERAL, ds(CANCER), "RS") is Verdict.DENY


# -- the rules


def test_a_disease_of_the_dataset_or_a_kind_of_it_is_permitted_and_a_broader_one_is_not():
    assert verdict(ON_LUNG, ds(LUNG)) is verdict(ON_LUNG, ds(CANCER)) is Verdict.APPROVE
    assert verdict(Purpose(diseases=frozenset({CANCER})), ds(LUNG)) is Verdict.DENY
    assert verdict(Purpose(diseases=frozenset({LUNG, DIABETES})), ds(CANCER)) is Verdict.DENY
    assert verdict(Purpose(diseases=frozenset({LUNG, DIABETES})), ds(CANCER), ds(DIABETES)) is Verdict.APPROVE


def test_a_disease_that_nobody_has_heard_of_is_for_people_to_judge():
    assert verdict(Purpose(diseases=frozenset({"M:new"})), ds(CANCER)) is Verdict.ABSTAIN
    assert verdict(Purpose(diseases=frozenset({"M:new"})), ds("M:new")) is Verdict.APPROVE
    assert verdict(ON_LUNG, ds()) is Verdict.ABSTAIN


@pytest.mark.parametrize("code", ["DUO:0009999", "DUO:0000017", "DUO:0000001", "DUO:0000031", "GRU-CC", "RU"])
def test_a_code_that_no_dataset_can_carry_refuses(code: str):
    found = ask(ON_LUNG, dataset("NRES", code))
    assert found.verdict is Verdict.DENY
    assert found.findings[-1].code == canonical_code(code)


def test_an_obsolete_code_says_what_would_be_right():
    assert "DUO:0000042 and DUO:0000043" in ask(ON_LUNG, dataset("GRU-CC")).findings[-1].reason


def test_a_dataset_that_says_nothing_is_for_people_to_judge():
    assert verdict(ON_LUNG) is Verdict.ABSTAIN
    assert verdict(ON_LUNG, "CC", "PUB") is Verdict.ABSTAIN


def test_a_purpose_that_says_nothing_gets_nothing():
    assert verdict(Purpose(), "NRES") is Verdict.NEEDS_EVIDENCE


def test_what_is_not_said_is_asked_for():
    for code in ("GSO", "NPU", "NCU", "NPUNCU", "IRB"):
        assert verdict(ON_LUNG, "GRU", code) is Verdict.NEEDS_EVIDENCE, code


def test_npuncu_is_stricter_than_the_classes_below_it():
    half = replace(ON_LUNG, organisations=Organisations.NOT_FOR_PROFIT, commercial=True)
    assert verdict(half, "GRU", "NPU") is Verdict.APPROVE
    assert verdict(half, "GRU", "NPUNCU") is Verdict.DENY


def test_an_ethics_approval_counts_on_the_days_it_holds():
    approval = EthicsApproval("E1", "Committee", date(2026, 1, 1), date(2026, 11, 29))
    assert verdict(replace(ON_LUNG, ethics=approval), "GRU", "IRB") is Verdict.APPROVE
    for wrong in (replace(approval, until=date(2026, 11, 28)), replace(approval, given=date(2026, 11, 30))):
        assert verdict(replace(ON_LUNG, ethics=wrong), "GRU", "IRB") is Verdict.NEEDS_EVIDENCE


def test_the_institution_and_the_environment_must_both_be_within_the_region():
    within = Clause(canonical_code("GS"), values=frozenset({"EE", "FI"}))
    here = replace(ON_LUNG, countries=frozenset({"EE"}), environments=frozenset({"FI"}))
    assert verdict(here, "GRU", within) is Verdict.APPROVE
    assert verdict(replace(here, environments=frozenset({"US"})), "GRU", within) is Verdict.DENY
    assert verdict(replace(here, environments=frozenset()), "GRU", within) is Verdict.NEEDS_EVIDENCE
    assert verdict(here, "GRU", replace(within, values=frozenset({"the Nordics"}))) is Verdict.ABSTAIN


@pytest.mark.parametrize("code, member", [("IS", "institutions"), ("US", "people"), ("PS", "projects")])
def test_lists_name_all_who_may(code: str, member: str):
    listed = Clause(canonical_code(code), values=frozenset({"a", "b"}))
    for given_, expected in (
        ({"a"}, Verdict.APPROVE), ({"a", "c"}, Verdict.NEEDS_EVIDENCE), (set(), Verdict.NEEDS_EVIDENCE),
    ):  # fmt: skip
        assert verdict(replace(ON_LUNG, **{member: frozenset(given_)}), "GRU", listed) is expected
    assert verdict(replace(ON_LUNG, **{member: frozenset({"a"})}), "GRU", code) is Verdict.ABSTAIN


def test_duties_never_block_and_are_told():
    moratorium = Clause(canonical_code("MOR"), until=date(2027, 1, 1))
    limit = Clause(canonical_code("TS"), months=12)
    found = ask(ON_LUNG, dataset("GRU", "PUB", "RTN", "COL", moratorium, limit))
    assert found.verdict is Verdict.APPROVE
    assert [(duty.code[-2:], duty.until, duty.months) for duty in found.duties] == [
        ("19", None, None), ("29", None, None), ("20", None, None), ("24", date(2027, 1, 1), None), ("25", None, 12),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "clause",
    [
        Clause(canonical_code("RS")),
        Clause(canonical_code("COL"), consent=True),
        Clause(canonical_code("PUB"), text="only in our journal"),
        Clause(canonical_code("MOR")),
        Clause(canonical_code("TS")),
    ],
)
def test_people_judge_what_is_not_coded(clause: Clause):
    assert verdict(ON_LUNG, "GRU", clause) is Verdict.ABSTAIN


def test_people_judge_sensitive_purposes():
    assert verdict(replace(ON_LUNG, sensitive=frozenset({Sensitive.RECONTACT})), "NRES") is Verdict.ABSTAIN


def test_people_judge_uses_beyond_research_and_care():
    assert verdict(Purpose(beyond=True), "GRU") is Verdict.ABSTAIN
    assert verdict(Purpose(beyond=True), "NRES") is Verdict.APPROVE


def test_a_coded_kind_of_research_is_matched():
    genetic = Clause(canonical_code("RS"), frozenset({"DUO:0000037"}))
    for codes, expected in (
        ({"DUO:0000038"}, Verdict.APPROVE), ({"DUO:0000033"}, Verdict.DENY), (set(), Verdict.NEEDS_EVIDENCE),
    ):  # fmt: skip
        assert verdict(replace(ON_LUNG, investigations=frozenset(codes)), "GRU", genetic) is expected


def test_the_answer_tells_by_which_vocabularies():
    assert ask(ON_LUNG, dataset("GRU")).sources == (DUO, MONDO.source)
    assert DUO.checksum == CHECKSUM


# -- all pairs, against sets

PERMISSIONS = [
    ("NRES", ()), ("GRU", ()), ("HMB", ()), ("POA", ()), ("DS", (DISEASE,)), ("DS", (CANCER,)), ("DS", (LUNG,)),
    ("DS", (LUNG, "M:breast")), ("DS", (LUNG, DIABETES)), ("DS", (CANCER, DIABETES)),
]  # fmt: skip


def subsets(items, most: int = 9):
    return chain.from_iterable(combinations(items, size) for size in range(min(len(items), most) + 1))


def as_statement(permission: str, diseases: tuple[str, ...], modifiers) -> Statement:
    clauses = [Clause(canonical_code(permission), frozenset(diseases))]
    return dataset(
        *clauses,
        *(
            Clause(canonical_code(each), values=frozenset({"EE"} if each == "GS" else ()))
            for each in modifiers
        ),
    )


def test_every_purpose_and_dataset_agree_with_sets_of_single_uses():
    purposes = [
        (Purpose(frozenset(map(Topic, topics)), frozenset(ill), care=care, methods=methods), uses)
        for topics, ill, care, methods in product(
            subsets(["any", "health", "ancestry", "other"]),
            subsets(DISEASES, 2),
            (False, True),
            (False, True),
        )
        if (uses := uses_of(topics, ill, care=care, methods=methods))
    ]
    pairs = 0
    for permission, modifiers in product(PERMISSIONS, subsets(["CC", "NPOA", "NMDS"])):
        statement, permitted = (
            as_statement(*permission, modifiers),
            permitted_by(*permission, frozenset(modifiers)),
        )
        for purpose, uses in purposes:
            expected = Verdict.APPROVE if uses <= permitted else Verdict.DENY
            assert match(purpose, statement, MONDO, TODAY).verdict is expected, (purpose, statement)
            pairs += 1
    assert pairs == len(PERMISSIONS) * 8 * (16 * 16 * 4 - 1)


def test_every_way_of_use_agrees_with_sets_of_single_uses():
    ways = list(product((False, True), (False, True), (False, True), ("EE", "FI")))
    studies = [((), (LUNG,)), (("any",), ()), (("health",), (DIABETES,)), (("ancestry",), ())]
    for permission, modifiers in product(
        PERMISSIONS[:6], subsets(["GSO", "NPU", "NCU", "NPUNCU", "GS", "NMDS"])
    ):
        statement, permitted = (
            as_statement(*permission, modifiers),
            permitted_by(*permission, frozenset(modifiers)),
        )
        for (topics, ill), (genetic, commercial, profit, country) in product(studies, ways):
            purpose = Purpose(
                frozenset(map(Topic, topics)),
                frozenset(ill),
                genetic=genetic,
                commercial=commercial,
                organisations=Organisations.FOR_PROFIT if profit else Organisations.NOT_FOR_PROFIT,
                countries=frozenset({country}),
                environments=frozenset({country}),
            )
            uses = uses_of(
                topics, ill, care=False, methods=False, genetic=genetic, commercial=commercial, profit=profit,
                country=country,
            )  # fmt: skip
            expected = Verdict.APPROVE if uses <= permitted else Verdict.DENY
            assert ask(purpose, statement).verdict is expected, (purpose, statement)


# -- whatever the purpose

maybe = st.sampled_from([None, False, True])
purposes = st.builds(
    Purpose,
    topics=st.frozensets(st.sampled_from(Topic)),
    diseases=st.frozensets(st.sampled_from((*DISEASES, "M:new"))),
    investigations=st.frozensets(st.sampled_from([f"DUO:00000{number}" for number in range(31, 41)])),
    care=st.booleans(),
    beyond=st.booleans(),
    methods=st.booleans(),
    genetic=maybe,
    commercial=maybe,
    organisations=st.sampled_from(Organisations),
    institutions=st.frozensets(st.sampled_from("ab")),
    countries=st.frozensets(st.sampled_from(["EE", "FI"])),
    environments=st.frozensets(st.sampled_from(["EE", "FI"])),
    ethics=st.sampled_from([None, EthicsApproval("E", "C", TODAY)]),
    sensitive=st.frozensets(st.sampled_from(Sensitive), max_size=1),
)
USABLE = [code.id for code in CODES.values() if code.kind in {Kind.PERMISSION, Kind.MODIFIER}]
clauses = st.builds(
    Clause,
    st.sampled_from([*USABLE, "DUO:0009999"]),
    st.frozensets(st.sampled_from(DISEASES), max_size=2),
    st.frozensets(st.sampled_from(["EE", "a"]), max_size=2),
    st.sampled_from([None, TODAY]),
    st.sampled_from([None, 12]),
    st.booleans(),
    st.sampled_from(["", "words"]),
)
statements = st.builds(Statement, st.lists(clauses, max_size=5).map(tuple))
MODIFIERS = {code.id for code in CODES.values() if code.kind is Kind.MODIFIER} - {canonical_code("CC")}


@given(purposes, statements, clauses)
def test_a_modifier_never_makes_an_answer_lighter(purpose: Purpose, statement: Statement, more: Clause):
    if more.code in MODIFIERS:
        before, after = ask(purpose, statement), ask(purpose, Statement((*statement.clauses, more)))
        assert after.verdict >= before.verdict


@given(purposes, st.lists(clauses.filter(lambda each: each.code in MODIFIERS), max_size=4))
def test_a_dataset_higher_up_is_open_to_no_less(purpose: Purpose, modifiers: list[Clause]):
    ladder = [ds(LUNG), ds(CANCER), ds(DISEASE), Clause(canonical_code("HMB")), Clause(canonical_code("GRU"))]
    verdicts = [ask(purpose, Statement((rung, *modifiers))).verdict for rung in ladder]
    assert verdicts == sorted(verdicts, reverse=True)


@given(purposes, statements)
def test_the_verdict_is_the_heaviest_finding_and_every_finding_has_a_reason(
    purpose: Purpose, statement: Statement
):
    found = ask(purpose, statement)
    assert all(each.reason.endswith(".") for each in found.findings)
    assert found.verdict is max((each.verdict for each in found.findings), default=Verdict.ABSTAIN)
    codes = {each.code for each in found.findings if each.code}
    assert codes == {clause.code for clause in statement.clauses}


@given(purposes, statements, st.randoms(use_true_random=False))
def test_the_order_of_clauses_does_not_matter(purpose: Purpose, statement: Statement, random):
    shuffled = list(statement.clauses)
    random.shuffle(shuffled)
    assert ask(purpose, Statement(tuple(shuffled))).verdict is ask(purpose, statement).verdict
