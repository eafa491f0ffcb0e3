"""The knobs of one dataset, and which of two wins."""

from __future__ import annotations

import math
from dataclasses import asdict, fields

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.errors import Invalid

policies = st.builds(
    DisclosurePolicy,
    k_alleles=st.integers(0, 50),
    k_individuals=st.integers(0, 50),
    count_rounding=st.integers(1, 50),
    af_budget_factor=st.floats(0, 50),
    global_budget_factor=st.floats(0, 50),
    min_update_batch=st.integers(0, 50),
)


@pytest.mark.parametrize("knob", [field.name for field in fields(DisclosurePolicy)])
@pytest.mark.parametrize("value", [-1, math.nan, math.inf])
def test_a_knob_below_zero_or_without_end_is_refused_by_its_name(knob: str, value: float) -> None:
    with pytest.raises(Invalid, match=f"disclosure.{knob}"):
        DisclosurePolicy(**{knob: value})


def test_counts_cannot_be_rounded_to_nothing() -> None:
    with pytest.raises(Invalid, match="count_rounding"):
        DisclosurePolicy(count_rounding=0)


def test_the_larger_floor_and_the_smaller_budget_win() -> None:
    one = DisclosurePolicy(k_alleles=5, af_budget_factor=1.0, min_update_batch=20)
    other = DisclosurePolicy(k_alleles=20, af_budget_factor=0.1, min_update_batch=5)
    both = one.strictest(other)
    assert (both.k_alleles, both.af_budget_factor, both.min_update_batch) == (20, 0.1, 20)


@given(policies, policies, policies)
def test_the_strictest_of_several_does_not_depend_on_their_order(
    a: DisclosurePolicy, b: DisclosurePolicy, c: DisclosurePolicy
) -> None:
    assert a.strictest(b) == b.strictest(a)
    assert a.strictest(b).strictest(c) == a.strictest(b.strictest(c))
    assert a.strictest(a) == a


@given(policies, policies)
def test_the_strictest_is_no_laxer_than_either(a: DisclosurePolicy, b: DisclosurePolicy) -> None:
    both, mine = asdict(a.strictest(b)), asdict(a)
    for knob, value in mine.items():
        assert both[knob] <= value if knob.endswith("budget_factor") else both[knob] >= value


def test_numbers_are_kept_as_the_kind_that_is_read_back() -> None:
    policy = DisclosurePolicy(k_alleles=10.0, af_budget_factor=1, individual_budget=True)  # type: ignore[arg-type]
    text = msgspec.json.encode(policy)
    assert msgspec.json.encode(msgspec.json.decode(text, type=DisclosurePolicy)) == text
    assert policy == DisclosurePolicy(af_budget_factor=1.0, individual_budget=1.0)


@pytest.mark.parametrize(
    "knob, value", [("k_alleles", 10.5), ("tells_public", 0.5), ("af_budget_factor", 10**400)]
)
def test_a_knob_of_another_kind_is_refused_by_its_name(knob: str, value: float) -> None:
    with pytest.raises(Invalid, match=f"disclosure.{knob}"):
        DisclosurePolicy(**{knob: value})
