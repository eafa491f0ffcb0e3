"""The formula that ties budgets to the size of a cohort: section 4 of the disclosure-control design."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.kernel.disclosure.power import answers_for, budget, factor_for, membership_power


@pytest.mark.parametrize("individuals, power", [(40, 0.89), (200, 0.23), (1000, 0.05)])
def test_the_three_predicted_powers(individuals: int, power: float) -> None:
    assert membership_power(500, individuals) == pytest.approx(power, abs=0.005)


@pytest.mark.parametrize(
    "alpha, power, factor",
    [
        (0.05, 0.05, 0.0), (0.05, 0.10, 0.13), (0.05, 0.50, 2.71),
        (0.01, 0.05, 0.46), (0.01, 0.10, 1.09), (0.01, 0.50, 5.41),
        (0.001, 0.05, 2.09), (0.001, 0.10, 3.27), (0.001, 0.50, 9.55),
    ],
)  # fmt: skip
def test_the_table_of_budget_factors(alpha: float, power: float, factor: float) -> None:
    assert factor_for(power, alpha) == pytest.approx(factor, abs=0.01)


@pytest.mark.parametrize("individuals, answers", [(40, 18), (200, 92), (1000, 460), (50, 23), (0, 0)])
def test_the_default_budgets(individuals: int, answers: int) -> None:
    assert budget(individuals, 0.46) == answers


@given(st.integers(1, 10**6))
def test_a_caller_at_budget_recognises_a_member_in_at_most_five_of_a_hundred_cases(individuals: int) -> None:
    assert membership_power(budget(individuals, 0.46), individuals) <= 0.05


def test_nothing_told_leaves_chance_only() -> None:
    assert membership_power(0, 1000, 0.01) == pytest.approx(0.01)
    assert membership_power(0, 0, 0.01) == 0.01


@given(st.integers(1, 10**6), st.sampled_from([0.05, 0.1, 0.5, 0.9]))
def test_answers_for_is_the_inverse_of_the_power(individuals: int, power: float) -> None:
    answers = answers_for(power, individuals)
    assert membership_power(answers, individuals) >= power - 1e-6
    assert membership_power(max(answers - 1, 0), individuals) <= power + 1e-6
