"""Which cells of one allele's row may be seen, and that the bulk rule says the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.kernel.disclosure.bulk_floors import genotype_rows, highest_floors, visibility_classes
from opengdi.kernel.disclosure.floors import Layout, Visibility, is_visible, visibility
from opengdi.kernel.disclosure.genotypes import genotypes_visible

NOTHING, TOTAL_ONLY, ALL = Visibility
COUNTRY_AND_SEX = ("Total", "EE", "LV", "F", "M", "EE_F", "EE_M", "LV_F", "LV_M")


@pytest.mark.parametrize(
    "allele_count, seen", [(0, False), (9, False), (10, True), (90, True), (91, False), (100, False)]
)
def test_a_cell_needs_the_floor_from_both_sides(allele_count: int, seen: bool) -> None:
    assert is_visible(allele_count, 100, 10) is seen


def test_an_unknown_count_is_not_visible() -> None:
    assert not is_visible(-1, 100, 10)
    assert not is_visible(50, -1, 10)


@pytest.mark.parametrize(
    "counts, numbers, seen",
    [
        ((60, 30, 30), (200, 100, 100), ALL),
        ((39, 30, 9), (200, 100, 100), TOTAL_ONLY),
        ((121, 30, 91), (200, 100, 100), TOTAL_ONLY),
        ((9, 9, 0), (200, 100, 100), NOTHING),
        ((191, 99, 92), (200, 100, 100), NOTHING),
        ((30, 30, 0), (100, 100, 0), ALL),
        ((0, 0, 0), (0, 0, 0), NOTHING),
    ],
)
def test_one_hidden_cell_collapses_the_row_to_total(
    counts: tuple[int, ...], numbers: tuple[int, ...], seen: Visibility
) -> None:
    assert visibility(counts, numbers, Layout(0), 10) is seen


def test_a_row_without_total_has_nothing_to_collapse_to() -> None:
    assert visibility((30, 9), (100, 100), Layout(-1), 10) is NOTHING
    assert visibility((30, 30), (100, 100), Layout(-1), 10) is ALL


def test_a_person_of_unknown_sex_cannot_be_read_off_the_others() -> None:
    layout = Layout.of(("Total", "F", "M"))
    assert visibility((61, 30, 30), (202, 100, 100), layout, 10) is TOTAL_ONLY
    assert visibility((60, 30, 30), (202, 100, 100), layout, 10) is TOTAL_ONLY
    assert visibility((60, 30, 30), (200, 100, 100), layout, 10) is ALL


def test_the_other_sex_cannot_be_read_off_the_one_that_is_given() -> None:
    layout = Layout.of(("Total", "F"))
    assert visibility((65, 60), (200, 100), layout, 10) is TOTAL_ONLY
    assert visibility((70, 60), (200, 100), layout, 10) is ALL


def test_a_country_without_a_label_cannot_be_read_off_the_others() -> None:
    layout = Layout.of(("Total", "EE", "LV"))
    assert visibility((63, 30, 30), (210, 100, 100), layout, 10) is TOTAL_ONLY


def test_labels_that_overlap_make_no_sum() -> None:
    layout = Layout.of(("Total", "EUR", "FIN"))
    assert visibility((60, 50, 30), (200, 180, 90), layout, 10) is ALL


def test_a_layout_knows_every_division_of_every_population() -> None:
    layout = Layout.of(COUNTRY_AND_SEX)
    named = {
        (COUNTRY_AND_SEX[whole], tuple(COUNTRY_AND_SEX[part] for part in parts))
        for whole, parts in layout.sums
    }
    assert named == {
        ("Total", ("F", "M")),
        ("Total", ("EE", "LV")),
        ("EE", ("EE_F", "EE_M")),
        ("LV", ("LV_F", "LV_M")),
        ("F", ("EE_F", "LV_F")),
        ("M", ("EE_M", "LV_M")),
    }
    assert layout.total == 0


def test_a_layout_divides_total_by_the_finest_cells_where_labels_have_no_cell_of_their_own() -> None:
    populations = ("EE_F", "EE_M", "LV", "Total")
    assert Layout.of(populations).sums == ((3, (0, 1, 2)),)
    assert Layout.of(("DEMO",)) == Layout(-1, ())


cells = st.tuples(st.integers(-1, 60), st.integers(-1, 60))


def tables(
    populations: tuple[str, ...],
) -> st.SearchStrategy[tuple[tuple[str, ...], list[list[tuple[int, int]]]]]:
    """Rows of (AC, AN) per population, sensible or not."""
    size = len(populations)
    row = st.lists(cells, min_size=size, max_size=size)
    return st.tuples(st.just(populations), st.lists(row, min_size=1, max_size=5))


rows = st.sampled_from(
    [COUNTRY_AND_SEX, ("Total", "F", "M"), ("EE", "LV"), ("EE", "EE_F", "Total"), ("DEMO",)]
).flatmap(tables)


@given(rows, st.integers(0, 30))
def test_the_bulk_rule_says_what_the_rule_for_one_row_says(
    case: tuple[tuple[str, ...], list[list[tuple[int, int]]]], floor: int
) -> None:
    populations, cells = case
    layout = Layout.of(populations)
    table = np.array(cells, dtype=np.int32)
    counts, numbers = table[:, :, 0], table[:, :, 1]
    one_by_one = [
        visibility(count.tolist(), number.tolist(), layout, floor)
        for count, number in zip(counts, numbers, strict=True)
    ]
    assert visibility_classes(counts, numbers, layout, floor).tolist() == one_by_one
    seen = highest_floors(counts, numbers, layout) >= floor
    assert seen.tolist() == [each is not NOTHING for each in one_by_one]


@given(rows, st.integers(0, 30))
def test_no_cell_that_is_shown_breaks_the_floor(
    case: tuple[tuple[str, ...], list[list[tuple[int, int]]]], floor: int
) -> None:
    populations, cells = case
    layout = Layout.of(populations)
    for row in cells:
        counts, numbers = zip(*row, strict=True)
        seen = visibility(counts, numbers, layout, floor)
        shown = {NOTHING: (), TOTAL_ONLY: (layout.total,), ALL: range(len(populations))}[seen]
        for place in shown:
            assert numbers[place] == 0 or is_visible(counts[place], numbers[place], floor)


@given(st.data(), st.integers(0, 8), st.booleans())
def test_the_bulk_rule_for_genotypes_says_what_the_rule_for_one_row_says(
    data: st.DataObject, floor: int, haploid: bool
) -> None:
    populations = data.draw(st.sampled_from([("Total", "F", "M"), ("Total",), COUNTRY_AND_SEX]))
    size, layout = len(populations), Layout.of(populations)
    cell = st.tuples(st.integers(0, 120), *[st.integers(-1, 15)] * 3)
    drawn = data.draw(st.lists(st.lists(cell, min_size=size, max_size=size), min_size=1, max_size=4))
    counts = np.array(drawn, dtype=np.int32).transpose(2, 0, 1)
    one_by_one = [
        genotypes_visible(
            [0] * size + [count for group in zip(*row, strict=True) for count in group],
            size,
            floor,
            haploid=haploid,
            sums=layout.sums,
        )
        for row in drawn
    ]
    assert genotype_rows(list(counts), layout, floor, haploid=haploid).tolist() == one_by_one
