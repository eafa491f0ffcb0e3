from __future__ import annotations

import re

import pytest
from httpx import ASGITransport, AsyncClient, Response
from starlette.applications import Starlette

from opengdi.portal.pages import PortalFacts, portal_routes

FACTS = PortalFacts("A hub", "All data are synthetic.", "/beacon-network/a", "/beacon-network/b")


async def get(path: str) -> Response:
    app = Starlette(routes=portal_routes(FACTS))
    async with AsyncClient(transport=ASGITransport(app), base_url="http://hub.test") as client:
        return await client.get(path)


@pytest.mark.parametrize("path", ["/", "/portal/portal.css", "/portal/portal.js"])
async def test_the_page_and_its_files_are_served_under_a_strict_content_policy(path: str) -> None:
    answer = await get(path)
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_the_page_learns_from_the_hub_where_the_networks_are() -> None:
    facts = (await get("/portal/facts.json")).json()
    assert (facts["aggregated_network"], facts["notice"]) == ("/beacon-network/a", "All data are synthetic.")


@pytest.mark.parametrize("path", ["/portal/../pages.py", "/portal/%2e%2e/pages.py", "/portal/none.js"])
async def test_nothing_but_the_named_files_is_served(path: str) -> None:
    assert (await get(path)).status_code == 404


async def test_the_page_loads_nothing_from_elsewhere_and_has_no_inline_script() -> None:
    page = (await get("/")).text
    assert not re.search(r"https?://", page)
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)


async def test_every_field_of_the_page_has_a_label() -> None:
    page = (await get("/")).text
    fields = set(re.findall(r'<(?:input|select)[^>]*\bid="([\w-]+)"', page))
    assert fields == set(re.findall(r'<label[^>]*\bfor="([\w-]+)"', page))


async def test_the_script_never_writes_data_as_html() -> None:
    script = (await get("/portal/portal.js")).text
    assert "innerHTML" not in script
    assert "insertAdjacentHTML" not in script
