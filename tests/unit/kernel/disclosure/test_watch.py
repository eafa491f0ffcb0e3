"""Who asks too often, and who asks as if they held a genome."""

from __future__ import annotations

import pytest

from opengdi.kernel.clock import FixedClock
from opengdi.kernel.disclosure.anomaly import QUESTIONS, Alarm, AskingPattern, pattern_of
from opengdi.kernel.disclosure.rate import RequestRate
from opengdi.kernel.disclosure.watch import SLOWED, Watch
from opengdi.kernel.errors import OverBudget
from opengdi.kernel.principal import Principal
from opengdi.standards.variant_key import variant_key

ASKER, OTHER = Principal("anonymous:1"), Principal("anonymous:2")


def alleles(spacing_bases: int) -> list[int]:
    """Single alleles on chromosomes 1 to 4 in turn, so far apart on each."""
    return [
        variant_key(str(1 + place % 4), 1_000_000 + place // 4 * spacing_bases, "A", "G")
        for place in range(2 * QUESTIONS)
    ]


def test_a_caller_may_ask_the_whole_allowance_at_once_and_then_waits() -> None:
    clock = FixedClock()
    rate = RequestRate(10, 60, clock)
    for _ in range(10):
        rate.admit(ASKER)
    with pytest.raises(OverBudget) as refused:
        rate.admit(ASKER)
    assert refused.value.public == "Too many requests; try again in 6 s."
    rate.admit(OTHER)
    clock.advance(6)
    rate.admit(ASKER)
    with pytest.raises(OverBudget):
        rate.admit(ASKER)


def test_refused_questions_cost_nothing() -> None:
    clock = FixedClock()
    rate = RequestRate(1, 10, clock)
    rate.admit(ASKER)
    for _ in range(50):
        with pytest.raises(OverBudget):
            rate.admit(ASKER)
    clock.advance(10)
    rate.admit(ASKER)


def test_no_limit_is_no_limit() -> None:
    rate = RequestRate(0, 60, FixedClock())
    for _ in range(1000):
        rate.admit(ASKER)


def test_the_memory_for_callers_is_bounded() -> None:
    rate = RequestRate(1, 3600, FixedClock(), callers=2)
    for number in range(4):
        rate.admit(Principal(f"anonymous:{number}"))
    rate.admit(Principal("anonymous:0"))
    with pytest.raises(OverBudget):
        rate.admit(Principal("anonymous:3"))


def test_rare_alleles_all_over_the_genome_raise_an_alarm() -> None:
    asked = [(key, 0.0) for key in alleles(5_000_000)][:QUESTIONS]
    assert pattern_of(asked) is Alarm.RARE_ALLELES


def test_the_alleles_of_one_genome_raise_an_alarm() -> None:
    asked = [(key, 0.3) for key in alleles(5_000_000)][:QUESTIONS]
    assert pattern_of(asked) is Alarm.ONE_GENOME


def test_a_researcher_in_a_gene_raises_none() -> None:
    asked = [(key, 0.0) for key in alleles(100)][:QUESTIONS]
    assert pattern_of(asked) is None


def test_a_mixed_list_of_alleles_raises_none() -> None:
    asked = [(key, 0.3 * (place % 2)) for place, key in enumerate(alleles(5_000_000))][:QUESTIONS]
    assert pattern_of(asked) is None


def test_few_questions_and_repeated_ones_raise_none() -> None:
    pattern = AskingPattern()
    for key in alleles(5_000_000)[: QUESTIONS - 1]:
        for _ in range(4):
            pattern.note(key, 0.0)
    assert pattern.alarm is None


def test_an_alarm_is_reported_once_and_makes_questions_dearer() -> None:
    reported: list[tuple[str, Alarm]] = []
    watch = Watch(
        RequestRate(100, 60, FixedClock()), lambda asker, alarm: reported.append((asker.subject, alarm))
    )
    for key in alleles(5_000_000):
        watch.notice(ASKER, key, 0.0)
    assert reported == [("anonymous:1", Alarm.RARE_ALLELES)]
    for _ in range(round(100 / SLOWED)):
        watch.admit(ASKER)
    with pytest.raises(OverBudget):
        watch.admit(ASKER)
    for _ in range(100):
        watch.admit(OTHER)


def test_an_alarm_ends_when_the_questions_change() -> None:
    watch = Watch(RequestRate(100, 60, FixedClock()), lambda *_: None)
    for key in (*alleles(5_000_000), *alleles(100)):
        watch.notice(ASKER, key, 0.0)
    for _ in range(100):
        watch.admit(ASKER)


def test_the_memory_for_patterns_is_bounded() -> None:
    watch = Watch(RequestRate(0, 60, FixedClock()), lambda *_: None, callers=1)
    for key in alleles(5_000_000):
        watch.notice(ASKER, key, 0.0)
        watch.notice(OTHER, key, 0.0)
    watch.admit(ASKER)
