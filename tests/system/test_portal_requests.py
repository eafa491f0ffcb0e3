"""A researcher works in the portal of a real hub: signs in, sees what is allowed, writes a draft that saves itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select
from tests.system.chromium import chromium, complaints, fits_a_telephone, labelled, read, shown, sign_in
from tests.system.serving import Serving, serving

HUB = """\
[hub]
id = "eu.hub"
name = "Hub of the test"
environment = "dev"
data_dir = "hub-data"
keys_dir = "hub-keys"

[identity.development]
enabled = true

[identity.grave_acts]
within_s = 2
commands = ["delete"]

[[requests.datasets]]
dataset = "GDI-EE-A-1"
version = "1.0"
node = "ee.node"
body = "ee.dac"
title = "Estonian <b>cohort</b>"
duo = ["DUO:0000006"]

[[requests.datasets]]
dataset = "GDI-FI-A-1"
version = "1.0"
node = "fi.node"
body = "fi.dac"
title = "Finnish cohort"
duo = ["DUO:0000042", "DUO:0000046"]

[requests.applications]
prices = [{ node = "ee.node", application = 50000, month = 2500 }]
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("hub")
    config = folder / "gdi.toml"
    config.write_text(HUB)
    data = {"GDI_HUB__DATA_DIR": str(folder / "hub-data"), "GDI_HUB__KEYS_DIR": str(folder / "hub-keys")}
    with serving("hub", config, folder / "hub-data", **data) as hub:
        yield hub


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("browser"), "--window-size=1200,900") as driver:
        yield driver


def drafted(browser: webdriver.Chrome, hub: Serving, who: str, title: str) -> str:
    """Somebody signs in and makes a draft; its address."""
    sign_in(browser, hub.public, who, "/requests/new")
    shown(browser, ".match")
    labelled(browser, "Title").send_keys(title)
    labelled(browser, "Estonian").click()
    browser.find_element(By.ID, "new-create").click()
    shown(browser, "#costs", "not binding")
    return str(browser.current_url)


def see_what_the_conditions_say(browser: webdriver.Chrome) -> None:
    """Before anything is made: one use is refused with a reason, another is allowed."""
    estonian = '[data-dataset="GDI-EE-A-1"]'
    assert "Estonian <b>cohort</b>" in shown(browser, estonian, "Estonian").text
    labelled(browser, "Populations, origins").click()
    Select(labelled(browser, "Is it for profit?")).select_by_visible_text("no")
    refused = shown(browser, f"{estonian} .match", "No ")
    assert "DUO:0000006" in refused.text
    labelled(browser, "Populations, origins").click()
    labelled(browser, "Health, medical").click()
    shown(browser, f"{estonian} .match", "allow this")


def test_a_request_from_signing_in_to_a_draft_that_says_what_is_missing(
    hub: Serving, browser: webdriver.Chrome, tmp_path: Path
) -> None:
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    browser.get(f"{hub.public}/requests/new")
    shown(browser, "#page a", "Sign in to go on").click()
    shown(browser, "a", "Researcher One").click()
    assert shown(browser, "#name").text == "Researcher One"
    assert browser.current_url == f"{hub.public}/requests/new"

    see_what_the_conditions_say(browser)

    # the draft
    labelled(browser, "Title").send_keys("Rare variants")
    for name in ("Estonian", "Finnish"):
        labelled(browser, name).click()
    browser.find_element(By.ID, "new-create").click()
    shown(browser, "h1", "Rare variants")
    shown(browser, "#costs", "not binding")
    assert "GDI-FI-A-1" in shown(browser, "#datasets").text
    labelled(browser, "Summary in plain").send_keys("We compare.")
    labelled(browser, "E-mail address for").send_keys("nobody")
    shown(browser, "#saved", "Saved at")
    shown(browser, '[data-field="contact"] .fault', "Give an e-mail address")
    assert not browser.find_element(By.CSS_SELECTOR, '[data-field="methods"] .fault').text

    # a field that hangs on another
    assert not browser.find_element(By.CSS_SELECTOR, '[data-field="ai-explained"]').is_displayed()
    labelled(browser, "Machine learning").click()
    shown(browser, '[data-field="ai-explained"]')

    # a table, and a file
    shown(browser, '[data-field="variables"] button', "Add a row").click()
    browser.switch_to.active_element.send_keys("22:1-1000")
    plan = tmp_path / "plan.pdf"
    plan.write_bytes(b"%PDF-1.7 synthetic")
    browser.find_element(By.CSS_SELECTOR, '[data-field="plan-document"] input[type=file]').send_keys(
        str(plan)
    )
    shown(browser, "#attachments li", "plan.pdf")

    # what keeps it from being submitted, beside the fields, for who sees and who does not
    shown(browser, "#submit").click()
    shown(browser, '[data-field="methods"] .fault', "Please answer this")
    methods = labelled(browser, "Analysis plan")
    assert methods.get_attribute("aria-invalid") == "true"
    described = methods.get_attribute("aria-describedby").split()
    assert "Please answer this" in browser.find_element(By.ID, described[-1]).text
    shown(browser, "#until-fault", "until when")

    # all of it is there again
    browser.refresh()
    shown(browser, "h1", "Rare variants")
    assert labelled(browser, "Summary in plain").get_attribute("value") == "We compare."
    assert shown(browser, '[data-field="variables"] input').get_attribute("value") == "22:1-1000"
    file = browser.find_element(By.CSS_SELECTOR, '[data-field="plan-document"] select')
    assert Select(file).first_selected_option.text == "plan.pdf"

    assert fits_a_telephone(browser)
    browser.get(f"{hub.public}/requests")
    assert "You can still change everything" in shown(browser, ".list li", "Rare variants").text
    assert complaints(browser) == []


