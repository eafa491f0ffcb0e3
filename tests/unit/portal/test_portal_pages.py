from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.resources import files

import pytest
from httpx import ASGITransport, AsyncClient, Response
from starlette.applications import Starlette

from opengdi.access.applications import model as applications
from opengdi.access.cases import model as cases
from opengdi.access.organisations.commands import ORGANISATION_COMMANDS, PERSON_COMMANDS
from opengdi.access.permits import model as permits
from opengdi.portal.pages import NodeFacts, PortalFacts, node_page_routes, portal_routes

FACTS = PortalFacts("A hub", "All data are synthetic.", "/beacon-network/a", "/beacon-network/b")
NODE = NodeFacts("A node", "", {"eu.hub": "https://hub.example.org"})
HUB_ROUTES, NODE_ROUTES = portal_routes(FACTS), node_page_routes(NODE)
STATIC = files("opengdi.portal") / "static"
SCRIPTS = sorted(file.name for file in STATIC.iterdir() if file.name.endswith(".js"))
NOT_AT_A_HUB = {"start.js"}
OF_REQUESTS = ["/requests", "/requests/new", "/requests/GDIA-0123456789"]
OF_BOTH = ["/", "/cases", "/cases/GDIA-1.ee.dac", "/permits", "/permits/GDIP-0123456789", "/notices"]
OF_ORGANISATIONS = [
    "/organisations", "/organisations/register", "/organisations/GDIO-0123456789", "/invitation",
]  # fmt: skip
PAGES = [*OF_BOTH, *OF_REQUESTS, *OF_ORGANISATIONS]


async def get(path: str, routes: list = HUB_ROUTES) -> Response:
    app = Starlette(routes=routes)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://hub.test") as client:
        return await client.get(path)


@pytest.mark.parametrize("path", [*PAGES, "/portal/portal.css", "/portal/forms.css", "/portal/discover.js"])
async def test_pages_and_their_files_are_served_under_a_strict_content_policy(path: str) -> None:
    answer = await get(path)
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]


async def test_the_pages_learn_from_the_hub_where_the_networks_are() -> None:
    facts = (await get("/portal/facts.json")).json()
    assert (facts["aggregated_network"], facts["notice"]) == ("/beacon-network/a", "All data are synthetic.")
    assert [page["path"] for page in facts["pages"]] == [
        "/", "/requests", "/permits", "/organisations", "/cases",
    ]  # fmt: skip


async def test_the_pages_learn_from_a_node_where_its_hubs_are() -> None:
    facts = (await get("/portal/facts.json", NODE_ROUTES)).json()
    assert facts == {
        "title": "A node",
        "notice": "",
        "hubs": {"eu.hub": "https://hub.example.org"},
        "pages": [
            {"title": "Start", "path": "/"},
            {"title": "Cases", "path": "/cases"},
            {"title": "Permits", "path": "/permits"},
        ],
    }


@pytest.mark.parametrize(
    "path", [*OF_REQUESTS, *OF_ORGANISATIONS, "/portal/requests.js", "/portal/discover.js"]
)
async def test_a_node_serves_no_pages_of_what_is_done_at_hubs(path: str) -> None:
    assert (await get(path, NODE_ROUTES)).status_code == 404


@pytest.mark.parametrize("path", OF_BOTH)
async def test_a_node_serves_pages_of_what_is_decided_there(path: str) -> None:
    assert (await get(path, NODE_ROUTES)).status_code == 200


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_says_its_language_and_its_title_and_leads_to_its_contents(path: str) -> None:
    page = (await get(path)).text
    assert '<html lang="en">' in page
    assert re.search(r"<title>\w+ · OpenGDI</title>", page)
    skip = re.search(r'class="skip" href="#([\w-]+)"', page)
    assert skip
    assert f'id="{skip[1]}"' in page
    assert "$" not in page


@pytest.mark.parametrize("path", ["/portal/../pages.py", "/portal/%2e%2e/pages.py", "/portal/none.js"])
async def test_nothing_but_the_named_files_is_served(path: str) -> None:
    assert (await get(path)).status_code == 404


@pytest.mark.parametrize("path", PAGES)
async def test_pages_load_nothing_from_elsewhere_and_have_no_inline_script_or_style(path: str) -> None:
    page = (await get(path)).text
    assert not re.search(r"https?://", page)
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert "style=" not in page


async def test_every_field_of_the_page_has_a_label() -> None:
    page = (await get("/")).text  # the others are made by scripts, and looked at in a browser
    fields = set(re.findall(r'<(?:input|select)[^>]*\bid="([\w-]+)"', page))
    assert fields == set(re.findall(r'<label[^>]*\bfor="([\w-]+)"', page))


@pytest.mark.parametrize("name", SCRIPTS)
async def test_no_script_writes_data_as_html_or_styles_by_itself(name: str) -> None:
    script = (await get(f"/portal/{name}", NODE_ROUTES if name in NOT_AT_A_HUB else HUB_ROUTES)).text
    for words in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", ".style"):
        assert words not in script


async def test_every_script_belongs_to_a_page_and_is_served() -> None:
    for name in SCRIPTS:
        at_hub, at_node = await get(f"/portal/{name}"), await get(f"/portal/{name}", NODE_ROUTES)
        assert 200 in {at_hub.status_code, at_node.status_code}, name


def named(script: str, commands: Iterable[str]) -> list[str]:
    """Those that the table of commands does not know."""
    text = (STATIC / f"{script}.js").read_text()
    return [each for each in commands if f'"{each}"' not in text and f"\n  {each}: " not in text]


def test_the_tables_of_commands_know_every_command_of_the_apis() -> None:
    assert named("case-commands", [*cases.Command, *cases.Criterion]) == []
    assert named("request-commands", applications.Command) == []
    assert named("permit-commands", permits.Command) == []
    assert (
        named("organisation-commands", {*ORGANISATION_COMMANDS, *PERSON_COMMANDS} - {"accept-office"}) == []
    )
    accepting = (STATIC / "invited.js").read_text()
    assert [each for each in ("accept-office", "join") if f"/commands/{each}" not in accepting] == []


@pytest.mark.parametrize("script", ["case", "request", "permit", "organisation"])
def test_every_command_says_what_will_happen(script: str) -> None:
    text = (STATIC / f"{script}-commands.js").read_text()
    titled = re.findall(r"title: \"([^\"]+)\"(.*?)(?=title: |$)", text, re.DOTALL)
    assert titled
    assert [title for title, rest in titled if "does: " not in rest] == []


@pytest.mark.parametrize(
    ("script", "commands"),
    [
        ("case", ["veto", "decide", "countersign", "conclude-consensus", "close-vote"]),
        ("request", ["withdraw", "close-out", "close", "delete", "leave", "redact-attachment"]),
        ("permit", ["revoke", "close-out", "leave", "amend"]),
        ("organisation", ["close", "revoke", "leave"]),
    ],
)
def test_what_cannot_be_undone_is_asked_once_more(script: str, commands: list[str]) -> None:
    text = (STATIC / f"{script}-commands.js").read_text()
    for command in commands:
        found = re.search(rf'\n  "?{command}"?: \{{(.*?)(?=\n  "?[a-z-]+"?: |\n\}})', text, re.DOTALL)
        assert found, command
        assert "sure: " in found[1], command
