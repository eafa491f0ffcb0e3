"""The demo as a person runs it, and its portal as a person sees it."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from tests.system.chromium import chromium, complaints, fits_a_telephone, read, shown, sign_in
from tests.system.open_demo import OpenDemo
from tests.system.serving import GDI


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("browser")) as driver:
        yield driver


def test_every_step_of_the_walk_is_told(demo: OpenDemo) -> None:
    steps = [int(number) for number in re.findall(r"^ ?(\d+)\. ", demo.said, re.MULTILINE)]
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) >= 27


def test_files_are_handed_in_refused_to_strangers_and_streamed(demo: OpenDemo) -> None:
    said = " ".join(demo.said.split())
    assert said.count("uploaded → submitted → ingested → archived → verified → ready") == 4
    for words in (": released, 4 files", ": 401, ", "without a visa: 403, ", "with a visa: 200, "):
        assert words in said
    assert len(re.findall(r"[1-9]\d* records of \S+ in \S+, equal to the provider's", said)) == 2


def test_a_request_goes_through_three_countries_and_ends_where_it_is_taken_back(demo: OpenDemo) -> None:
    said = " ".join(demo.said.split())
    for words in (
        "EE approve, NL approve, PT approve", "3 cases: ee.dac, nl.dac, pt.dac", "pt.dac asks for a change",
        "ee.dac: granted", "nl.dac: refused", "pt.dac: granted", ": holds", "decision ee.dac holds",
        "403, in the words that are said of a file that does not exist", "with the same token",
    ):  # fmt: skip
        assert words in said, words
    revoked = re.search(r"refused ([\d.]+) s later", said)
    assert revoked
    assert float(revoked[1]) <= 5.0
    assert said.endswith("200, a ticket") or "goes on 200, a ticket" in said


def test_the_allele_that_is_hidden_is_one_that_people_carry(demo: OpenDemo) -> None:
    hidden = re.search(r"^ +(13-\S+): hidden by", demo.said, re.MULTILINE)
    assert hidden
    assert re.search(rf"{hidden[1]}: EE\d+, (heterozygous|homozygous)", demo.said)


def test_what_it_says_to_try_with_files_can_be_tried(demo: OpenDemo, tmp_path: Path) -> None:
    commands = {
        words: next(line.strip() for line in demo.said.splitlines() if line.strip().startswith(words))
        for words in (
            "gdi submit",
            "gdi archive list",
            "export GDI_LOGIN",
            "gdi login",
            "gdi token",
            "samtools view",
            "curl",
        )
    }
    (tmp_path / "calls.txt").write_text("a file of no format that the node knows")
    submit = commands["gdi submit"].replace("YOUR-FOLDER", str(tmp_path))
    notes = f"GDI_SUBMIT_STATE={tmp_path / '.notes'}"
    assert "1 files are ready" in run_in_shell(f"{notes} {submit}")
    assert "calls.txt.c4gh" in run_in_shell(commands["gdi archive list"])
    login = "; ".join(commands[words] for words in ("export GDI_LOGIN", "gdi login", "gdi token"))
    assert '"self_uri":"drs://' in run_in_shell(f"{login}; {commands['curl']} --silent")
    if shutil.which("samtools") is None:
        pytest.skip("no samtools on this machine")
    assert "synthetic-0" in run_in_shell(f"{login}; {commands['samtools view']}")


def run_in_shell(command: str) -> str:
    """What it printed, with `gdi` as these tests run it."""
    gdi = f'gdi() {{ {shlex.join(GDI)} "$@"; }}'
    done = subprocess.run(
        ["bash", "-c", f"{gdi}\n{command}"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_shared_address_shows_every_country_s_frequency(demo: OpenDemo, browser: webdriver.Chrome) -> None:
    browser.get(f"{demo.portal}/?q=3-45823240-T-C&assembly=GRCh38")
    assert "together: " in read(browser, "article .sub", "GRCh38")
    table = read(browser, "article table", "Estonia")
    assert "Netherlands" in table
    assert "Portugal" in table


def test_members_are_shown_with_how_they_fared(demo: OpenDemo, browser: webdriver.Chrome) -> None:
    browser.get(f"{demo.portal}/?q=BRCA2&assembly=GRCh38")
    for country in ("Estonia", "Netherlands", "Portugal"):
        assert "answered" in read(browser, "#members li", country)


def test_alleles_of_a_gene_are_drawn_by_position_and_each_opens_to_the_whole_of_it(
    demo: OpenDemo, browser: webdriver.Chrome
) -> None:
    browser.get(f"{demo.portal}/?q=BRCA2&assembly=GRCh38")
    rows = shown(browser, "[aria-busy=false] .alleles tbody").find_elements(By.CSS_SELECTOR, "tr:not(.whole)")
    assert len(rows) > 10
    assert len(browser.find_elements(By.CSS_SELECTOR, ".overview > .plot circle")) == len(rows)
    opens = rows[0].find_element(By.CSS_SELECTOR, ".fold")
    opens.click()
    assert opens.text in read(browser, ".whole article", "together: ")
    opens.click()
    assert not browser.find_element(By.CSS_SELECTOR, ".whole article").is_displayed()
    assert fits_a_telephone(browser)
    assert complaints(browser) == []


def test_alleles_are_sorted_by_how_frequent_they_are_in_a_country(
    demo: OpenDemo, browser: webdriver.Chrome
) -> None:
    browser.get(f"{demo.portal}/?q=BRCA2&assembly=GRCh38")
    head = shown(browser, "[aria-busy=false] .alleles th:nth-child(2)", "Estonia")
    head.find_element(By.TAG_NAME, "button").click()
    assert head.get_attribute("aria-sort") == "descending"
    told = [each.text for each in browser.find_elements(By.CSS_SELECTOR, ".alleles td:nth-child(2)")]
    numbers = [float(text) for text in told if text != "–"]
    assert numbers == sorted(numbers, reverse=True)
    assert "–" not in told[: len(numbers)]


def test_what_may_not_be_told_is_explained(demo: OpenDemo, browser: webdriver.Chrome) -> None:
    browser.get(f"{demo.portal}/?q=13-32315999-A-AGATTACAGATTACA&assembly=GRCh38")
    assert "so few that telling would point at them" in read(browser, "#answers .hint", "Nothing to tell")


def test_a_question_that_cannot_be_answered_says_why(demo: OpenDemo, browser: webdriver.Chrome) -> None:
    browser.get(f"{demo.portal}/?q=NOSUCHGENE&assembly=GRCh38")
    assert "is unknown" in read(browser, "#status", "NOSUCHGENE")


def test_people_are_counted_with_a_token_and_not_without(demo: OpenDemo, browser: webdriver.Chrome) -> None:
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    browser.get(demo.portal)
    shown(browser, "#sign-in")
    browser.find_element(By.ID, "tab-people").click()
    token = browser.find_element(By.ID, "token")
    token.send_keys("wrong")
    browser.find_element(By.CSS_SELECTOR, "#ask-people button").click()
    assert "token" in read(browser, "#status", "needed")
    token.clear()
    token.send_keys(demo.token)
    browser.find_element(By.ID, "age").send_keys("60")
    browser.find_element(By.CSS_SELECTOR, "#ask-people button").click()
    assert "Portugal" in read(browser, "article table", "Estonia")


def test_a_registered_researcher_counts_people_by_the_login_alone(
    demo: OpenDemo, browser: webdriver.Chrome
) -> None:
    sign_in(browser, demo.portal, "researcher-one", "/")
    assert shown(browser, "#name").text == "Researcher One"
    browser.find_element(By.ID, "tab-people").click()
    assert not browser.find_element(By.ID, "token").is_displayed()
    browser.find_element(By.CSS_SELECTOR, "#ask-people button").click()
    assert "Portugal" in read(browser, "article table", "Estonia")


def test_who_is_signed_in_but_no_registered_researcher_is_told_why(
    demo: OpenDemo, browser: webdriver.Chrome
) -> None:
    sign_in(browser, demo.portal, "researcher-two", "/")
    browser.find_element(By.ID, "tab-people").click()
    browser.find_element(By.CSS_SELECTOR, "#ask-people button").click()
    assert "ResearcherStatus" in read(browser, "#status", "registered researchers")
    shown(browser, "#token").send_keys(demo.token)
    browser.find_element(By.CSS_SELECTOR, "#ask-people button").click()
    assert "Portugal" in read(browser, "article table", "Estonia")


def test_a_researcher_sees_what_became_of_the_request(demo: OpenDemo, browser: webdriver.Chrome) -> None:
    sign_in(browser, demo.portal, "researcher-one", "/requests")
    shown(browser, ".list h3 a").click()
    cases = read(browser, "#cases", "Portugal")
    for words in ("Estonia", "Netherlands", "Granted", "Refused", "Decided"):
        assert words in cases
    assert shown(browser, "#permit a", "PDF").get_attribute("href").endswith("/pdf")
    assert fits_a_telephone(browser)
    assert complaints(browser) == []


def test_a_committee_sees_its_case_at_its_node(demo: OpenDemo, browser: webdriver.Chrome) -> None:
    sign_in(browser, demo.node("Estonia"), "ee-dac-chair", "/cases")
    shown(browser, ".list h3 a", "ee.dac").click()
    assert "Fits the consent." in read(browser, "#decision", "Granted")
    assert "Burden tests per gene" in read(browser, "#request")
    assert "DUO:0000006" in read(browser, "#match")
    assert [each.text for each in browser.find_elements(By.CSS_SELECTOR, "#actions summary")] == ["Remark"]
    assert fits_a_telephone(browser)
    assert complaints(browser) == []
