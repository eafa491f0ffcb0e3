"""The reference: found with and without its index, read by contig, refused where it is of another form."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.discovery.loading.fasta import Fasta
from opengdi.kernel.errors import Invalid

TEXT = ">chr21 first\nACGTA\nCCGRT\nTT\n>22\nggggg\nacgtm\n\n>HLA-A\nAC\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "ref.fa"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_reference_without_an_index_is_read_all_the_same(tmp_path: Path, line_end: str) -> None:
    reference = Fasta(written(tmp_path, TEXT.replace("\n", line_end)))
    assert reference.bases("21", 3, 12) == "TACCGATTT"
    assert reference.bases("22", 0, 99) == "GGGGGACGTA"


def test_ambiguity_codes_of_the_reference_are_the_first_base_of_the_alphabet(tmp_path: Path) -> None:
    assert Fasta(written(tmp_path, ">1\nRYSWKMBDHVN\n")).bases("1", 0, 11) == "ACCAGACAAAN"


@given(bases=st.text("ACGT", min_size=1, max_size=60), width=st.integers(1, 20), other=st.integers(0, 9))
def test_any_line_length_gives_every_base(tmp_path_factory, bases: str, width: int, other: int) -> None:
    lines = [bases[at : at + width] for at in range(0, len(bases), width)]
    text = "\n".join([">GL1", "A" * other, ">22", *lines, ">21", "C"])
    reference = Fasta(written(tmp_path_factory.mktemp("fasta"), text))
    assert reference.bases("22", 0, len(bases)) == bases
    assert reference.bases("21", 0, 5) == "C"


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "ref.fa: is empty"),
        ("ACGT\n", "ref.fa: is not FASTA: it does not begin with '>'"),
        (">22\nACGT\nAC\nACGT\n", "ref.fa: the lines of 22 differ in length"),
        (">22\nAC\nACGT\n", "ref.fa: the lines of 22 differ in length"),
        (">22\nAC\n\nAC\n", "ref.fa: the lines of 22 differ in length"),
    ],
)
def test_a_reference_of_another_form_is_refused_with_its_name(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(Invalid, match=f"^{reason}"):
        Fasta(written(tmp_path, text))


def test_a_compressed_reference_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ref.fa.gz").write_bytes(b"\x1f\x8b\x08\x00rest")
    with pytest.raises(Invalid, match=r"^ref\.fa\.gz: is compressed"):
        Fasta(tmp_path / "ref.fa.gz")


def test_a_missing_reference_is_refused_without_a_number(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"^ref\.fa: the reference cannot be read: No such file or directory$"):
        Fasta(tmp_path / "ref.fa")


@pytest.mark.parametrize(
    "line", ["22\tx\n", "\n", "22\t40\t4\t0\t41\n", "22\t40\t-4\t40\t41\n", "22\t40\t4\t41\t41\n"]
)
def test_a_broken_index_is_refused_with_its_name(tmp_path: Path, line: str) -> None:
    (tmp_path / "ref.fa.fai").write_text(line)
    with pytest.raises(Invalid, match=r"^ref\.fa\.fai: is not a FASTA index"):
        Fasta(written(tmp_path, TEXT))
