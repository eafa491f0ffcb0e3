"""Personal data beside the audit chain can be recalled until it is erased, on both engines."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from opengdi.kernel.audit.details import AuditDetails
from opengdi.kernel.errors import NotFound

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_remembered_detail_is_recalled_as_it_was(engine: Engine) -> None:
    details = AuditDetails(engine)
    details.remember("a" * 32, {"name": "Õie Kivi"}, NOW)
    assert details.recall("a" * 32) == {"name": "Õie Kivi"}


def test_an_erased_detail_is_gone_and_the_others_stay(engine: Engine) -> None:
    details = AuditDetails(engine)
    details.remember("a" * 32, {"name": "Õie Kivi"}, NOW)
    details.remember("b" * 32, {"name": "Jaan Tamm"}, NOW)
    assert details.erase("a" * 32)
    assert not details.erase("a" * 32)
    assert details.recall("b" * 32) == {"name": "Jaan Tamm"}
    with pytest.raises(NotFound, match="has been erased"):
        details.recall("a" * 32)
