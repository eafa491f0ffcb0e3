"""One application over HTTP and a database: drafted, confirmed, split, decided in each country, amended, ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select
from tests.applications_kit import (
    COLLEAGUE,
    COORDINATOR,
    EE,
    EU,
    FI,
    FI2,
    OFFICIAL,
    OUTSIDE,
    PARTNER,
    PDF,
    RESEARCHER,
    STRANGER,
    UNTIL,
    Kit,
)

from opengdi.access.applications.catalogue import offer_of, read_offer
from opengdi.access.applications.content import digest_of, version_document
from opengdi.access.applications.deletions import note_deletions
from opengdi.access.applications.erasing import forget_person
from opengdi.access.applications.offering import Offering
from opengdi.access.texts import access_texts
from opengdi.kernel.errors import Conflict, Invalid, Unavailable
from opengdi.kernel.principal import Principal
from opengdi.kernel.reception import ReceivedEvent


@pytest.fixture
def kit(engine: Engine, tmp_path: Path) -> Kit:
    return Kit(engine, tmp_path)


async def test_the_whole_way_from_draft_to_decisions_of_three_bodies(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.complete(EE, FI, FI2, EU)
    assert (await researcher.do(id_, "submit"))["state"] == "pending-confirmation"
    assert not kit.notices
    told = await kit.client(OFFICIAL).do(id_, "confirm", text="Seen.")
    assert told["state"] == "submitted"
    offers = {body["case"]: (node, kind, body) for node, kind, body in kit.notices}
    assert {case: (node, kind, body["kind"]) for case, (node, kind, body) in offers.items()} == {
        f"{id_}.eu.dac": ("hub", "case.offered", "central"),
        f"{id_}.ee.dac": ("ee.node", "case.offered", "decide"),
        f"{id_}.fi.dac": ("fi.node", "case.offered", "decide"),
        f"{id_}.fi.dac.countersign": ("fi.node", "case.offered", "countersign"),
    }
    digest = told["versions"][0]["digest"]
    application = offers[f"{id_}.ee.dac"][2]["application"]
    assert application["digest"] == digest
    assert application["signedBy"] == OFFICIAL
    assert [file["name"] for file in application["attachments"]] == ["a.pdf"]

    kit.event(
        "eu.gdi.case.changed", "ee.node", case=f"{id_}.ee.dac", state="checking", clock={"due": "2026-12-04"}
    )
    assert (await researcher.get(f"/applications/{id_}"))["state"] == "under-review"
    kit.decided(f"{id_}.ee.dac", "ee.node", digest, {EE: True})
    kit.decided(f"{id_}.fi.dac", "fi.node", digest, {FI: True, FI2: False})
    kit.decided(f"{id_}.eu.dac", "hub", digest, {EU: True})
    assert (await researcher.get(f"/applications/{id_}"))["state"] == "under-review"
    kit.decided(f"{id_}.fi.dac.countersign", "fi.node", digest, {EU: False})
    told = await researcher.get(f"/applications/{id_}")
    assert told["state"] == "partly-approved"
    assert told["remsState"] == "application.state/approved"
    assert {"amend", "extend", "attest", "close-out", "appeal"} <= set(told["permitted"])


async def test_a_refused_appeal_is_read_by_the_applicant_with_the_reason(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.submitted(EE)
    case = f"{id_}.ee.dac"
    digest = (await researcher.get(f"/applications/{id_}"))["versions"][0]["digest"]
    kit.decided(case, "ee.node", digest, {EE: False})
    await researcher.do(id_, "appeal", case=case, text="Please look again.")
    kit.event(
        "eu.gdi.case.appeal-refused", "ee.node", case=case, why="late", until="2026-07-01T22:00:00+00:00"
    )
    told = await researcher.get(f"/applications/{id_}")
    assert told["state"] == "rejected"
    assert told["asked"][-1]["kind"] == "remark"
    assert "possible until 2026-07-01" in told["asked"][-1]["text"]
    with pytest.raises(Invalid, match="has no case"):
        kit.event("eu.gdi.case.appeal-refused", "fi.node", case=case, why="late")
    with pytest.raises(Invalid, match="why"):
        kit.event("eu.gdi.case.appeal-refused", "ee.node", case=case, why="<script>")


async def test_a_request_for_change_is_answered_by_a_new_version(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.submitted(EE, FI)
    first = (await researcher.get(f"/applications/{id_}"))["versions"][0]["digest"]
    kit.decided(f"{id_}.fi.dac", "fi.node", first, {FI: True})
    kit.event("eu.gdi.case.asked", "ee.node", case=f"{id_}.ee.dac", kind="change", text="Shorter, please.")
    told = await researcher.get(f"/applications/{id_}")
    assert (told["state"], told["asked"][0]["text"]) == ("returned", "Shorter, please.")
    await researcher.do(id_, "save-draft", title="Rare variants, shorter")
    kit.notices.clear()
    assert (await researcher.do(id_, "resubmit"))["state"] == "pending-confirmation"
    told = await kit.client(OFFICIAL).do(id_, "confirm")
    assert [version["version"] for version in told["versions"]] == [1, 2]
    assert {(node, kind) for node, kind, _ in kit.notices} == {
        ("ee.node", "application.changed"),
        ("fi.node", "application.changed"),
    }
    changed = await researcher.get(f"/applications/{id_}/versions/2")
    assert changed["title"] == "Rare variants, shorter"
    assert (await researcher.get(f"/applications/{id_}/versions/1"))["title"] == "Rare variants"
    kit.decided(f"{id_}.ee.dac", "ee.node", told["versions"][1]["digest"], {EE: True})
    assert (await researcher.get(f"/applications/{id_}"))["state"] == "approved"


async def test_an_incomplete_application_is_told_all_its_faults_at_once(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.create(EE)
    answer = await researcher.try_to(id_, "submit")
    assert answer.status_code == 400
    types = [error["type"] for error in answer.json()["errors"]]
    assert {"title-missing", "until-missing", "t.actions.errors/licenses-not-accepted"} <= set(types)
    assert types.count("t.form.validation/required") > 10
    assert (await researcher.get(f"/applications/{id_}"))["state"] == "draft"


async def test_what_governs_itself_elsewhere_is_a_redirect_and_never_a_case(kit: Kit):
    researcher = kit.client(RESEARCHER)
    answer = await researcher.ask(
        "POST",
        "/applications",
        json={"datasets": [{"dataset": EE.dataset}, {"dataset": OUTSIDE.dataset}]},
    )
    assert answer.json()["redirects"][0]["url"] == OUTSIDE.url
    assert [one["dataset"] for one in answer.json()["datasets"]] == [EE.dataset]
    alone = await researcher.ask("POST", "/applications", json={"datasets": [{"dataset": OUTSIDE.dataset}]})
    assert alone.status_code == 400
    assert OUTSIDE.url in alone.json()["detail"]


async def test_members_join_by_subject_or_by_a_token_that_nobody_keeps(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.create(EE)
    told = await researcher.do(id_, "invite-member", subject=COLLEAGUE)
    await kit.client(COLLEAGUE).do(id_, "accept-invitation", invitation=told["invitation"])
    told = await researcher.do(id_, "invite-member", name="Partner", email="partner@example.org")
    wrong = await kit.client(STRANGER).try_to(
        id_, "accept-invitation", invitation=told["invitation"], token="guess"
    )
    assert wrong.status_code == 404
    joined = await kit.client(PARTNER).do(
        id_, "accept-invitation", invitation=told["invitation"], token=told["token"]
    )
    assert [member["subject"] for member in joined["members"]] == [COLLEAGUE, PARTNER]
    with kit.engine.connect() as connection:
        kept = " ".join(connection.scalars(select(access_texts.c.body)))
    assert "partner@example.org" not in kept
    assert [line["id"] for line in (await kit.client(PARTNER).get("/applications"))["items"]] == [id_]
    left = await kit.client(PARTNER).do(id_, "leave")
    assert left["roles"] == ["former"]
    handed = await researcher.do(id_, "change-applicant", subject=COLLEAGUE)
    assert handed["applicant"]["subject"] == COLLEAGUE


async def test_who_is_not_concerned_learns_nothing(kit: Kit):
    id_ = await kit.client(RESEARCHER).create(EE)
    for who in (STRANGER, OFFICIAL, COORDINATOR):
        client = kit.client(who)
        assert (await client.ask("GET", f"/applications/{id_}")).status_code == 404
        assert (await client.try_to(id_, "submit")).status_code == 404
        assert (await client.get("/applications"))["items"] == []
    assert (await kit.client().ask("GET", f"/applications/{id_}")).status_code == 401
    assert (await kit.client(COORDINATOR).get("/applications?scope=all"))["items"] == []
    assert (await kit.client(STRANGER).ask("GET", "/applications?scope=all")).status_code == 403


async def test_nobody_confirms_what_is_their_own(kit: Kit):
    official = kit.client(OFFICIAL)
    id_ = await official.complete(EE)
    answer = await official.try_to(id_, "submit")
    assert [error["type"] for error in answer.json()["errors"]] == ["signing-official-missing"]


async def test_a_refused_confirmation_returns_the_application(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.complete(EE)
    await researcher.do(id_, "submit")
    assert (await kit.client(COORDINATOR).try_to(id_, "confirm")).status_code == 403
    line = (await kit.client(OFFICIAL).get("/applications"))["items"][0]
    assert (line["id"], line["roles"]) == (id_, ["signing-official"])
    assert line["permitted"] == ["confirm", "refuse-confirmation"]
    assert (await kit.client(OFFICIAL).try_to(id_, "refuse-confirmation")).status_code == 400
    await kit.client(OFFICIAL).do(id_, "refuse-confirmation", text="No budget.")
    told = await researcher.get(f"/applications/{id_}")
    assert (told["state"], told["refusal"]) == ("returned", "No budget.")
    assert (await researcher.do(id_, "resubmit"))["state"] == "pending-confirmation"


async def test_a_decision_is_believed_only_from_its_body_about_its_case_and_a_version_that_was_submitted(
    kit: Kit,
):
    id_ = await kit.client(RESEARCHER).submitted(EE, FI)
    case = f"{id_}.ee.dac"
    digest = kit.notices[0][2]["application"]["digest"]
    good = kit.decision(case, "ee.dac", "ee.node", digest, {EE: True})
    forged = kit.decision(case, "fi.dac", "ee.node", digest, {EE: True})
    for node, jws in (
        ("fi.node", good),
        ("ee.node", forged),
        ("ee.node", "x.y.z"),
        ("ee.node", kit.decision(case, "ee.dac", "ee.node", "0" * 64, {EE: True})),
        ("ee.node", kit.decision(case, "ee.dac", "ee.node", digest, {EE: True, FI: True})),
        ("ee.node", kit.decision(f"{id_}.fi.dac", "ee.dac", "ee.node", digest, {EE: True})),
    ):
        with pytest.raises(Invalid):
            kit.event("eu.gdi.case.decided", node, case=case, decision=jws)
    kit.event("eu.gdi.case.decided", "ee.node", case=case, decision=good)
    kit.event("eu.gdi.case.decided", "ee.node", case=case, decision=good)
    kinds = [
        event["kind"] for event in (await kit.client(RESEARCHER).get(f"/applications/{id_}/events"))["items"]
    ]
    assert kinds.count("case-decided") == 1


async def test_withdrawing_tells_the_cases(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.submitted(EE, FI)
    kit.notices.clear()
    assert (await researcher.do(id_, "withdraw"))["state"] == "withdrawn"
    assert {(node, kind) for node, kind, _ in kit.notices} == {
        ("ee.node", "case.withdrawn"),
        ("fi.node", "case.withdrawn"),
    }
    kit.event("eu.gdi.case.asked", "ee.node", case=f"{id_}.ee.dac", kind="change", text="Late.")
    assert (await researcher.get(f"/applications/{id_}"))["state"] == "withdrawn"


async def test_questions_are_answered_by_notices(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.submitted(EE, FI)
    kit.event("eu.gdi.case.asked", "ee.node", case=f"{id_}.ee.dac", kind="question", text="Which genes?")
    told = await researcher.get(f"/applications/{id_}")
    assert told["state"] == "submitted"
    kit.notices.clear()
    await researcher.do(id_, "answer", answers=told["asked"][0]["id"], text="BRCA1.")
    assert [(node, body["text"]) for node, _, body in kit.notices] == [("ee.node", "BRCA1.")]
    assert (
        await researcher.try_to(id_, "answer", answers=told["asked"][0]["id"], text="Again.")
    ).status_code == 409
    kit.notices.clear()
    await researcher.do(id_, "remark", text="By the way.")
    assert len(kit.notices) == 2


async def test_amendments_and_extensions_are_new_applications_that_name_the_old_one(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.submitted(EE)
    assert (await researcher.try_to(id_, "amend")).status_code == 409
    kit.decided(f"{id_}.ee.dac", "ee.node", kit.notices[0][2]["application"]["digest"], {EE: True})
    fresh = await researcher.do(id_, "amend")
    assert fresh["follows"] == {"kind": "amendment", "of": id_}
    assert (await researcher.try_to(id_, "extend", until="2027-01-01")).status_code == 400
    longer = await researcher.do(id_, "extend", until="2030-12-31")
    assert (longer["until"], longer["title"]) == ("2030-12-31", "Rare variants")
    told = await researcher.get(f"/applications/{id_}")
    assert [link["of"] for link in told["followedBy"]] == [fresh["id"], longer["id"]]
    assert (await researcher.do(id_, "attest"))["attested"]
    ended = await researcher.do(id_, "close-out", reason="completed")
    assert (ended["state"], ended["ended"]) == ("closed", "completed")


async def test_a_draft_saved_by_somebody_else_meanwhile_is_not_overwritten(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.create(EE)
    base = (await researcher.get(f"/applications/{id_}"))["digest"]
    await researcher.do(id_, "save-draft", title="One", base=base)
    assert (await researcher.try_to(id_, "save-draft", title="Two", base=base)).status_code == 409
    before = (await researcher.get(f"/applications/{id_}/events"))["items"]
    await researcher.do(id_, "save-draft", title="One")
    kept = kit.applications.state(id_)
    with kit.engine.connect() as connection:
        assert set(connection.scalars(select(access_texts.c.id))) == {kept.content, kept.title}
    assert (await researcher.get(f"/applications/{id_}/events"))["items"] == before


async def test_hints_and_costs_are_told_before_submitting(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.create(FI, EE)
    hints = await researcher.get(f"/applications/{id_}/hints")
    codes = {hint["code"] for hint in hints["items"]}
    assert {
        "duo-missing",
        "ethics-document-missing",
        "variables-missing",
        "plan-short",
        "until-missing",
    } <= codes
    assert hints["errors"]
    await researcher.do(id_, "save-draft", until="2027-11-29")
    costs = await researcher.get(f"/applications/{id_}/estimate?egressGiB=3")
    assert costs["withoutPrices"] == ["ee.node"]
    assert costs["totals"] == [{"currency": "EUR", "amount": 10_000 + 5_000 + 12 * 100 + 3 * 10}]


async def test_dry_run_says_whether_and_changes_nothing(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.complete(EE)
    answer = await researcher.ask("POST", f"/applications/{id_}/commands/submit?dry-run=true")
    assert answer.json() == {"possible": True}
    assert (await researcher.get(f"/applications/{id_}"))["state"] == "draft"
    refused = await researcher.ask("POST", f"/applications/{id_}/commands/confirm?dry-run=true")
    assert refused.status_code == 403


async def test_a_deleted_draft_leaves_no_text_and_no_attachment(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.complete(EE)
    assert [path for path in (kit.folder / "attachments").rglob("*") if path.is_file()]
    assert (await researcher.do(id_, "delete"))["state"] == "deleted"
    assert (await researcher.ask("GET", f"/applications/{id_}")).status_code == 404
    assert (await researcher.get("/applications"))["items"] == []
    assert not [path for path in (kit.folder / "attachments").rglob("*") if path.is_file()]
    with kit.engine.connect() as connection:
        assert not list(connection.scalars(select(access_texts.c.id)))


async def test_attachments_are_encrypted_at_rest_and_read_by_those_concerned(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.submitted(EE)
    file = (await researcher.get(f"/applications/{id_}"))["attachments"][0]
    kept = [path.read_bytes() for path in (kit.folder / "attachments").rglob("*") if path.is_file()]
    assert kept
    assert not any(PDF[:8] in content for content in kept)
    path = f"/applications/{id_}/attachments/{file['id']}"
    assert (await researcher.ask("GET", path)).content == PDF
    assert (await kit.client(STRANGER).ask("GET", path)).status_code == 404
    await kit.client(COORDINATOR).do(id_, "redact-attachment", attachment=file["id"], reason="A name in it.")
    assert (await researcher.ask("GET", path)).status_code == 404
    told = await researcher.get(f"/applications/{id_}")
    assert told["attachments"][0]["redacted"]
    assert not [path for path in (kit.folder / "attachments").rglob("*") if path.is_file()]
    stays = await researcher.try_to(id_, "remove-attachment", attachment=file["id"])
    assert stays.status_code == 409


def kept_files(kit: Kit) -> list[Path]:
    return [path for path in (kit.folder / "attachments").rglob("*") if path.is_file()]


def erase(connection: Connection, kit: Kit) -> None:
    forget_person(connection, kit.applications, RESEARCHER, "operator:1", feed=kit.feed)


async def test_files_are_deleted_behind_the_transaction_that_forgets_them_and_a_rollback_loses_none(kit: Kit):
    researcher = kit.client(RESEARCHER)
    await researcher.complete(EE)
    await researcher.submitted(FI)
    kept = kept_files(kit)
    assert len(kept) == 2
    with kit.engine.connect() as connection, connection.begin() as transaction:
        erase(connection, kit)
        transaction.rollback()
    await kit.store.try_sweep()
    assert kept_files(kit) == kept
    with kit.engine.begin() as connection:
        erase(connection, kit)
    assert kept_files(kit) == kept, "a process that died here has forgotten, and deleted nothing yet"
    await kit.store.try_sweep()
    assert kept_files(kit) == []


async def test_a_file_that_cannot_be_deleted_now_is_deleted_later_and_holds_up_no_other(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.complete(EE)
    await researcher.attach(id_)
    with kit.engine.begin() as connection:
        note_deletions(connection, ["../strange"], kit.clock.now())
    assert (await researcher.do(id_, "delete"))["state"] == "deleted"
    assert kept_files(kit) == []
    with pytest.raises(Unavailable, match="strange"):
        await asyncio.to_thread(kit.store.sweep)


async def test_what_was_handed_in_and_named_by_no_event_goes_after_an_hour(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.complete(EE)
    kept = kept_files(kit)
    lost = await kit.store.keep("lost.pdf", PDF, RESEARCHER)  # and its process died
    kit.clock.advance(3599)
    await kit.store.try_sweep()
    assert len(kept_files(kit)) == len(kept) + 1
    kit.clock.advance(1)
    with pytest.raises(Conflict, match="too long ago"):
        kit.applications.attach(Principal(RESEARCHER, logged_in=True), id_, lost, "lost.pdf")
    await kit.store.try_sweep()
    assert kept_files(kit) == kept


async def test_files_of_unwanted_kinds_are_refused_and_nothing_of_them_stays(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.create(EE)
    for name, content in (
        ("a.exe", b"MZ"),
        ("a.pdf", b"MZ no pdf"),
        ("a.txt", b"a\0b"),
        ("a.docx", b"PK no zip"),
        ("a.pdf", b""),
    ):
        assert (await researcher.attach(id_, name, content)).status_code == 400
    assert (await researcher.attach(id_, "a.pdf", PDF + bytes(150_000))).status_code == 413
    assert (await kit.client(STRANGER).attach(id_)).status_code == 404
    assert not [path for path in (kit.folder / "attachments").rglob("*") if path.is_file()]


async def test_a_change_of_datasets_withdraws_a_case_and_opens_its_next_round(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.submitted(EE, FI)
    kit.event("eu.gdi.case.asked", "ee.node", case=f"{id_}.ee.dac", kind="change", text="Add the panel.")
    wanted = [{"dataset": one.dataset} for one in (EE, FI, FI2)]
    await researcher.do(id_, "change-datasets", datasets=wanted)
    await researcher.do(id_, "resubmit")
    kit.notices.clear()
    await kit.client(OFFICIAL).do(id_, "confirm")
    assert {(kind, body["case"], body.get("round")) for _, kind, body in kit.notices} == {
        ("application.changed", f"{id_}.ee.dac", 1),
        ("case.withdrawn", f"{id_}.fi.dac", None),
        ("case.offered", f"{id_}.fi.dac.2", 2),
    }


async def test_a_decision_that_comes_late_does_not_undo_a_later_one(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.submitted(EE)
    digest, case = kit.notices[0][2]["application"]["digest"], f"{id_}.ee.dac"
    late = kit.decision(case, "ee.dac", "ee.node", digest, {EE: True})
    kit.clock.advance(60)
    kit.decided(case, "ee.node", digest, {EE: False})
    kit.event("eu.gdi.case.decided", "ee.node", case=case, decision=late)
    assert (await researcher.get(f"/applications/{id_}"))["state"] == "rejected"


async def test_what_nodes_offer_can_be_asked_for(kit: Kit):
    handle = kit.catalogue.handlers()
    offer = {
        "dataset": "GDI-LU-A-1",
        "version": "3",
        "body": "lu.dac",
        "type": "1MGCompliant",
        "title": "New",
    }
    for kind, node in (("offered", "lu.node"), ("offered", "lu.node"), ("withdrawn", "fi.node")):
        with kit.engine.begin() as connection:
            handle[f"eu.gdi.dataset.{kind}"](connection, ReceivedEvent(node, "1", "", "", offer))
    settings = {"dataset": EE.dataset, "body": "fi.dac"}
    for told in (
        offer,
        offer | {"version": "4"},
        offer | settings,
        offer | settings | {"version": EE.version},
    ):
        # in another version too: the newest is what people ask for
        with pytest.raises(Invalid), kit.engine.begin() as connection:
            handle["eu.gdi.dataset.offered"](connection, ReceivedEvent("fi.node", "1", "", "", told))
    listed = (await kit.client(STRANGER).get("/datasets"))["items"]
    assert [one["node"] for one in listed if one["dataset"] == "GDI-LU-A-1"] == ["lu.node"]


async def test_what_was_changed_and_not_sent_is_gone_once_the_cases_went_on(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.submitted(EE, FI)
    kit.event("eu.gdi.case.asked", "ee.node", case=f"{id_}.ee.dac", kind="change", text="Shorter.")
    await researcher.do(id_, "change-datasets", datasets=[{"dataset": FI2.dataset}])
    await researcher.do(id_, "save-draft", title="Something else", until="2035-01-01")
    digest = kit.notices[0][2]["application"]["digest"]
    kit.decided(f"{id_}.fi.dac", "fi.node", digest, {FI: True})
    kit.decided(f"{id_}.ee.dac", "ee.node", digest, {EE: True})
    told = await researcher.get(f"/applications/{id_}")
    assert (told["state"], told["title"], told["until"]) == ("approved", "Rare variants", UNTIL)
    assert [one["dataset"] for one in told["datasets"]] == [EE.dataset, FI.dataset]
    assert (await researcher.get("/applications"))["items"][0]["title"] == "Rare variants"


def test_a_node_tells_its_hubs_what_changed_and_no_more(engine: Engine):
    told: list[tuple[str, str, str]] = []

    def tell(_connection: Connection, kind: str, _subject: str, data: Mapping[str, Any], *, to: str) -> None:
        told.append((to, kind.rpartition(".")[2], f"{data['dataset']} {data.get('title', '')}"))

    offering = Offering(engine, ["hub"], tell)
    assert offering.reconcile([EE, FI]) == 2
    assert offering.reconcile([EE, FI]) == 0
    assert offering.reconcile([replace(EE, title="Better title")]) == 2
    assert told[2:] == [
        ("hub", "withdrawn", f"{FI.dataset} "),
        ("hub", "offered", f"{EE.dataset} Better title"),
    ]
    assert read_offer("ee.node", offer_of(EE)) == EE


async def test_private_answers_are_not_for_reviewers(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.submitted(EU)

    async def fields(who: str) -> set[str]:
        told = await kit.client(who).get(f"/applications/{id_}")
        return {field["id"] for form in told["forms"] for field in form["fields"]}

    assert {"contact", "phone"} <= await fields(RESEARCHER)
    assert {"contact", "phone"} <= await fields(COORDINATOR)
    assert (await fields("member")).isdisjoint({"contact", "phone"})
    answers = kit.notices[0][2]["application"]["forms"][0]["answers"]
    assert {one["field"] for one in answers if one["private"]} == {"contact"}
    listed = (await kit.client("member").get("/applications"))["items"]
    assert [(line["id"], line["roles"]) for line in listed] == [(id_, ["reviewer-body"])]


async def test_who_is_invited_or_no_longer_there_does_not_see_what_is_written(kit: Kit):
    researcher, colleague = kit.client(RESEARCHER), kit.client(COLLEAGUE)
    id_ = await researcher.complete(EE)
    invitation = (await researcher.do(id_, "invite-member", subject=COLLEAGUE))["invitation"]
    told = await colleague.get(f"/applications/{id_}")
    assert (told["title"], told["roles"]) == ("Rare variants", ["invited"])
    assert [one["dataset"] for one in told["datasets"]] == [EE.dataset]
    assert (told["forms"], told["attachments"], told["duo"]) == ([], [], {})
    await colleague.do(id_, "accept-invitation", invitation=invitation)
    file = (await colleague.get(f"/applications/{id_}"))["attachments"][0]["id"]
    await researcher.do(id_, "remove-member", subject=COLLEAGUE)
    told = await colleague.get(f"/applications/{id_}")
    assert (told["roles"], told["datasets"], told["forms"], told["permitted"]) == (["former"], [], [], [])
    for path in (f"attachments/{file}", "hints", "events", "versions/1"):
        assert (await colleague.ask("GET", f"/applications/{id_}/{path}")).status_code == 404


async def test_what_somebody_wrote_can_be_erased_and_what_happened_stays(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.submitted(EE)
    before = await researcher.get(f"/applications/{id_}")
    assert kit.texts.erase(RESEARCHER) >= 3
    after = await researcher.get(f"/applications/{id_}")
    assert (after["title"], after["state"], after["versions"]) == ("", "submitted", before["versions"])
    assert after["attachments"][0]["name"] == ""
    assert (await researcher.get("/applications"))["items"][0]["title"] == ""


async def test_the_digest_can_be_taken_again_from_what_is_kept(kit: Kit):
    id_ = await kit.client(RESEARCHER).submitted(EE, FI)
    state = kit.applications.state(id_)
    content = kit.applications.content(state.versions[0].content)
    again = version_document(replace(state, versions=()), content, state.organisation)
    assert digest_of(again) == state.versions[0].digest
