"""Pages of a real hub and its nodes: acts of a committee, permits, organisations; for everybody, by keyboard too."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from tests.system.accessibility import Keyboard, dark, low_contrast, unfold, violations
from tests.system.chromium import (
    chromium,
    complaints,
    fits_a_telephone,
    labelled,
    read,
    read_in_time,
    shown,
    sign_in,
)
from tests.system.open_demo import OpenDemo
from tests.system.portal_people import PortalPeople

PERSUASION = "The consent of this cohort excludes it."


@pytest.fixture(scope="module")
def people(demo: OpenDemo) -> PortalPeople:
    return PortalPeople(demo)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("browser"), "--window-size=1280,900") as driver:
        yield driver


def open_case(browser: webdriver.Chrome, people: PortalPeople, who: str, id_: str) -> None:
    country = who.partition("-")[0]
    sign_in(browser, people.node(country), who, f"/cases/{id_}.{country}.dac")
    shown(browser, "#actions")


def form(browser: webdriver.Chrome, command: str) -> WebElement:
    """The form of a command, unfolded."""
    folded = shown(browser, f"details[data-folds='{command}']")
    browser.execute_script("arguments[0].open = true", folded)
    return shown(browser, f"form[data-command='{command}']")


def choose(within: WebElement, words: str) -> None:
    """The radio button or box with that label."""
    label = next(each for each in within.find_elements(By.TAG_NAME, "label") if each.text.startswith(words))
    label.click()


def write(within: WebElement, words: str) -> None:
    within.find_element(By.TAG_NAME, "textarea").send_keys(words)


def press(within: WebElement) -> None:
    within.find_element(By.CSS_SELECTOR, ".buttons button").click()


def answer_question(browser: webdriver.Chrome, words: str) -> None:
    """In the box that asks once more."""
    next(
        each for each in shown(browser, "dialog").find_elements(By.TAG_NAME, "button") if words in each.text
    ).click()


def faults(within: WebElement) -> list[str]:
    return [each.text for each in within.find_elements(By.CSS_SELECTOR, ".fault") if each.text]


# -- acts of a committee


def test_a_veto_says_what_it_does_needs_a_reason_and_is_asked_once_more(
    people: PortalPeople, browser: webdriver.Chrome
) -> None:
    id_ = people.asked("Veto", "ee")
    people.declare(id_, "ee-dac-chair")
    open_case(browser, people, "ee-dac-chair", id_)
    veto = form(browser, "veto")
    assert "stay closed, whatever the vote" in veto.text
    press(veto)
    assert faults(veto) == ["Say whether it is final.", "Please fill this in."]
    choose(veto, "Yes, it is final")
    write(veto, PERSUASION)
    press(veto)
    asked = read(browser, "dialog", "veto")
    assert "the case is decided with it" in asked
    assert "All data of the case" in asked
    answer_question(browser, "No, go back")
    assert people.seen("ee", id_)["state"] == "conformity-check"
    press(veto)
    answer_question(browser, "Yes")
    assert PERSUASION in read(browser, "#decision", "Refused")
    assert people.seen("ee", id_)["state"] == "decided"


def test_a_consensus_is_looked_for_and_concluded(people: PortalPeople, browser: webdriver.Chrome) -> None:
    id_ = people.asked("Consensus", "pt")
    people.up_to_vote(id_, "pt")
    open_case(browser, people, "pt-dac-chair", id_)
    veto = form(browser, "veto")
    choose(veto, "No, a consensus")
    write(veto, PERSUASION)
    press(veto)
    answer_question(browser, "Yes")
    read(browser, "main", "Looking for a consensus")
    conclude = form(browser, "conclude-consensus")
    choose(conclude, "Yes")
    write(conclude, "Fewer variables are used.")
    press(conclude)
    assert "a veto stands" in read(browser, "form[data-command='conclude-consensus']", "Not yet")
    lift = form(browser, "lift-veto")
    write(lift, "Fewer variables are used.")
    press(lift)
    read(browser, "#status", "Done: Lift a veto")
    conclude = form(browser, "conclude-consensus")
    choose(conclude, "Yes")
    write(conclude, "Fewer variables are used.")
    press(conclude)
    answer_question(browser, "Yes")
    read(browser, "#status", "Done: Conclude the consensus")
    assert people.seen("pt", id_)["state"] != "consensus"


def test_who_has_a_conflict_of_interest_takes_no_part(
    people: PortalPeople, browser: webdriver.Chrome
) -> None:
    id_ = people.asked("Conflict", "ee")
    open_case(browser, people, "ee-dac-member", id_)
    declare = form(browser, "declare-interest")
    press(declare)
    assert faults(declare) == ["Say yes or no."]
    assert not declare.find_element(By.TAG_NAME, "textarea").is_displayed()
    choose(declare, "Yes, I take no part")
    write(declare, "The applicant is my sister.")
    press(declare)
    assert "conflict, takes no part" in read(browser, "#found", "you")
    assert not browser.find_elements(By.CSS_SELECTOR, "form[data-command='check-conformity']")


def test_each_criterion_is_judged_and_what_is_not_met_is_explained(
    people: PortalPeople, browser: webdriver.Chrome
) -> None:
    id_ = people.asked("Criteria", "ee")
    people.declare(id_, "ee-dac-member")
    open_case(browser, people, "ee-dac-member", id_)
    check = form(browser, "check-conformity")
    press(check)
    assert faults(check).count("Say whether it is met.") == 8
    criteria = check.find_elements(By.CSS_SELECTOR, ".criterion")
    for each in criteria[1:]:
        choose(each, "met")
    choose(criteria[0], "not met")
    press(check)
    assert "Say what is missing." in faults(check)
    write(criteria[0], "Nobody signed.")
    press(check)
    assert "Nobody signed." in read(browser, "#found", "Criteria")


def test_a_ballot_is_cast_and_an_opinion_given(people: PortalPeople, browser: webdriver.Chrome) -> None:
    id_ = people.asked("Ballot", "ee")
    people.up_to_vote(id_, "ee")
    open_case(browser, people, "ee-dac-member", id_)
    ballot = form(browser, "cast-ballot")
    assert "how others voted is shown only then" in ballot.text
    press(ballot)
    assert faults(ballot) == ["Choose a vote."]
    choose(ballot, "Abstain")
    press(ballot)
    assert "Ballots" in read(browser, "#found", "1 of")


def test_a_request_for_change_stops_the_clock_and_reaches_the_applicant(
    people: PortalPeople, browser: webdriver.Chrome
) -> None:
    id_ = people.asked("Change", "ee")
    people.declare(id_, "ee-dac-chair")
    open_case(browser, people, "ee-dac-chair", id_)
    change = form(browser, "request-change")
    write(change, "Name the funder.")
    press(change)
    read(browser, ".clock", "stands still")
    sign_in(browser, people.demo.portal, "researcher-one", "/requests")
    read_in_time(browser, ".list li", "Change", "Changes are asked for")
    browser.get(f"{people.demo.portal}/requests/{id_}")
    assert "Name the funder." in read(browser, "#talk", "asks for a change")


def test_a_fault_that_the_service_finds_stands_beside_its_field(
    people: PortalPeople, browser: webdriver.Chrome
) -> None:
    id_ = people.asked("Extension", "ee")
    people.declare(id_, "ee-dac-chair")
    open_case(browser, people, "ee-dac-chair", id_)
    extend = form(browser, "extend")
    extend.find_element(By.CSS_SELECTOR, "input[type=number]").send_keys("4000")
    write(extend, "Illness")
    press(extend)
    assert "are possible" in read(browser, "form[data-command='extend'] .fault", "WorkingDays is 4000")
    field = extend.find_element(By.CSS_SELECTOR, "input[type=number]")
    assert field.get_attribute("aria-invalid") == "true"
    assert field == browser.switch_to.active_element
    field.clear()
    field.send_keys("1")
    press(extend)
    read(browser, "#status", "Done: Extend")


def test_a_refusal_is_appealed_by_the_applicant_and_decided_by_others(
    people: PortalPeople, browser: webdriver.Chrome
) -> None:
    id_ = people.asked("Appeal", "ee")
    people.declare(id_, "ee-dac-chair")
    people.act(id_, "ee-dac-chair", "veto", final=True, text=PERSUASION)
    people.wait("ee", id_, lambda _: people.request(id_)["state"] == "rejected")
    sign_in(browser, people.demo.portal, "researcher-one", f"/requests/{id_}")
    folded = shown(browser, "#cases details", "Appeal against")
    browser.execute_script("arguments[0].open = true", folded)
    appeal = shown(browser, "form[data-command='appeal']")
    assert "20 working days" in appeal.text
    press(appeal)
    assert faults(appeal) == ["Please fill this in."]
    write(appeal, "The consent was read wrongly.")
    press(appeal)
    read(browser, "#status", "Done: Appeal")
    people.wait("ee", id_, lambda case: case["state"] == "appeal")
    open_case(browser, people, "ee-dac-member", id_)
    assert "The consent was read wrongly." in read(browser, "#history", "Appeal")


def count_people(browser: webdriver.Chrome) -> None:
    """The bar at the foot of the page lies over what is scrolled to just so."""
    pressed = shown(browser, "#cohort-count")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", pressed)
    pressed.click()


def test_a_request_says_whose_data_and_each_committee_sees_the_count_of_its_own(
    people: PortalPeople, browser: webdriver.Chrome
) -> None:
    id_ = people.drafted("Women with diabetes", "ee", "pt")
    sign_in(browser, people.demo.portal, "researcher-one", f"/requests/{id_}")
    assert "Everybody in the datasets" in read(browser, "#cohort", "Age over")
    count_people(browser)
    assert "Say something" in read(browser, "#cohort [role=alert]", "in common")
    labelled(browser, "Sex").send_keys("female")
    labelled(browser, "Age over").send_keys("40")
    count_people(browser)
    counted = read(browser, "#cohort", "Counted by the hub")
    assert "Sex: female" in counted
    assert "Age over 40 years" in counted
    told = people.request(id_)["cohort"]["counts"]
    assert all(each["count"] for each in told)
    for country, each in zip(
        ("Estonia", "Portugal"), sorted(told, key=lambda each: each["dataset"]), strict=True
    ):
        row = read(browser, "#cohort tbody tr", country)
        assert each["dataset"] in row
        assert str(each["count"]) in row
    labelled(browser, "Title").send_keys(", again")
    read(browser, "#saved", "Saved at")  # nobody else changed the draft meanwhile
    shown(browser, "#submit").click()
    read(browser, "#cohort", "Submitting freezes these counts")
    assert not browser.find_elements(By.ID, "cohort-count")

    people.confirm(id_)
    people.wait("ee", id_, lambda _: True)
    open_case(browser, people, "ee-dac-member", id_)
    mine = read(browser, "#cohort", "Sex: female")
    own, other = (next(each for each in told if f"-{code}-" in each["dataset"]) for code in ("EE", "PT"))
    assert own["dataset"] in mine
    assert str(own["count"]) in mine
    assert other["dataset"] not in mine
    assert complaints(browser) == []


def test_who_declared_is_not_asked_again_and_may_say_that_a_conflict_came_up(
    people: PortalPeople, browser: webdriver.Chrome
) -> None:
    id_ = people.asked("Interest", "ee")
    open_case(browser, people, "ee-dac-member", id_)
    declare = form(browser, "declare-interest")
    choose(declare, "No, I have none")
    press(declare)
    read(browser, "#status", "Done: Declare your interest")
    assert "Declare your interest" not in read(browser, "#actions", "Check conformity")
    since = form(browser, "declare-interest")
    press(since)
    assert faults(since) == ["Please fill this in."]
    write(since, "My group joined the project.")
    press(since)
    read(browser, "#found", "conflict, takes no part")


def test_a_committee_reads_attachments_at_its_own_node(
    people: PortalPeople, browser: webdriver.Chrome
) -> None:
    id_ = people.asked("Attachment", "ee")
    open_case(browser, people, "ee-dac-member", id_)
    file = shown(browser, "#request a", "plan.pdf")
    address = file.get_attribute("href")
    assert address.startswith(people.node("ee"))
    got = browser.execute_async_script(
        "const done = arguments[1]; fetch(arguments[0]).then(async (answer) => done({status: answer.status,"
        " bytes: [...new Uint8Array(await answer.arrayBuffer())],"
        " disposition: answer.headers.get('content-disposition')}))",
        address,
    )
    assert got["status"] == 200
    assert bytes(got["bytes"]).startswith(b"%PDF")
    assert hashlib.sha256(bytes(got["bytes"])).hexdigest() in read(browser, "#request", "sha256")
    assert got["disposition"].startswith("attachment;")


# -- permits


def granted(people: PortalPeople, title: str) -> tuple[str, str, str]:
    """A request that was granted, its dataset, and its permit, which the node has heard of."""
    id_ = people.asked(title, "ee")
    people.up_to_decision(id_, "ee")
    [dataset] = [each["dataset"] for each in people.request(id_)["datasets"]]
    people.act(id_, "ee-dac-chair", "decide", datasets=[{"dataset": dataset, "granted": True}])
    people.wait("ee", id_, lambda _: bool(people.request(id_)["permit"]))
    permit = people.request(id_)["permit"]
    people.wait_for_permit("ee", permit)
    return id_, dataset, permit


def test_a_holder_sees_the_permit_and_ends_it_only_when_asked_twice(
    people: PortalPeople, browser: webdriver.Chrome
) -> None:
    id_, dataset, permit = granted(people, "To be closed")
    sign_in(browser, people.node("ee"), "ee-dac-chair", f"/permits/{permit}")
    assert "Nothing" in read(browser, "#people", "holder")
    assert shown(browser, "#times svg").get_attribute("aria-label").startswith("Time line: issued")
    assert dataset in read(browser, "#data", "Version")
    assert complaints(browser) == []

    sign_in(browser, people.demo.portal, "researcher-one", "/permits")
    assert "To be closed" in read(browser, ".list", "To be closed")
    browser.get(f"{people.demo.portal}/requests/{id_}")
    shown(browser, "#permit a", "Who may use what").click()
    assert "Nothing" in read(browser, "#people", "you")
    assert shown(browser, "a.button", "PDF").get_attribute("href").endswith(f"{permit}/pdf")
    press(form(browser, "attest"))
    read(browser, "#status", "Done: Attest")
    close = form(browser, "close-out")
    press(close)
    assert faults(close) == ["Choose the reason."]
    close.find_element(By.CSS_SELECTOR, "select").send_keys("It is completed")
    press(close)
    answer_question(browser, "No, go back")
    press(close)
    answer_question(browser, "Yes")
    assert "Ended" in read(browser, "main", "closed out")


def test_more_time_and_a_change_are_asked_for_by_new_drafts(
    people: PortalPeople, browser: webdriver.Chrome
) -> None:
    id_, _, _ = granted(people, "To go on")
    for command, words in (("extend", "The permit goes on as it is"), ("amend", "What was granted goes on")):
        sign_in(browser, people.demo.portal, "researcher-one", f"/requests/{id_}")
        asked = form(browser, command)
        assert words in asked.text
        if command == "extend":
            press(asked)
            assert faults(asked) == ["Give a day."]
            asked.find_element(By.CSS_SELECTOR, "input[type=date]").send_keys("06302028")
        press(asked)
        read(browser, "main", "You can still change everything")
        assert not browser.current_url.endswith(id_)


def test_the_signing_official_suspends_a_permit_with_a_reason(
    people: PortalPeople, browser: webdriver.Chrome
) -> None:
    _, _, permit = granted(people, "To be suspended")
    sign_in(browser, people.demo.portal, "signing-official", f"/permits/{permit}")
    assert "Nothing" in read(browser, "#people", "holder")
    suspend = form(browser, "suspend")
    press(suspend)
    assert faults(suspend) == ["Please fill this in."]
    write(suspend, "The project rests.")
    press(suspend)
    assert "Nothing is open until it is resumed" in read(browser, "main", "Suspended")


def test_the_data_holder_takes_a_permit_back_at_the_node(
    people: PortalPeople, browser: webdriver.Chrome
) -> None:
    _, _, permit = granted(people, "To be revoked")
    sign_in(browser, people.node("ee"), "ee-dac-member", "/permits")
    assert "data holder" in read(browser, "[role=alert]", "Permits are shown")
    sign_in(browser, people.node("ee"), "ee-dac-chair", f"/permits/{permit}")
    revoke = form(browser, "revoke")
    press(revoke)
    assert faults(revoke) == ["Please fill this in."]
    write(revoke, "A breach.")
    press(revoke)
    asked = read(browser, "dialog", "Revoke")
    assert "For everybody" in asked
    assert "for ever" in asked
    answer_question(browser, "Yes")
    assert "It was taken back here." in read(browser, "#people", "taken back")


# -- organisations


def test_an_organisation_is_registered_and_says_what_comes_next(
    people: PortalPeople, browser: webdriver.Chrome
) -> None:
    sign_in(browser, people.demo.portal, "researcher-two", "/organisations")
    assert "No signing official has named you." in read(browser, "#you", "not ask for data yet")
    shown(browser, "#begin a", "Register").click()
    register = shown(browser, "form[data-command='register']")
    press(register)
    assert "Say who signs." in faults(register)
    said = {
        "Legal name": "Institute of Pages", "Country": "EE", "Domain": "pages.example.org", "ROR": "https://ror.org/wrong",
        "Name": "Legal Person", "E-mail address": "legal@pages.example.org", "Your name": "Researcher Two",
        "Your e-mail": "two@pages.example.org",
    }  # fmt: skip
    for label, words in said.items():
        field = next(
            each for each in register.find_elements(By.TAG_NAME, "label") if each.text.startswith(label)
        )
        browser.find_element(By.ID, field.get_attribute("for")).send_keys(words)
    choose(register, "I do")
    press(register)
    assert "ror" in read(browser, "form[data-command='register'] .fault", "ror.org").lower()
    ror = browser.switch_to.active_element
    ror.clear()
    ror.send_keys("https://ror.org/03z77qz90")
    press(register)
    assert "An operator of the hub checks" in read(browser, "#next", "proof")
    organisation = browser.current_url.rpartition("/")[2]
    sign_in(browser, people.demo.portal, "onboarding-operator", f"/organisations/{organisation}")
    assert "you check that it is who it says" in read(browser, "#next.todo", "vet it").lower()
    vet = form(browser, "vet")
    press(vet)
    assert "legal-existence" in read(browser, "form[data-command='vet'] [role=alert]", "legal")


def test_an_organisation_shows_what_was_signed_by_whom_and_whose_training_holds(
    people: PortalPeople, browser: webdriver.Chrome
) -> None:
    sign_in(browser, people.demo.portal, "signing-official", f"/organisations/{people.demo.organisation}")
    documents = read(browser, "#documents", "Joint controllership agreement")
    assert documents.count("Signed") >= 2
    assert "Training holds until" in read(browser, "#people", "Active")
    person = shown(browser, "#people details")
    browser.execute_script("arguments[0].open = true", person)
    assert "Researcher One" in read(browser, "#people details", "May ask for data")


def test_a_document_is_shown_before_it_is_signed(people: PortalPeople, browser: webdriver.Chrome) -> None:
    terms = f"Contract of {datetime.now(UTC).isoformat()}"
    published = {"id": "healthcare", "kind": "healthcare-contract", "title": "Healthcare contract"}
    content = base64.b64encode(terms.encode()).decode()
    people.person("onboarding-operator").at().post("/access/v1/documents", {**published, "content": content})
    sign_in(browser, people.demo.portal, "signing-official", f"/organisations/{people.demo.organisation}")
    assert "Not signed" in read(browser, "#documents", "Healthcare contract")
    sign = form(browser, "sign")
    assert read(browser, "form[data-command='sign'] pre", terms)
    assert hashlib.sha256(terms.encode()).hexdigest() in sign.text
    press(sign)
    assert faults(sign) == ["Read it first, and say so."]
    choose(sign, "I have read it")
    press(sign)
    assert "not taken back" in read(browser, "dialog", "Sign a document")
    assert violations(browser) == []
    answer_question(browser, "Yes")
    read(browser, "#status", "Done: Sign a document")
    assert "Not signed" not in read(browser, "#documents", "Healthcare contract")


# -- for everybody


def pages(people: PortalPeople, id_: str) -> list[tuple[str, str, str]]:
    """Who looks at what: every page in every main state."""
    hub, node, permit = people.demo.portal, people.node("ee"), people.demo.permit
    return [
        ("", hub, "/"),
        ("", hub, "/?q=3-45823240-T-C&assembly=GRCh38"),
        ("", hub, "/?q=13:32315000-32316000&assembly=GRCh38"),
        ("", hub, "/requests"),
        ("researcher-one", hub, "/requests"),
        ("researcher-one", hub, "/requests/new"),
        ("researcher-one", hub, f"/requests/{people.drafted('A draft', 'ee')}"),
        ("researcher-one", hub, f"/requests/{id_}"),
        ("signing-official", hub, f"/requests/{id_}"),
        ("researcher-one", hub, "/permits"),
        ("researcher-one", hub, f"/permits/{permit}"),
        ("researcher-two", hub, "/organisations"),
        ("researcher-two", hub, "/organisations/register"),
        ("signing-official", hub, f"/organisations/{people.demo.organisation}"),
        ("onboarding-operator", hub, f"/organisations/{people.demo.organisation}"),
        ("researcher-one", hub, "/cases"),
        ("", hub, "/notices"),
        ("researcher-one", hub, "/notices"),
        ("", hub, "/invitation"),
        ("researcher-two", hub, "/invitation"),
        ("", node, "/"),
        ("ee-dac-chair", node, "/"),
        ("ee-dac-chair", node, "/cases"),
        ("ee-dac-chair", node, f"/cases/{id_}.ee.dac"),
        ("ee-dac-member", node, f"/cases/{id_}.ee.dac"),
        ("ee-dac-chair", node, "/permits"),
        ("ee-dac-chair", node, f"/permits/{permit}"),
        ("ee-dac-member", node, "/permits"),
        ("ee-dac-chair", node, "/notices"),
    ]


def test_no_page_breaks_a_rule_of_wcag_or_is_wider_than_a_telephone(
    people: PortalPeople, browser: webdriver.Chrome
) -> None:
    id_ = people.asked("Accessible", "ee", "pt")
    people.up_to_vote(id_, "ee")
    found = {}
    for who, at, path in pages(people, id_):
        if who:
            sign_in(browser, at, who, path)
        else:
            browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
            browser.get(f"{at}{path}")
        shown(browser, "h1")
        read(browser, "#status", "allele") if "?q=" in path else None
        unfold(browser)
        if broken := violations(browser):
            found[who, path, "light"] = broken
        dark(browser, is_dark=True)
        if broken := low_contrast(browser):
            found[who, path, "dark"] = broken
        dark(browser, is_dark=False)
        if not fits_a_telephone(browser):
            found[who, path, "telephone"] = ["too wide"]
        assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en"
    assert not found, "\n".join(f"{where}: {each}" for where, broken in found.items() for each in broken)
    assert complaints(browser) == []


def test_a_question_that_is_asked_once_more_breaks_no_rule_either(
    people: PortalPeople, browser: webdriver.Chrome
) -> None:
    id_ = people.asked("Dialog", "ee")
    sign_in(browser, people.demo.portal, "researcher-one", f"/requests/{id_}")
    press(form(browser, "withdraw"))
    shown(browser, "dialog")
    assert violations(browser) == []
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not browser.find_elements(By.CSS_SELECTOR, "dialog[open]")
    assert people.request(id_)["state"] != "withdrawn"


def test_a_request_is_sent_and_decided_by_keyboard_alone(
    people: PortalPeople, browser: webdriver.Chrome
) -> None:
    id_ = people.drafted("By keyboard", "ee")
    sign_in(browser, people.demo.portal, "researcher-one", "/requests")
    shown(browser, ".list a", "By keyboard")
    keyboard = Keyboard(browser)
    keyboard.to("Skip to the page")
    keyboard.press(Keys.ENTER)
    keyboard.to("By keyboard")
    keyboard.press(Keys.ENTER)
    shown(browser, "#costs", "prices")
    keyboard.to("Submit", "button")
    keyboard.press(Keys.ENTER)
    read(browser, "#status", "It was submitted")
    people.confirm(id_)
    people.wait("ee", id_, lambda _: True)
    people.up_to_decision(id_, "ee")

    open_case(browser, people, "ee-dac-chair", id_)
    keyboard.to("Grant", "radio")
    keyboard.press(Keys.SPACE)
    keyboard.to("Sign the decision")
    keyboard.press(Keys.ENTER)
    shown(browser, "dialog")
    assert browser.switch_to.active_element.text == "No, go back"
    keyboard.to("Yes: sign the decision")
    keyboard.press(Keys.ENTER)
    read(browser, "#decision", "Granted")
    assert browser.execute_script("return document.activeElement.id") == "page"
    assert people.seen("ee", id_)["state"] == "decided"
