"""A door opens by a visa that holds now, and says the same of what is absent and of what is not theirs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from opengdi.kernel.doors import Reach, on_duty, reach, registered, submitting
from opengdi.kernel.errors import NotAuthenticated, NotPermitted
from opengdi.kernel.ids import ReleaseId
from opengdi.kernel.principal import Duty, Principal, Role, Tier, Visa
from opengdi.standards.coordinates import Interval

NOW = datetime(2026, 11, 1, tzinfo=UTC)
A, B = ReleaseId("A", "1"), ReleaseId("B", "1")
OF_A = frozenset({"A"})
HERE, THERE = Interval("22", 100, 200), Interval("X", 0, 50)
STRANGER = Principal("anonymous:ab12")


def somebody(*visas: Visa, provider: str = "") -> Principal:
    duties = frozenset({Duty(Role.PROVIDER, provider)} if provider else ())
    return Principal("somebody", visas=visas, duties=duties, logged_in=True)


def test_a_visa_opens_its_dataset_whole():
    assert reach(somebody(Visa("A")), {A, B}, NOW) == Reach(whole=True, datasets=OF_A)


def test_a_visa_for_a_version_opens_that_version_alone():
    asker = somebody(Visa("A", version="1"))
    assert reach(asker, {A}, NOW) == Reach(whole=True, datasets=OF_A)
    assert reach(asker, {ReleaseId("A", "2"), A}, NOW).whole, "it lies in both"
    for other in (ReleaseId("A", "2"), ReleaseId("A", "10"), ReleaseId("A"), B):
        with pytest.raises(NotPermitted):
            reach(asker, {other}, NOW)


def test_regions_of_several_visas_open_together():
    asker = somebody(Visa("A", (HERE,)), Visa("B", (THERE,)), Visa("C"))
    assert reach(asker, {A, B}, NOW) == Reach(False, (HERE, THERE), frozenset({"A", "B"}))


def test_a_visa_for_all_is_wider_than_one_for_regions():
    assert reach(somebody(Visa("A", (HERE,)), Visa("A")), {A}, NOW).whole
    asker = somebody(Visa("A"), Visa("B", (HERE,)))
    assert reach(asker, {A, B}, NOW) == Reach(whole=True, datasets=OF_A), "it is by A that all is theirs"


def test_a_visa_ends_on_the_second():
    visa = Visa("A", until=NOW)
    assert reach(somebody(visa), {A}, NOW - timedelta(seconds=1)).whole
    with pytest.raises(NotPermitted):
        reach(somebody(visa), {A}, NOW)


def test_what_is_absent_and_what_is_anothers_are_refused_in_the_same_words():
    asker, words = somebody(Visa("A")), []
    for releases in ((), (B,)):
        with pytest.raises(NotPermitted) as refused:
            reach(asker, releases, NOW)
        words.append((refused.value.public, str(refused.value)))
    assert words[0] == words[1]


@pytest.mark.parametrize("releases", [(), (A,)])
def test_a_stranger_is_asked_who_they_are_whatever_there_is(releases):
    with pytest.raises(NotAuthenticated):
        reach(STRANGER, releases, NOW)


def test_an_open_dataset_is_open_to_strangers():
    assert reach(Principal("anonymous:ab12", visas=(Visa("A"),)), {A}, NOW).whole


def test_only_a_holder_with_a_provider_submits():
    assert submitting(somebody(provider="hospital-1")) == "hospital-1"
    with pytest.raises(NotPermitted):
        submitting(somebody(Visa("A")))
    with pytest.raises(NotAuthenticated):
        submitting(STRANGER)


def test_who_submits_for_several_providers_must_say_by_the_key_for_which():
    duties = frozenset(Duty(Role.PROVIDER, of) for of in ("a", "b"))
    with pytest.raises(NotPermitted) as refused:
        submitting(Principal("somebody", duties=duties, logged_in=True))
    assert "one of them" in refused.value.public


def test_questions_about_people_are_for_registered_people_and_holders_of_a_visa():
    registered(Principal("ada", Tier.REGISTERED))
    registered(somebody(Visa("A")))
    with pytest.raises(NotPermitted):
        registered(somebody())
    with pytest.raises(NotAuthenticated):
        registered(STRANGER)


@pytest.mark.parametrize(
    ("duty", "opens"),
    [
        (Duty(Role.DAC_MEMBER, "ee.dac"), True),
        (Duty(Role.DAC_MEMBER), True),
        (Duty(Role.DAC_MEMBER, "fi.dac"), False),
        (Duty(Role.AUDITOR, "ee.dac"), False),
    ],
)
def test_a_role_is_for_one_body_or_for_the_whole_service(duty, opens):
    asker = Principal("ada", duties=frozenset({duty}), logged_in=True)
    if opens:
        on_duty(asker, Role.DAC_CHAIR, Role.DAC_MEMBER, of="ee.dac")
    else:
        with pytest.raises(NotPermitted):
            on_duty(asker, Role.DAC_CHAIR, Role.DAC_MEMBER, of="ee.dac")
    with pytest.raises(NotAuthenticated):
        on_duty(STRANGER, Role.DAC_MEMBER, of="ee.dac")
