from __future__ import annotations

import re
from importlib.resources import files

import pytest
from httpx import ASGITransport, AsyncClient, Response
from starlette.applications import Starlette

from opengdi.portal.pages import NodeFacts, PortalFacts, case_page_routes, portal_routes

FACTS = PortalFacts("A hub", "All data are synthetic.", "/beacon-network/a", "/beacon-network/b")
NODE = NodeFacts("A node", "", {"eu.hub": "https://hub.example.org"})
HUB_ROUTES, NODE_ROUTES = portal_routes(FACTS), case_page_routes(NODE)
STATIC = files("opengdi.portal") / "static"
SCRIPTS = sorted(file.name for file in STATIC.iterdir() if file.name.endswith(".js"))
PAGES = ["/", "/requests", "/requests/new", "/requests/GDIA-0123456789", "/cases", "/cases/GDIA-1.ee.dac"]


async def get(path: str, routes: list = HUB_ROUTES) -> Response:
    app = Starlette(routes=routes)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://hub.test") as client:
        return await client.get(path)


@pytest.mark.parametrize("path", [*PAGES, "/portal/portal.css", "/portal/forms.css", "/portal/portal.js"])
async def test_pages_and_their_files_are_served_under_a_strict_content_policy(path: str) -> None:
    answer = await get(path)
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]


async def test_the_pages_learn_from_the_hub_where_the_networks_are() -> None:
    facts = (await get("/portal/facts.json")).json()
    assert (facts["aggregated_network"], facts["notice"]) == ("/beacon-network/a", "All data are synthetic.")
    assert facts["requests"] is True


async def test_the_pages_learn_from_a_node_where_its_hubs_are() -> None:
    facts = (await get("/portal/facts.json", NODE_ROUTES)).json()
    assert facts == {
        "title": "A node",
        "notice": "",
        "hubs": {"eu.hub": "https://hub.example.org"},
        "requests": False,
    }


@pytest.mark.parametrize("path", ["/", "/requests", "/portal/requests.html", "/portal/requests.js"])
async def test_a_node_serves_pages_of_cases_only(path: str) -> None:
    assert (await get(path, NODE_ROUTES)).status_code == 404
    assert (await get("/cases/GDIA-1.ee.dac", NODE_ROUTES)).status_code == 200


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
    page = (await get("/")).text
    fields = set(re.findall(r'<(?:input|select)[^>]*\bid="([\w-]+)"', page))
    assert fields == set(re.findall(r'<label[^>]*\bfor="([\w-]+)"', page))


@pytest.mark.parametrize("name", SCRIPTS)
async def test_no_script_writes_data_as_html_or_styles_by_itself(name: str) -> None:
    script = (await get(f"/portal/{name}")).text
    for words in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", ".style"):
        assert words not in script


@pytest.mark.parametrize(
    ("page", "routes"), [("requests", HUB_ROUTES), ("cases", HUB_ROUTES), ("cases", NODE_ROUTES)]
)
async def test_every_module_that_a_page_imports_is_served_beside_it(page: str, routes: list) -> None:
    wanted, seen = {f"/portal/{page}.js"}, set[str]()
    while wanted:
        path = wanted.pop()
        answer = await get(path, routes)
        assert answer.status_code == 200, path
        seen.add(path)
        wanted |= set(re.findall(r'from "(/portal/[^"]+)"', answer.text)) - seen


async def test_the_tables_of_commands_know_every_command_of_the_apis() -> None:
    from opengdi.access.applications.model import Command as Asked
    from opengdi.access.cases.model import Command, Criterion

    cases = (STATIC / "case-commands.js").read_text()
    requests = (STATIC / "request-commands.js").read_text()
    assert [
        each for each in (*Command, *Criterion) if f'"{each}"' not in cases and f"\n  {each}: " not in cases
    ] == []
    assert [each for each in Asked if f'"{each}"' not in requests and f"\n  {each}: " not in requests] == []
