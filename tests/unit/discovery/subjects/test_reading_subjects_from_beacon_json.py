"""Beacon-model JSON: the shared CINECA files whole, and small files that are wrong in one place."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter

import pytest

from opengdi.discovery.subjects.sources import SubjectSources, read_subjects
from opengdi.discovery.subjects.tables import Sex
from opengdi.discovery.subjects.truth import write_subjects
from opengdi.kernel.errors import Invalid
from opengdi.standards.beacon.questions import EntryType

FEMALE = {"id": "NCIT:C16576", "label": "female"}


def cineca(shared):
    folder = shared / "data" / "cineca"
    names = ("individuals", "biosamples", "runs", "analyses", "cohorts")
    return SubjectSources(**{name: folder / f"{name}.json.gz" for name in names})


def written(path, entries):
    path.write_text(json.dumps(entries))
    return path


def test_the_cineca_files_load_whole_and_only_the_brought_counts_are_set_aside(shared):
    tables = read_subjects(cineca(shared))
    assert len(tables) == 2504
    assert {kind: len(table) for kind, table in tables.entries.items()} == {
        EntryType.BIOSAMPLE: 2504, EntryType.RUN: 2504, EntryType.ANALYSIS: 2504,
    }  # fmt: skip
    assert Counter(tables.sexes) == {Sex.FEMALE: 1271, Sex.MALE: 1233}
    assert [(str(one), one.left_out) for one in tables.problems] == [
        (
            "cohorts.json.gz, record 1: collectionEvents was left aside: it is computed from the subjects",
            False,
        )
    ]


def test_older_measures_become_measurements(shared):
    tables = read_subjects(cineca(shared))
    first = json.loads(tables.individuals.documents[0])
    assert "measures" not in first
    assert first["measurements"][0]["assayCode"]["label"] == "BMI"


def test_the_same_tables_give_the_same_bytes(shared, tmp_path):
    tables = read_subjects(cineca(shared))
    contents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        contents.append([path.read_bytes() for path in write_subjects(tables, tmp_path / name)])
    assert contents[0] == contents[1]


def test_subjects_take_the_order_of_the_samples_and_name_what_does_not_join(tmp_path):
    people = [{"id": name, "sex": FEMALE} for name in ("ann", "bob", "cyd")]
    samples = [
        {
            "id": f"s-{name}",
            "individualId": name,
            "biosampleStatus": {"id": "EFO:0009654"},
            "sampleOriginType": {"id": "UBERON:0000178"},
        }
        for name in ("ann", "bob")
    ]
    tables = read_subjects(
        SubjectSources(
            individuals=written(tmp_path / "i.json", people), biosamples=written(tmp_path / "b.json", samples)
        )
    )
    join = tables.joined_to(["s-bob", "stranger", "ann"])
    assert join.tables.individuals.ids == ("bob", "ann", "cyd")
    assert join.individual_of_sample.tolist() == [0, -1, 1]
    assert join.tables.samples == ((0,), (2,), ())
    assert join.tables.entries[EntryType.BIOSAMPLE].ids == ("s-bob", "s-ann")
    assert join.samples_without_subject == ("stranger",)
    assert join.subjects_without_sample == ("cyd",)
    assert join.sexes == (Sex.FEMALE, Sex.UNKNOWN, Sex.FEMALE)
    assert tables.joined_to(["ann"], keep_unsampled=False).tables.individuals.ids == ("ann",)


@pytest.mark.parametrize(
    "entry, reason",
    [
        ({"sex": FEMALE}, "missing required field `id`"),
        ({"id": "a", "sex": {"id": "female"}}, r"expected a CURIE such as HP:0001250 - at `\$\.sex\.id`"),
        ({"id": "a", "sex": FEMALE, "diseases": [{"diseaseCode": "x"}]}, r"\$\.diseases"),
        ({"id": "a", "sex": FEMALE, "measurements": [{"assayCode": {"id": "LOINC:1"}}]}, "measurementValue"),
        (
            {"id": "a", "sex": FEMALE, "diseases": [{"diseaseCode": {"id": "MONDO:1"}, "ageOfOnset": {}}]},
            "time element",
        ),
        (["no object"], "not a JSON object"),
    ],
)
def test_a_record_that_breaks_the_model_is_left_out_and_named_with_its_place(tmp_path, entry, reason):
    path = written(tmp_path / "i.json", [{"id": "good", "sex": FEMALE}, entry])
    tables = read_subjects(SubjectSources(individuals=path))
    assert tables.individuals.ids == ("good",)
    (problem,) = tables.problems
    assert (problem.file, problem.place, problem.left_out) == ("i.json", "record 2", True)
    assert re.search(reason, problem.message)


def test_a_missing_sex_is_filled_as_unknown_and_said(tmp_path):
    tables = read_subjects(SubjectSources(individuals=written(tmp_path / "i.json", [{"id": "a"}])))
    assert json.loads(tables.individuals.documents[0])["sex"]["id"] == "NCIT:C17998"
    assert "sex is required" in tables.problems[0].message
    assert not tables.problems[0].left_out


def test_a_second_record_with_one_id_and_a_biosample_of_nobody_are_named(tmp_path):
    people = written(tmp_path / "i.json", [{"id": "a", "sex": FEMALE}] * 2)
    sample = {
        "id": "s",
        "individualId": "z",
        "biosampleStatus": {"id": "EFO:0009654"},
        "sampleOriginType": {"id": "UBERON:0000178"},
    }
    tables = read_subjects(
        SubjectSources(individuals=people, biosamples=written(tmp_path / "b.json", [sample]))
    )
    assert [str(problem) for problem in tables.problems] == [
        "i.json, record 2: individual 'a' was read before; ids are unique",
        "b.json, record 1: biosample 's' names 'z', which is not among the entries read",
    ]
    assert len(tables.entries[EntryType.BIOSAMPLE]) == 0


def test_json_lines_are_read_and_a_broken_line_is_named(tmp_path):
    path = tmp_path / "i.jsonl"
    path.write_text('{"id": "a", "sex": "female"}\n\n{"id": "b", "sex"\n{"id": "c", "sex": "male"}\n')
    tables = read_subjects(SubjectSources(individuals=path))
    assert tables.individuals.ids == ("a", "c")
    assert tables.sexes == (Sex.FEMALE, Sex.MALE)
    assert tables.problems[0].place == "line 3"


def test_a_truncated_file_is_refused_with_its_name(tmp_path):
    whole = gzip.compress(json.dumps([{"id": str(number), "sex": FEMALE} for number in range(1000)]).encode())
    path = tmp_path / "cut.json.gz"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Invalid, match=r"cut\.json\.gz: the gzip data end early"):
        read_subjects(SubjectSources(individuals=path))


@pytest.mark.parametrize(
    "content", [b"", b"not json", b"[1, 2", b"\x1f\x8bnot gzip", b"[" * 200_000, b'{"a":' * 200_000]
)
def test_a_file_that_is_no_json_is_refused_with_its_name(tmp_path, content):
    path = tmp_path / "odd.json"
    path.write_bytes(content)
    with pytest.raises(Invalid, match=r"odd\.json"):
        read_subjects(SubjectSources(individuals=path))


def test_karyotype_decides_over_sex_where_both_are_told(tmp_path):
    people = [
        {"id": "a", "sex": FEMALE, "karyotypicSex": "XY"},
        {"id": "b", "sex": FEMALE, "karyotypicSex": "XXY"},
        {"id": "c", "sex": FEMALE, "karyotypicSex": "UNKNOWN_KARYOTYPE"},
    ]
    tables = read_subjects(SubjectSources(individuals=written(tmp_path / "i.json", people)))
    assert tables.sexes == (Sex.MALE, Sex.UNKNOWN, Sex.FEMALE)
