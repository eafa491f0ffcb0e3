"""The access-management service and the synchroniser of the field, call by call, against a running hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, update
from tests.applications_kit import (
    COLLEAGUE,
    EE,
    EU,
    FI,
    OFFICIAL,
    OUTSIDE,
    PDF,
    RESEARCHER,
    STRANGER,
    full_answers,
)
from tests.contract.test_database_migrations import move
from tests.rems_kit import AMS, HUB, RemsClient, RemsHub, a_rems_hub

from opengdi.access.ledger import access_heads
from opengdi.apps.migrations import migrate
from opengdi.kernel.keys import read_key_set, verify


@pytest.fixture
def hub(engine: Engine, tmp_path: Path) -> RemsHub:
    return a_rems_hub(engine, tmp_path)


async def item_of(client: RemsClient, dataset: str) -> int:
    found = await client.get("/catalogue-items", resource=dataset)
    number: int = found[0]["id"]
    return number


async def introduce(hub: RemsHub, user: str = RESEARCHER) -> RemsClient:
    """Every request of the service first makes the user known, as its bot."""
    bot = hub.client(user="rems-bot")
    body = {"userid": user, "name": "Researcher One", "email": "one@example.org"}
    assert await bot.post("/users/create", body) == {"success": True}
    return hub.client(user=user)


def as_rems(application: Any, attachment: int) -> list[dict[str, Any]]:
    """Answers to all that is asked, as the service sends them."""
    numbers = {
        form["form/internal-name"].split()[0]: form["form/id"] for form in application["application/forms"]
    }
    said = []
    for answer in full_answers(str(attachment)):
        value = answer["value"]
        if answer["field"] == "algorithms":
            value = " ".join(value)
        elif isinstance(value, list):
            value = [[{"column": column, "value": text} for column, text in row.items()] for row in value]
        said.append({"form": numbers[answer["form"]], "field": answer["field"], "value": value})
    return said


async def submitted(client: RemsClient, *datasets: str) -> int:
    """The number of an application that went the way of the service up to its submission."""
    items = [await item_of(client, dataset) for dataset in datasets]
    number: int = (await client.done("/applications/create", {"catalogue-item-ids": items}))["application-id"]
    files = {"file": ("plan.pdf", PDF)}
    attached = await client.ask("POST", f"/applications/add-attachment?application-id={number}", files=files)
    assert attached.json()["success"] is True
    application = await client.get(f"/applications/{number}")
    values = as_rems(application, attached.json()["id"])
    codes = [{"id": "DUO:0000007", "restrictions": [{"type": "mondo", "values": [{"id": "MONDO:0004992"}]}]}]
    draft = {"application-id": number, "field-values": values, "duo-codes": codes}
    await client.done("/applications/save-draft", draft)
    licenses = [each["license/id"] for each in application["application/licenses"]]
    await client.done(
        "/applications/accept-licenses", {"application-id": number, "accepted-licenses": licenses}
    )
    await client.done("/applications/submit", {"application-id": number})
    return number


async def granted(hub: RemsHub, number: int, *decisions: tuple[Any, bool]) -> None:
    """The official confirms, and bodies decide."""
    id_ = hub.rems.things.find("application", number).name  # type: ignore[arg-type]  # a kind by its name
    await hub.kit.client(OFFICIAL).do(id_, "confirm")
    state = hub.kit.applications.state(id_)
    assert state.version is not None
    for dataset, yes in decisions:
        case = next(at.opened.case for at in state.cases if at.opened.body == dataset.body)
        hub.kit.decided(case, dataset.node, state.version.digest, {dataset: yes})


async def test_the_way_of_the_service_from_item_to_entitlement(hub: RemsHub):
    client = await introduce(hub)
    number = await submitted(client, EE.dataset)
    mine = await client.get("/my-applications")
    assert [(each["application/id"], each["application/state"]) for each in mine] == [
        (number, "application.state/submitted")
    ]
    await granted(hub, number, (EE, True))
    application = await client.get(f"/applications/{number}")
    assert application["application/state"] == "application.state/approved"
    assert application["application/applicant"] == {
        "userid": RESEARCHER, "name": "Researcher One", "email": "one@example.org",
    }  # fmt: skip
    types = [event["event/type"] for event in application["application/events"]]
    assert types[0] == "application.event/created"
    assert types[-1] == "application.event/approved"
    [entitlement] = await client.get("/entitlements")
    assert entitlement["resource"] == EE.dataset
    assert entitlement["application-id"] == number
    assert entitlement["mail"] == "one@example.org"
    assert entitlement["end"] == "2027-11-30T00:00:00.000Z"


async def test_a_text_that_no_database_keeps_is_refused(hub: RemsHub):
    client = await introduce(hub)
    number = await submitted(client, EE.dataset)
    answer = await client.ask(
        "POST", "/applications/remark", json={"application-id": number, "comment": "a\0b"}
    )
    assert answer.status_code == 400


async def test_an_application_may_span_bodies_and_be_granted_in_part(hub: RemsHub):
    client = await introduce(hub)
    number = await submitted(client, EE.dataset, FI.dataset)
    await granted(hub, number, (EE, True), (FI, False))
    assert (await client.get(f"/applications/{number}"))["application/state"] == "application.state/approved"
    assert [each["resource"] for each in await client.get("/entitlements")] == [EE.dataset]


async def test_what_is_asked_comes_back_as_it_was_answered(hub: RemsHub):
    client = await introduce(hub)
    number = await submitted(client, EE.dataset)
    application = await client.get(f"/applications/{number}")
    fields = {
        field["field/id"]: field for form in application["application/forms"] for field in form["form/fields"]
    }
    assert fields["algorithms"]["field/value"] == "statistics"
    assert fields["variables"]["field/value"] == [
        [
            {"column": "variable", "value": "22:1-50818468"},
            {"column": "rationale", "value": "genes of interest"},
        ]
    ]
    attachment = application["application/attachments"][0]
    assert fields["plan-document"]["field/value"] == str(attachment["attachment/id"])
    assert attachment["attachment/filename"] == "plan.pdf"
    download = await client.ask("GET", f"/applications/attachment/{attachment['attachment/id']}")
    assert download.content == PDF
    assert application["application/permissions"] == [
        "application.command/accept-licenses", "application.command/close",
        "application.command/copy-as-new", "application.command/remove-member",
    ]  # fmt: skip
    assert set(application["application/accepted-licenses"]) == {RESEARCHER}
    id_ = application["application/external-id"]
    content = hub.kit.applications.content(hub.kit.applications.state(id_).content)
    assert content.duo == {"diseases": ["MONDO:0004992"]}


async def test_all_that_is_missing_is_said_at_once(hub: RemsHub):
    client = await introduce(hub)
    item = await item_of(client, EE.dataset)
    created = await client.done("/applications/create", {"catalogue-item-ids": [item]})
    told = await client.post("/applications/submit", {"application-id": created["application-id"]})
    assert told["success"] is False
    types = {error["type"] for error in told["errors"]}
    assert {"t.form.validation/required", "t.actions.errors/licenses-not-accepted"} <= types
    assert all(error["form-id"] > 0 for error in told["errors"] if "field-id" in error)
    wrong = {
        "application-id": created["application-id"],
        "field-values": [{"form": 99, "field": "x", "value": ""}],
    }
    assert (await client.post("/applications/save-draft", wrong))["success"] is False


async def test_members_are_invited_join_and_are_entitled_once_they_accepted(hub: RemsHub):
    client = await introduce(hub)
    item = await item_of(client, EE.dataset)
    number = (await client.done("/applications/create", {"catalogue-item-ids": [item]}))["application-id"]
    body = {"application-id": number, "member": {"name": "Two", "email": "two@example.org"}}
    token = (await client.done("/applications/invite-member", body))["invitation-token"]
    other = await introduce(hub, COLLEAGUE)
    assert (await other.ask("GET", f"/applications/{number}")).status_code == 404
    in_address = await other.ask("POST", f"/applications/accept-invitation?invitation-token={token}", json={})
    assert in_address.status_code == 400, "addresses end in logs"
    joined = await other.done("/applications/accept-invitation", {"invitation-token": token})
    assert joined["application-id"] == number
    seen = await other.get(f"/applications/{number}")
    assert [member["userid"] for member in seen["application/members"]] == [COLLEAGUE]
    body = {"application-id": number, "member": {"userid": COLLEAGUE}, "comment": ""}
    await client.done("/applications/remove-member", body)
    assert (await client.get(f"/applications/{number}"))["application/members"] == []


async def test_a_draft_is_copied_and_deleted(hub: RemsHub):
    client = await introduce(hub)
    number = await submitted(client, EE.dataset)
    copied = (await client.done("/applications/copy-as-new", {"application-id": number}))["application-id"]
    assert copied != number
    await client.done("/applications/delete", {"application-id": copied})
    assert (await client.ask("GET", f"/applications/{copied}")).status_code == 404
    told = await client.post("/applications/delete", {"application-id": number})
    assert told["errors"][0]["type"] == "forbidden"
    await client.done("/applications/close", {"application-id": number, "comment": "no longer needed"})
    assert (await client.get(f"/applications/{number}"))["application/state"] == "application.state/closed"


async def test_nobody_acts_for_others_who_may_not(hub: RemsHub):
    assert (await hub.client("key-of-sync", RESEARCHER).ask("GET", "/my-applications")).status_code == 403
    assert (await hub.client("no-key", RESEARCHER).ask("GET", "/my-applications")).status_code == 401
    assert (await hub.client("taken-back", RESEARCHER).ask("GET", "/my-applications")).status_code == 401
    assert (await hub.client("", RESEARCHER).ask("GET", "/my-applications")).status_code == 401
    own = {"x-who": RESEARCHER}
    assert (await hub.client("").ask("GET", "/my-applications", headers=own)).status_code == 200
    answer = await hub.client("", STRANGER).ask("GET", "/my-applications", headers=own)
    assert (answer.status_code, "error" in answer.json()) == (403, True)


async def test_both_are_written_down_and_a_person_brings_no_roles_along(hub: RemsHub):
    await hub.client(user=OFFICIAL).get("/my-applications")
    acted = [line for line in hub.lines.written if line[0] == "rems.act"]
    assert acted == [("rems.act", AMS, (f"person:{OFFICIAL}", "route:GET /api/my-applications"))]
    coordinator = hub.client(user="coordinator")
    assert await coordinator.get("/applications") == []
    assert (await coordinator.ask("POST", "/organizations/create", json={})).status_code == 403


async def test_lists_go_by_pages_for_those_who_want_them_and_are_whole_for_the_others(hub: RemsHub):
    client = await introduce(hub)
    numbers = [await submitted(client, EE.dataset) for _ in range(3)]
    whole = await client.get("/my-applications")
    assert sorted(each["application/id"] for each in whole) == sorted(numbers)
    told, path = [], "/my-applications?limit=2"
    while path:
        answer = await client.ask("GET", path)
        told += answer.json()
        path = answer.links["next"]["url"].removeprefix("/api") if "next" in answer.links else ""
    assert told == whole
    for wrong in ("limit=0", "limit=501", "limit=x", "limit=2&after=x", "limit=2&after=2026-01-01 a"):
        assert (await client.ask("GET", f"/my-applications?{wrong}")).status_code == 400


async def test_a_line_of_a_list_says_what_the_application_says(hub: RemsHub):
    client = await introduce(hub)
    number = await submitted(client, EE.dataset, FI.dataset)
    await granted(hub, number, (EE, True), (FI, False))
    [line] = await client.get("/my-applications")
    whole = await client.get(f"/applications/{number}")
    by_dataset = {each["resource/ext-id"]: each for each in whole["application/resources"]}
    assert {each["resource/ext-id"]: each for each in line.pop("application/resources")} == by_dataset
    assert line["application/first-submitted"]
    assert line == {name: whole[name] for name in line}


async def test_lists_of_the_version_before_learn_when_applications_were_submitted(
    hub: RemsHub, engine: Engine
):
    client = await introduce(hub)
    await submitted(client, EE.dataset)
    draft = await hub.kit.client(RESEARCHER).create(EE, title="Not yet")
    before = {each["application/external-id"]: each for each in await client.get("/my-applications")}
    move(engine, "0017")
    heads = access_heads.c
    with engine.begin() as connection:
        for row in connection.execute(select(heads.stream, heads.summary)).all():
            told = {name: value for name, value in json.loads(row.summary).items() if name != "submitted"}
            connection.execute(
                update(access_heads).where(heads.stream == row.stream).values(summary=json.dumps(told))
            )
    migrate(engine)
    after = {each["application/external-id"]: each for each in await client.get("/my-applications")}
    assert after == before
    assert [id_ for id_, each in after.items() if each["application/first-submitted"] is None] == [draft]


async def test_who_is_no_longer_in_an_application_reads_in_the_list_only_where_it_stands(hub: RemsHub):
    client = await introduce(hub)
    id_ = await hub.kit.client(RESEARCHER).create(EE, title="Not for everybody")
    invited = await hub.kit.client(RESEARCHER).do(id_, "invite-member", subject=COLLEAGUE)
    [line] = await hub.client(user=COLLEAGUE).get("/my-applications")
    assert (line["application/description"], len(line["application/resources"])) == ("", 1)
    await hub.kit.client(COLLEAGUE).do(id_, "accept-invitation", invitation=invited["invitation"])
    [line] = await hub.client(user=COLLEAGUE).get("/my-applications")
    assert line["application/description"] == "Not for everybody"
    await hub.kit.client(RESEARCHER).do(id_, "remove-member", subject=COLLEAGUE)
    [line] = await hub.client(user=COLLEAGUE).get("/my-applications")
    seen = (line["application/description"], line["application/resources"], line["application/members"])
    assert seen == ("", [], [])
    assert (await client.get("/my-applications"))[0]["application/description"] == "Not for everybody"


async def test_a_list_costs_the_same_however_much_happened_to_each_application(hub: RemsHub, engine: Engine):
    client = await introduce(hub)
    for _ in range(3):
        await submitted(client, EE.dataset)
    statements: list[str] = []

    def listen(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    await client.get("/my-applications")
    event.listen(engine, "before_cursor_execute", listen)
    await client.get("/my-applications")
    few = len(statements)
    for _ in range(9):
        await submitted(client, EE.dataset)
    await client.get("/my-applications")
    statements.clear()
    assert len(await client.get("/my-applications")) == 12
    assert len(statements) == few
    assert not any("access_events" in statement for statement in statements)


async def test_the_way_of_the_synchroniser(hub: RemsHub):
    sync = hub.client("key-of-sync", "rems-bot")
    assert (await sync.ask("GET", "/organizations/gdi-eu")).status_code == 404
    organization = {
        "organization/id": "gdi-eu",
        "organization/short-name": {"en": "GDI"},
        "organization/name": {"en": "GDI"},
    }
    made = await sync.done("/organizations/create", organization)
    assert made["organization/id"] == "gdi-eu"
    assert (await sync.get("/organizations/gdi-eu"))["organization/name"] == {"en": "GDI"}
    form = {
        "organization": {"organization/id": "gdi-eu"},
        "form/internal-name": "DARREV 1.0",
        "form/external-title": {"en": "DARREV 1.0"},
        "form/fields": [
            {"field/type": "attachment", "field/title": {"en": "Ethics"}, "field/optional": False}
        ],
    }
    form_number = (await sync.done("/forms/create", form))["id"]
    forms = await sync.get("/forms", disabled="false", archived="false")
    assert [each["form/id"] for each in forms if each["form/internal-name"] == "DARREV 1.0"] == [form_number]
    workflow = {"organization": organization, "title": "DAC", "type": "workflow/default", "handlers": []}
    workflow_number = (await sync.done("/workflows/create", workflow))["id"]
    assert [each["id"] for each in await sync.get("/workflows") if each["title"] == "DAC"] == [
        workflow_number
    ]
    for dataset in (EE.dataset, "GDI-XX-NEW-1"):
        resources = await sync.get("/resources", resid=dataset)
        if not resources:
            body = {"resid": dataset, "organization": organization, "licenses": []}
            resources = [{"id": (await sync.done("/resources/create", body))["id"]}]
        items = await sync.get("/catalogue-items", resource=dataset)
        if not items:
            body = {"resid": resources[0]["id"], "form": form_number, "wfid": workflow_number}
            body |= {"organization": organization, "localizations": {"en": {"title": dataset}}}
            await sync.done("/catalogue-items/create", body)
        assert len(await sync.get("/catalogue-items", resource=dataset)) == 1
        assert len(await sync.get("/resources", resid=dataset)) == 1
    waiting = (await sync.get("/catalogue-items", resource="GDI-XX-NEW-1"))[0]
    assert (waiting["enabled"], waiting["formid"]) == (False, form_number)
    client = await introduce(hub)
    told = await client.post("/applications/create", {"catalogue-item-ids": [waiting["id"]]})
    assert told["success"] is False
    again = (await sync.done("/forms/create", form))["id"]
    assert again == form_number


async def test_what_is_governed_elsewhere_is_not_asked_for_here(hub: RemsHub):
    client = await introduce(hub)
    told = await client.post(
        "/applications/create", {"catalogue-item-ids": [await item_of(client, OUTSIDE.dataset)]}
    )
    assert told["success"] is False
    assert "https://hdab.example.se/apply" in told["errors"][0]["message"]
    told = await client.post("/applications/create", {"catalogue-item-ids": [4711]})
    assert (told["success"], told["errors"][0]["type"]) == (False, "invalid-request")


async def test_visas_of_entitlements_verify_by_the_published_keys(hub: RemsHub):
    client = await introduce(hub)
    number = await submitted(client, EE.dataset)
    await granted(hub, number, (EE, True))
    [token] = (await client.get(f"/permissions/{RESEARCHER}", expired="false"))["ga4gh_passport_v1"]
    published = read_key_set(await hub.client("").get("/jwk"))
    claims = json.loads(verify(token, published.values(), purpose="JWT"))
    assert claims["sub"] == RESEARCHER
    assert claims["iss"] == HUB
    assert claims["exp"] - claims["iat"] == 1800
    assert claims["ga4gh_visa_v1"]["value"] == EE.dataset
    assert claims["jti"]
    assert (await client.ask("GET", f"/permissions/{COLLEAGUE}")).status_code == 403
    reporter = hub.client("key-of-reporter")
    assert len((await reporter.get(f"/permissions/{RESEARCHER}"))["ga4gh_passport_v1"]) == 1
    assert (await reporter.get(f"/permissions/{COLLEAGUE}"))["ga4gh_passport_v1"] == []


async def test_entitlements_of_others_are_for_those_on_duty(hub: RemsHub):
    client = await introduce(hub)
    number = await submitted(client, EE.dataset, EU.dataset)
    await granted(hub, number, (EE, True))
    reporter = hub.client("key-of-reporter")
    assert await reporter.get("/entitlements") == []
    state_before = await (await introduce(hub, COLLEAGUE)).get("/entitlements", user=RESEARCHER)
    assert state_before == []
    csv = await reporter.ask("GET", "/entitlements/export-csv")
    assert csv.text.splitlines() == ["resource,application,user,start,end"]
    assert (await client.ask("GET", "/entitlements/export-csv")).status_code == 403


async def test_entitlements_end_with_the_standing_and_with_the_day(hub: RemsHub):
    client = await introduce(hub)
    await granted(hub, await submitted(client, EE.dataset), (EE, True))
    standing = hub.kit.people.by_subject.pop(RESEARCHER)
    assert await client.get("/entitlements") == []
    assert (await client.get(f"/permissions/{RESEARCHER}"))["ga4gh_passport_v1"] == []
    hub.kit.people.by_subject[RESEARCHER] = standing
    assert len(await client.get("/entitlements")) == 1
    hub.kit.clock.advance(366 * 86_400)
    assert await client.get("/entitlements") == []
    assert len(await client.get("/entitlements", expired="true")) == 1


async def test_too_large_and_unwanted_attachments_are_told_apart(hub: RemsHub):
    client = await introduce(hub)
    item = await item_of(client, EE.dataset)
    number = (await client.done("/applications/create", {"catalogue-item-ids": [item]}))["application-id"]
    path = f"/applications/add-attachment?application-id={number}"
    large = await client.ask("POST", path, files={"file": ("a.pdf", PDF + bytes(150_000))})
    assert large.status_code == 413
    program = await client.ask("POST", path, files={"file": ("a.exe", b"MZ")})
    assert program.status_code == 415


async def test_a_user_who_is_forgotten_leaves_an_id(hub: RemsHub):
    client = await introduce(hub)
    number = await submitted(client, EE.dataset)
    hub.kit.texts.erase(RESEARCHER)
    seen = await client.get(f"/applications/{number}")
    assert seen["application/applicant"] == {"userid": RESEARCHER, "name": None, "email": None}
