"""A member that fails is left alone for a while, then probed with one question."""

from __future__ import annotations

from opengdi.federation.circuit import Circuit, CircuitPolicy, Fault

POLICY = CircuitPolicy(failures=3, rest_s=30, malformed=2, quarantine_s=600)


def failing(times: int, fault: Fault = Fault.UNREACHABLE) -> Circuit:
    circuit = Circuit(POLICY)
    for _ in range(times):
        circuit.failed(fault, now=0.0)
    return circuit


def test_it_stays_closed_below_the_limit() -> None:
    assert failing(2).admits(now=0.0)


def test_it_opens_after_failures_in_a_row_and_says_why() -> None:
    circuit = failing(3)
    assert not circuit.admits(now=29.9)
    assert circuit.reason == "circuit open after failures"


def test_a_success_in_between_starts_the_count_again() -> None:
    circuit = failing(2)
    circuit.succeeded()
    circuit.failed(Fault.UNREACHABLE, now=0.0)
    assert circuit.admits(now=0.0)


def test_after_the_rest_exactly_one_probe_goes_through() -> None:
    circuit = failing(3)
    assert circuit.admits(now=30.0)
    assert not circuit.admits(now=30.0)
    circuit.succeeded()
    assert circuit.admits(now=30.0)
    assert circuit.open_until is None


def test_a_failed_probe_opens_it_again_at_once() -> None:
    circuit = failing(3)
    assert circuit.admits(now=30.0)
    circuit.failed(Fault.UNREACHABLE, now=31.0)
    assert not circuit.admits(now=60.0)
    assert circuit.admits(now=61.0)


def test_a_probe_that_its_asker_gave_up_may_be_repeated() -> None:
    circuit = failing(3)
    assert circuit.admits(now=30.0)
    circuit.abandoned()
    assert circuit.admits(now=30.0)


def test_malformed_answers_lead_to_quarantine() -> None:
    circuit = failing(2, Fault.MALFORMED)
    assert not circuit.admits(now=599.0)
    assert circuit.reason == "in quarantine after malformed answers"
    assert circuit.admits(now=600.0)
