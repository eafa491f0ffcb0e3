"""VCF text with anything changed: it loads or is refused with findings; nothing else may happen."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.loading import COLUMNS, HEADER, Bench, bench

from opengdi.discovery.loading.errors import LoadRejected
from opengdi.discovery.loading.model import LoadReport
from opengdi.kernel.errors import Invalid

RECORDS = (
    "22\t11000000\trs1\tA\tG\t50\tPASS\tAC=1\tGT:DP\t0|1:3\t0/0:4\n"
    "22\t11000005\t.\tAC\tA,ACC\t.\t.\tEND=11000009\tGT\t1|2\t./.\n"
    "X\t5000000\t.\tA\t<DEL>\t.\t.\tEND=5000100;SVLEN=-100\tGT\t1\t0|1\n"
)
GOOD = f"{HEADER}{COLUMNS}\tFORMAT\tA\tB\n{RECORDS}".encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(GOOD)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data) - 1))
        width = draw(st.integers(0, 5))
        data[at : at + width] = draw(
            st.one_of(st.binary(max_size=4), st.sampled_from([b"\t", b"\n", b"<", b"|9", b","]))
        )
    return bytes(data)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=mutated(), policy=st.sampled_from(["reject", "skip"]), is_packed=st.booleans())
def test_mutated_text_loads_or_is_refused(folder: Path, data: bytes, policy: str, is_packed: bool) -> None:
    with bench(folder) as node:
        version = f"{abs(hash((data, policy, is_packed)))}"
        node.write_release(f'files = ["a.vcf"]\non_error = "{policy}"', version=version)
        (node.source / "a.vcf").write_bytes(gzip.compress(data, mtime=0) if is_packed else data)
        report = loaded_or_refused(node)
        if report is None:
            return
        assert report.records_read == report.records_written + report.records_skipped
        if report.outcome == "rejected":
            assert any(finding.refuses for finding in report.findings)
            assert policy == "reject" or not report.alleles_written  # nothing of the file could be kept


def loaded_or_refused(node: Bench) -> LoadReport | None:
    """The report; None where the mutation took away the samples: then nobody knows how many people there are."""
    try:
        return node.load().report
    except LoadRejected as error:
        return error.report
    except Invalid as error:
        assert "individuals is needed" in str(error)  # noqa: PT017  # either outcome is right
        return None
