"""What of a form is visible, what is wrong with its answers, what of them is kept."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.access.forms.library import builtin_forms
from opengdi.access.forms.model import UNANSWERED, Answer, Fault, FaultType, FieldType, Form
from opengdi.access.forms.reading import form_as_json, read_form
from opengdi.access.forms.rules import faults_of, kept_answers, shape_faults, visible_fields
from opengdi.kernel.canonical import canonical_json
from opengdi.kernel.errors import Invalid

OPTIONS = [{"key": "yes", "label": "Yes"}, {"key": "no", "label": {"en": "No", "fr": "Non"}}]
COLUMNS = [{"key": "what", "label": "What"}, {"key": "why", "label": "Why"}]


def form(*fields: dict[str, Any], **more: Any) -> Form:
    told = {
        "id": "f",
        "version": 1,
        "title": "F",
        "fields": [{"title": "T", **one} for one in fields],
        **more,
    }
    return read_form(canonical_json(told), "f.json")


def every_field() -> Form:
    extra: dict[str, dict[str, Any]] = {
        "option": {"options": OPTIONS},
        "multiselect": {"options": OPTIONS},
        "table": {"columns": COLUMNS},
    }
    return form(*({"id": kind.value, "type": kind, **extra.get(kind, {})} for kind in FieldType))


def said(**values: Any) -> list[Answer]:
    return [Answer("f", name.replace("_", "-"), value) for name, value in values.items()]


def test_all_faults_are_named_at_once():
    faults = faults_of([every_field()], [], ())
    answered = [kind for kind in FieldType if kind not in UNANSWERED]
    assert faults == [Fault(FaultType.REQUIRED, "f", kind) for kind in answered]


@pytest.mark.parametrize(
    ("kind", "value", "fault"),
    [
        ("text", "x", None),
        ("date", "2026-02-29", FaultType.DATE),
        ("date", "20260228", FaultType.DATE),
        ("date", "2026-02-28", None),
        ("email", "someone", FaultType.EMAIL),
        ("email", "a@b@example.org", FaultType.EMAIL),
        ("email", "one@example.org", None),
        ("phone-number", "02 299 11 11", FaultType.PHONE),
        ("phone-number", "+0 299 11 11", FaultType.PHONE),
        ("phone-number", "+32 2 299 11 11", None),
        ("phone-number", "+1234567890123456", FaultType.PHONE),
        ("ip-address", "300.1.1.1", FaultType.IP),
        ("ip-address", "10.1.2.3", FaultType.PRIVATE_IP),
        ("ip-address", "fe80::1", FaultType.PRIVATE_IP),
        ("ip-address", "127.0.0.1", FaultType.PRIVATE_IP),
        ("ip-address", "9.9.9.9", None),
        ("ip-address", "2620:fe::fe", None),
        ("option", "maybe", FaultType.VALUE),
        ("option", "yes", None),
        ("multiselect", ["yes", "maybe"], FaultType.VALUE),
        ("multiselect", ["yes", "no"], None),
        ("multiselect", "yes", FaultType.VALUE),
        ("table", [{"what": "a", "why": ""}], FaultType.COLUMNS),
        ("table", [{"what": "a"}], FaultType.COLUMNS),
        ("table", [{"what": "a", "why": "b", "how": "c"}], FaultType.VALUE),
        ("table", [{"what": "a", "why": "b"}], None),
        ("table", [], FaultType.REQUIRED),
        ("attachment", "a1", None),
        ("attachment", "a1,a2", None),
        ("attachment", "a3", FaultType.VALUE),
        ("text", ["x"], FaultType.VALUE),
        ("text", "  ", FaultType.REQUIRED),
    ],
)
def test_a_field_says_what_is_wrong(kind: str, value: Any, fault: FaultType | None):
    one = form(next(field for field in form_as_json(every_field())["fields"] if field["id"] == kind))
    found = faults_of([one], [Answer("f", kind, value)], {"a1", "a2"})
    assert [each.type for each in found] == ([fault] if fault else [])


def test_a_text_longer_than_its_field_is_a_fault_and_an_optional_one_may_be_empty():
    one = form({"id": "a", "type": "text", "max-length": 3}, {"id": "b", "type": "date", "optional": True})
    assert [fault.type for fault in faults_of([one], said(a="abcd"), ())] == [FaultType.TOO_LONG]
    assert faults_of([one], said(a="abc"), ()) == []


def conditional() -> Form:
    return form(
        {"id": "a", "type": "option", "options": OPTIONS},
        {"id": "b", "type": "option", "options": OPTIONS, "visible-if": {"field": "a", "values": ["yes"]}},
        {"id": "c", "type": "text", "visible-if": {"field": "b", "values": ["yes"]}},
    )


def test_what_hangs_on_something_hidden_is_hidden_and_its_answers_are_dropped():
    one = conditional()
    answers = said(a="no", b="yes", c="text")
    assert [field.id for field in visible_fields(one, {"a": "no", "b": "yes"})] == ["a"]
    assert [answer.field for answer in kept_answers([one], answers)] == ["a"]
    assert faults_of([one], kept_answers([one], answers), ()) == []
    assert [fault.field for fault in faults_of([one], said(a="yes", b="yes"), ())] == ["c"]


def test_a_draft_is_refused_only_for_what_its_fields_cannot_hold():
    one = every_field()
    assert shape_faults([one], said(date="not yet", text="")) == []
    found = shape_faults([one], [*said(text=["x"], other="y"), Answer("g", "text", "x")])
    assert [(fault.type, fault.form, fault.field) for fault in found] == [
        (FaultType.VALUE, "f", "text"),
        (FaultType.UNKNOWN, "f", "other"),
        (FaultType.UNKNOWN, "g", "text"),
    ]


@pytest.mark.parametrize(
    ("field", "said_why"),
    [
        ({"id": "A", "type": "text"}, "lower-case"),
        ({"id": "a", "type": "option"}, "options belong"),
        ({"id": "a", "type": "text", "options": OPTIONS}, "options belong"),
        ({"id": "a", "type": "table"}, "columns belong"),
        ({"id": "a", "type": "text", "max-length": 0}, "max-length"),
        ({"id": "a", "type": "text", "title": {"fr": "T"}}, "English"),
        ({"id": "a", "type": "text", "visible-if": {"field": "b", "values": ["yes"]}}, "visible-if"),
        ({"id": "a", "type": "colour"}, "colour"),
        ({"id": "a", "type": "text", "size": 3}, "size"),
        ({"id": "a", "type": "option", "options": [*OPTIONS, OPTIONS[0]]}, "twice"),
    ],
)
def test_a_definition_that_is_wrong_is_refused_with_the_field(field: dict[str, Any], said_why: str):
    with pytest.raises(Invalid, match=said_why):
        form(field)


def test_the_builtin_forms_are_there_for_each_purpose_and_read_back_as_they_were():
    forms = builtin_forms()
    for one in forms:
        assert read_form(canonical_json(form_as_json(one)), "x.json") == one
    for purpose in ("research", "policy", "quality-management", "healthcare"):
        assert any(purpose in one.purposes for one in forms)
    assert sum(not one.purposes for one in forms) == 1


@given(st.binary(max_size=300), st.sampled_from(["a.toml", "a.json"]))
def test_any_bytes_are_a_form_or_invalid(content: bytes, name: str):
    with suppress(Invalid):
        read_form(content, name)


VALUES = st.one_of(
    st.text(max_size=30),
    st.lists(st.text(max_size=5), max_size=4),
    st.lists(st.dictionaries(st.sampled_from(["what", "why", "x"]), st.text(max_size=5)), max_size=3),
)


@given(st.lists(st.tuples(st.sampled_from([*FieldType, "other"]), VALUES), max_size=8))
def test_any_answers_are_judged_and_what_is_kept_is_known(pairs: list[tuple[str, Any]]):
    one = every_field()
    answers = [Answer("f", str(field), value) for field, value in pairs]
    kept = kept_answers([one], answers)
    assert {answer.field for answer in kept} <= {field.id for field in one.fields}
    for fault in faults_of([one], answers, ()):
        assert fault.form == "f"
    shape_faults([one], answers)
