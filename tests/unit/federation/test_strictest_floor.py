"""A dataset on two nodes is as open as the stricter one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.federation.kit import answer, cell, result_set, variant

from opengdi.federation.floors import NO_FLOORS, FloorBook, Floors, under_floors
from opengdi.federation.model import ResultSet
from opengdi.federation.reading import frequencies_of, read_answer
from opengdi.standards.beacon.dataset_info import DatasetInfo
from opengdi.standards.beacon.questions import EntryType, Granularity

VARIANT, PERSON = EntryType.GENOMIC_VARIANT, EntryType.INDIVIDUAL


def read(document: dict[str, object]) -> ResultSet:
    return read_answer(answer(document), Granularity.RECORD).result_sets[0]


def with_cells(*cells: dict[str, object], floor: int = 5) -> ResultSet:
    return read(result_set(records=[variant(*cells)], info=DatasetInfo(k_alleles=floor)))


def test_floors_only_ever_rise_whoever_speaks_last() -> None:
    book = FloorBook()
    book.hear("D", "ee.af", Floors(20, 10))
    book.hear("D", "fi.af", Floors(5, 30))
    book.hear("D", "ee.af", NO_FLOORS)
    assert book.floors("D") == Floors(20, 30)
    assert book.servers("D") == {"ee.af", "fi.af"}


def test_the_book_tells_whether_something_was_news() -> None:
    book = FloorBook()
    assert book.hear("D", "ee.af", Floors(20, 10))
    assert not book.hear("D", "ee.af", Floors(5, 5))
    assert book.hear("D", "fi.af", Floors(5, 5))


def test_a_book_written_down_reads_the_same() -> None:
    book, again = FloorBook(), FloorBook()
    book.hear("D", "ee.af", Floors(20, 10, 5))
    book.hear("E", "fi.af", Floors(5, 5))
    for entry in book.entries():
        again.hear(*entry)
    assert list(again.entries()) == list(book.entries())


def test_an_answer_under_the_same_floor_is_left_as_it_is() -> None:
    found = with_cells(cell("Total", 7, 5008))
    assert under_floors(found, Floors(alleles=5), VARIANT) is found


def test_a_row_below_the_stricter_floor_is_gone_at_both_ends() -> None:
    for count in (19, 5008 - 19):
        hidden = under_floors(with_cells(cell("Total", count, 5008)), Floors(alleles=20), VARIANT)
        assert (hidden.exists, hidden.count, hidden.results) == (False, 0, [])
        assert hidden.document["countPrecision"] == "imprecise"


def test_a_hidden_population_collapses_the_row_to_total() -> None:
    found = with_cells(cell("Total", 410, 5008), cell("EE_F", 12, 2000), cell("EE_M", 398, 3008))
    shown = under_floors(found, Floors(alleles=20), VARIANT)
    assert [each["population"] for each in frequencies_of(shown.results[0])] == ["Total"]


def test_frequencies_without_counts_cannot_pass_a_floor() -> None:
    found = with_cells({"population": "Total", "alleleFrequency": 0.5}, floor=0)
    assert not under_floors(found, Floors(alleles=1), VARIANT).exists


def test_an_answer_without_records_cannot_show_that_it_passes() -> None:
    found = read(result_set(count=3, info=DatasetInfo(k_alleles=5)))
    assert not under_floors(found, Floors(alleles=20), VARIANT).exists


def test_too_few_people_are_said_to_be_fewer_than_the_floor() -> None:
    found = read(result_set(count=15, info=DatasetInfo(k_individuals=10)))
    hidden = under_floors(found, Floors(individuals=20), PERSON)
    assert (hidden.exists, hidden.count, hidden.document["countAdjustedTo"]) == (False, 0, ["<20"])
    assert under_floors(read(result_set(count=20)), Floors(individuals=20), PERSON).count == 20


def test_nearly_everybody_is_said_to_be_more_than_the_floor_leaves() -> None:
    info = DatasetInfo(individuals=100, k_individuals=5)
    for count in (81, 94, 100):
        told = under_floors(read(result_set(count=count, info=info)), Floors(individuals=20), PERSON)
        assert (told.exists, told.count, told.document["countAdjustedTo"]) == (True, 100, [">80"])
    assert under_floors(read(result_set(count=80, info=info)), Floors(individuals=20), PERSON).count == 80
    few = read(result_set(count=25, info=replace(info, individuals=39)))
    assert under_floors(few, Floors(individuals=20), PERSON).document["countAdjustedTo"] == ["<40"]


@pytest.mark.parametrize("floors", [Floors(alleles=20), Floors(alleles=5, individuals=20)])
@pytest.mark.parametrize("others", [(), (("EE_F", 12, 2000), ("EE_M", 398, 3008))])
def test_counts_of_genotypes_do_not_outlive_a_stricter_floor(floors: Floors, others: Any) -> None:
    genotypes = {"alleleCountHomozygous": 6, "alleleCountHeterozygous": 398, "alleleCountHemizygous": 0}
    cells = [cell(*each) | genotypes for each in (("Total", 410, 5008), *others)]
    shown = under_floors(with_cells(*cells), floors, VARIANT)
    told = list(frequencies_of(shown.results[0]))
    assert told[0]["alleleCount"] == 410
    assert not any(genotypes.keys() & each.keys() for each in told)


def test_none_and_too_few_look_the_same() -> None:
    few, none = (read(result_set(count=count, records=[])) for count in (9, 0))
    hidden = [under_floors(found, Floors(individuals=10), PERSON).document for found in (few, none)]
    assert hidden[0] == hidden[1]


@given(
    rows=st.lists(
        st.lists(st.tuples(st.integers(0, 60), st.integers(1, 60)), min_size=1, max_size=4), max_size=4
    ),
    floor=st.integers(1, 30),
)
def test_no_cell_below_the_floor_ever_comes_out(rows: list[list[tuple[int, int]]], floor: int) -> None:
    labels = ["Total", "F", "M", "EE"]
    records = [
        variant(*(cell(label, min(pair), max(pair)) for label, pair in zip(labels, row, strict=False)))
        for row in rows
    ]
    shown = under_floors(
        read(result_set(count=len(records), records=records)), Floors(alleles=floor), VARIANT
    )
    for record in shown.results:
        for each in frequencies_of(record):
            count, number = int(str(each["alleleCount"])), int(str(each["alleleNumber"]))
            assert floor <= count <= number - floor


def counted(number: int, *, rounding: int = 1, **more: object) -> ResultSet:
    return read(result_set(count=number, info=DatasetInfo(count_rounding=rounding, k_individuals=10), **more))


@given(st.integers(10, 2000), st.integers(2, 50))
def test_a_count_is_told_in_the_widest_step_of_any_node(number: int, step: int) -> None:
    told = under_floors(counted(number), Floors(individuals=10, rounding=step), PERSON)
    assert told.count is not None
    assert told.count % step == 0 or told.count == 10
    low, high = told.document["countAdjustedTo"]
    assert low <= number <= high
    assert low <= told.count <= high
    assert high - low < step + 10
    assert told.document["countPrecision"] == "rounded"


def test_a_count_in_wide_steps_already_is_left_and_so_is_what_only_has_a_bound() -> None:
    steps = Floors(individuals=10, rounding=5)
    for found in (counted(40, rounding=5), counted(0, countAdjustedTo=["<10"], countPrecision="imprecise")):
        assert under_floors(found, steps, PERSON) == found


def test_bounds_lie_around_what_is_told_and_not_around_what_a_node_told() -> None:
    told = []
    for number in (38, 39, 40, 41, 42):
        found = counted(number, countAdjustedTo=[number - 4, number + 4], countPrecision="imprecise")
        told.append(under_floors(found, Floors(individuals=10, rounding=5), PERSON).document)
    assert all(each == told[0] for each in told)
    assert (told[0]["resultsCount"], told[0]["countAdjustedTo"]) == (40, [34, 46])
