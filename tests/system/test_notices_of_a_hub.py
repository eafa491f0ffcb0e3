"""A real hub tells people by a real mail server, however often it is killed; what cannot be sent is seen outside."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path

import httpx
from selenium.webdriver.common.by import By
from tests.onboarding_kit import REGISTRATION
from tests.smtp_server import MailServer, a_mail_server
from tests.system.chromium import chromium, complaints, fits_a_telephone, labelled, shown, sign_in
from tests.system.serving import Serving, serving, typed

ORGANISATIONS = 6


def gdi(*arguments: object) -> str:
    return typed(*arguments).strip()


def found_hub(root: Path, mail: str = "") -> tuple[Path, dict[str, str]]:
    """The settings of a hub, and headers of a program that may register organisations there."""
    config = root / "gdi.toml"
    config.write_text(f'[hub]\nid = "eu.hub"\nname = "The hub"\n[mail]\nlook_s = 0.05\n{mail}')
    key = gdi("key", "new", "desk", "--registered", "--at", "hub", "--config", config)
    return config, {"authorization": f"Bearer {key}"}


def register(hub: Serving, headers: dict[str, str], number: int) -> str:
    """Register an organisation whose official is invited; the code of the invitation."""
    official = {"name": "Dean", "email": f"dean{number}@example.org"}
    answer = httpx.post(
        f"{hub.public}/access/v1/organisations", json={**REGISTRATION, "official": official}, headers=headers
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["invitationCode"])


def wait_until(holds: Callable[[], bool], what: str, limit_s: float = 60.0) -> None:
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_a_laptop_finds_its_letters_in_a_folder(tmp_path: Path):
    config, headers = found_hub(tmp_path)
    with serving("hub", config, tmp_path / "hub-data") as hub:
        code = register(hub, headers, 1)
        folder = tmp_path / "hub-data" / "mail"
        wait_until(lambda: bool(folder.exists() and list(folder.glob("*.eml"))), "no letter was written")
    [file] = folder.glob("*.eml")
    letter = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert (letter["to"], letter["from"]) == ("dean1@example.org", "The hub <noreply@localhost>")
    assert f"{hub.public}/invitation#{code}" in letter.get_content()
    assert code not in hub.log.read_text()


def test_everybody_is_told_over_kills_and_a_moody_server(tmp_path: Path):
    mood = MailServer(hold_s=0.02, replies={"RCPT": ["550 no such user"], "MAIL": ["451 busy"]})
    with a_mail_server(mood):
        mail = f'server = "127.0.0.1"\nport = {mood.port}\nsecurity = "none"\nsender = "noreply@hub.example.org"\n'
        config, headers = found_hub(tmp_path, mail)
        for number in range(ORGANISATIONS):
            (tmp_path / "hub-data" / "listening.json").unlink(missing_ok=True)
            with serving("hub", config, tmp_path / "hub-data") as hub:
                register(hub, headers, number)
                sent = len(mood.taken)
                if number:  # killed while it writes, sends, or writes down that it has sent
                    wait_until(lambda before=sent: len(mood.taken) > before, "nothing was sent")
        (tmp_path / "hub-data" / "listening.json").unlink(missing_ok=True)
        with serving("hub", config, tmp_path / "hub-data") as hub:
            wait_until(lambda: len({to for to, _ in mood.taken}) == ORGANISATIONS - 1, "some were never told")
            ready = httpx.get(f"{hub.management}/health/ready").json()
            assert "1 cannot be sent" in json.dumps(ready)
            metrics = httpx.get(f"{hub.management}/metrics").text
            assert 'opengdi_notices{state="unsent"} 1.0' in metrics
            [dead] = json.loads(
                gdi("notice", "list", "--state", "unsent", "--json", "--at", "hub", "--config", config)
            )
            assert "550" in dead["trouble"]
            assert dead["recipient"].startswith("invitation:")
            assert "@" not in json.dumps(dead), "no address is kept with a notice"
            gdi("notice", "retry", "--all", "--at", "hub", "--config", config)
            wait_until(lambda: len({to for to, _ in mood.taken}) == ORGANISATIONS, "the retry was not sent")
            shown = json.loads(gdi("notice", "show", dead["id"], "--at", "hub", "--config", config))
            wait_until(
                lambda: (
                    json.loads(gdi("notice", "show", dead["id"], "--at", "hub", "--config", config))["state"]
                    == "sent"
                ),
                f"still {shown}",
            )
    by_id = {letter["message-id"]: to for to, letter in mood.taken}
    assert sorted(by_id.values()) == sorted({to for to, _ in mood.taken}), "a letter twice is the same letter"


def test_a_mail_server_that_is_away_degrades_the_hub_and_stops_nothing(tmp_path: Path):
    with a_mail_server() as gone:
        pass
    mail = (
        f'server = "127.0.0.1"\nport = {gone.port}\nsecurity = "none"\nsender = "noreply@hub.example.org"\n'
    )
    config, headers = found_hub(tmp_path, mail)
    with serving("hub", config, tmp_path / "hub-data") as hub:
        register(hub, headers, 1)

        def is_told() -> bool:
            notices = httpx.get(f"{hub.management}/health/ready").json()["subsystems"]["notices"]
            return notices["status"] == "degraded" and f"127.0.0.1:{gone.port}" in notices["detail"]

        wait_until(is_told, "nobody says that letters cannot be sent")
        with a_mail_server(MailServer(port=gone.port)) as back:
            wait_until(lambda: len(back.taken) == 1, "the letter did not come later")


def test_an_invited_official_accepts_where_the_letter_leads_and_says_what_they_want_to_hear(tmp_path: Path):
    config, headers = found_hub(tmp_path, "[identity.development]\nenabled = true\n")
    with (
        serving("hub", config, tmp_path / "hub-data") as hub,
        chromium(tmp_path / "browser", "--window-size=1000,800") as browser,
    ):
        code = register(hub, headers, 1)
        browser.get(f"{hub.public}/invitation#{code}")
        assert browser.current_url == f"{hub.public}/invitation", "the code leaves the address"
        shown(browser, "a", "Sign in to go on").click()
        shown(browser, "a", "Researcher One").click()
        shown(browser, "#accept")
        assert labelled(browser, "Code").get_attribute("value") == code, "it is still known after the login"
        assert fits_a_telephone(browser)
        shown(browser, "button", "Accept").click()
        shown(browser, ".crumbs", "GDIO-")
        assert browser.execute_script("return sessionStorage.length") == 0, "a used code is kept nowhere"

        browser.get(f"{hub.public}/notices")
        shown(browser, "label", "member joined")
        browser.find_element(By.NAME, "member-joined").click()
        shown(browser, "button", "Save").click()
        shown(browser, "#status", "Saved.")
        browser.refresh()
        shown(browser, "label", "member joined")
        assert not browser.find_element(By.NAME, "member-joined").is_selected()
        assert browser.find_element(By.NAME, "permit-resumed").is_selected()
        assert not browser.find_elements(By.NAME, "permit-revoked"), "a duty is no choice"
        assert fits_a_telephone(browser)
        assert complaints(browser) == []

        sign_in(browser, hub.public, "researcher-two", "/notices")
        shown(browser, "label", "member joined")
        assert browser.find_element(By.NAME, "member-joined").is_selected(), "choices are one's own"