def test_nobody_overwrites_what_somebody_else_saved_meanwhile(
    hub: Serving, browser: webdriver.Chrome, tmp_path: Path
) -> None:
    drafted(browser, hub, "researcher-two", "Twice")
    with chromium(tmp_path / "other") as other:
        sign_in(other, hub.public, "researcher-two", browser.current_url.removeprefix(hub.public))
        shown(other, "#costs", "not binding")
        labelled(browser, "Summary in plain").send_keys("First.")
        shown(browser, "#saved", "Saved at")
        labelled(other, "Summary in plain").send_keys("Second.")
        shown(other, ".savebar button", "Load what others wrote").click()
        shown(other, "#saved", "Saved")
        assert labelled(other, "Summary in plain").get_attribute("value") == "First."


def test_who_signed_in_too_long_ago_for_a_grave_act_signs_in_again_and_comes_back(
    hub: Serving, browser: webdriver.Chrome
) -> None:
    place = drafted(browser, hub, "researcher-one", "To be deleted")
    time.sleep(2.1)  # a login of before is too old then

    def delete() -> None:
        folded = shown(browser, "details[data-folds='delete']")
        browser.execute_script("arguments[0].open = true", folded)
        shown(browser, "form[data-command='delete'] button").click()
        shown(browser, "dialog button", "Yes").click()

    delete()
    asked = "form[data-command='delete']"
    assert "within the last 2 seconds" in read(browser, f"{asked} [role=alert]", "You come back")
    again = shown(browser, f"{asked} a", "Sign in again")
    assert parse_qs(urlsplit(again.get_attribute("href")).query) == {
        "max_age": ["2"],
        "next": [urlsplit(place).path],
    }
    again.click()
    shown(browser, "a", "Researcher One").click()
    shown(browser, "h1", "To be deleted")
    assert browser.current_url == place


def test_pages_of_a_stranger_s_request_say_so(hub: Serving, browser: webdriver.Chrome) -> None:
    sign_in(browser, hub.public, "researcher-two", "/requests/GDIA-0000000000")
    assert shown(browser, "[role=alert]").text


def test_who_signs_out_is_signed_out(hub: Serving, browser: webdriver.Chrome) -> None:
    sign_in(browser, hub.public, "researcher-two", "/requests")
    shown(browser, "#sign-out").click()
    shown(browser, "#sign-in", "Sign in")


def test_the_code_of_an_invitation_stands_in_no_address_that_a_server_sees(
    hub: Serving, browser: webdriver.Chrome, tmp_path: Path
) -> None:
    place = drafted(browser, hub, "researcher-one", "Together")
    shown(browser, "summary", "Invite a member").click()
    shown(browser, "form[data-command='invite-member'] input[type='email']").send_keys("two@example.org")
    shown(browser, "form[data-command='invite-member'] button", "Invite").click()
    address = shown(browser, "#people code").text
    assert address.startswith(f"{place}#invitation=")
    token = parse_qs(urlsplit(address).fragment)["token"][0]

    with chromium(tmp_path / "other") as other:
        other.get(address)
        assert other.current_url == place, "the code leaves the address"
        shown(other, "#page a", "Sign in to go on").click()
        assert token not in other.current_url
        shown(other, "a", "Researcher Two").click()
        shown(other, "h1", "You are invited")
        asked = other.execute_script("return performance.getEntries().map((each) => each.name).join(' ')")
        assert token not in asked
        shown(other, "button", "Decline").click()
        shown(other, "h1", "Requests")
        assert other.execute_script("return sessionStorage.length") == 0, "a used code is kept nowhere"
    browser.refresh()
    assert "invited, until" not in shown(browser, "#people").text
