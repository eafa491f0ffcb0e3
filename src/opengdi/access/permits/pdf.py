"""A permit for people, as PDF: what it says, for whom, until when; and how to check that the hub signed exactly this.

The print proves nothing by itself: the signed object does, which it names by its digest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from io import BytesIO
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from opengdi.access.permits.document import PermitDocument, SignedPermit
from opengdi.access.permits.ports import Names

_STYLES: Final = getSampleStyleSheet()
_TEXT: Final = ParagraphStyle("text", parent=_STYLES["BodyText"], fontSize=9, leading=12)
_CELL: Final = ParagraphStyle("cell", parent=_TEXT, fontSize=8, leading=10)
_HEAD: Final = ParagraphStyle("head", parent=_CELL, fontName="Helvetica-Bold")
_MONO: Final = ParagraphStyle("mono", parent=_TEXT, fontName="Courier", fontSize=7.5, leading=10)
_GRID: Final = TableStyle(
    [
        ("GRID", (0, 0), (-1, -1), 0.4, colors.HexColor("#9aa5b1")),
        ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#e8edf2")),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ]
)
_WIDTH: Final = A4[0] - 40 * mm
_PURPOSES: Final = {
    "research": "Scientific research",
    "policy": "Policy making",
    "quality-management": "Quality management",
    "healthcare": "Healthcare",
}


def render(signed: SignedPermit, names: Names, title: str = "") -> bytes:
    """The print of a permit: the same bytes for the same permit and names. title: empty where it was erased."""
    document, out = signed.document, BytesIO()
    called = names(_ids(document))
    template = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=20 * mm,
        rightMargin=20 * mm,
        topMargin=18 * mm,
        bottomMargin=18 * mm,
        title=f"Data permit {document.permit}",
        author=document.iss,
        subject=title,
        invariant=1,
    )

    def footer(canvas: Any, page: Any) -> None:
        canvas.setFont("Helvetica", 7)
        canvas.drawString(20 * mm, 10 * mm, f"{document.permit}, version {document.version}")
        canvas.drawRightString(A4[0] - 20 * mm, 10 * mm, f"page {page.page}")

    template.build(list(_story(signed, called, title)), onFirstPage=footer, onLaterPages=footer)
    return out.getvalue()


def _ids(document: PermitDocument) -> Collection[str]:
    people = document.people
    return {each.subject for each in people} | {each.organisation for each in people}


def _story(signed: SignedPermit, called: Mapping[str, str], title: str) -> list[Flowable]:
    document = signed.document
    story: list[Flowable] = [
        Paragraph(f"Data permit {escape(document.permit)}", _STYLES["Title"]),
        Paragraph(escape(title) or "Untitled", _STYLES["Heading2"]),
        _facts(document),
        *_heading("Datasets"),
        _datasets(document),
        *_heading("People"),
        _people(document, called),
    ]
    if conditions := _conditions(document):
        story += [*_heading("Conditions of the deciding bodies"), *conditions]
    story += [*_heading("Duties"), *_duties(document), *_heading("Rules of use")]
    story += [_item(text) for text in _RULES]
    return story + _verification(signed)


_RULES: Final = (
    "Only the people named here may use the data, only for this purpose, and only in the environment named here.",
    "Nobody may be re-identified, and no attempt may be made.",
    "Personal data do not leave the environment; results leave it after review.",
    "A permit may be suspended or revoked at any time; whoever learns of a breach reports it at once.",
)


def _heading(text: str) -> list[Flowable]:
    return [Spacer(0, 4 * mm), Paragraph(text, _STYLES["Heading3"])]


def _item(text: str) -> Flowable:
    return Paragraph(f"• {escape(text)}", _TEXT)


def _facts(document: PermitDocument) -> Flowable:
    rows = [
        ("Issued by", document.iss),
        ("State", document.state.value),
        ("Purpose", _PURPOSES[document.purpose.value]),
        ("Issued", _day(document.issued)),
        ("Ends", _day(document.until)),
        ("Environment", document.environment or "not named"),
        ("Legal basis", document.legal_basis or "not named"),
        ("Fees", document.fees or "none named"),
        ("Application", f"{document.application}, version of digest {document.digest}"),
    ]
    return _table([[Paragraph(name, _HEAD), _cell(value)] for name, value in rows], [0.22, 0.78], head=False)


def _datasets(document: PermitDocument) -> Flowable:
    rows = [_head("Dataset", "Version", "Held by", "Decided by", "Until", "Part")]
    rows += [
        [
            _cell(each.dataset),
            _cell(each.version),
            _cell(each.node),
            _cell(each.body),
            _cell(_day(each.until)),
            _cell(", ".join(each.regions) or "all"),
        ]
        for each in document.datasets
    ]
    return _table(rows, [0.26, 0.12, 0.16, 0.16, 0.14, 0.16])


def _people(document: PermitDocument, called: Mapping[str, str]) -> Flowable:
    rows = [_head("Name", "Id", "Organisation", "Part")]
    rows += [
        [
            _cell(called.get(each.subject, "–")),
            _cell(each.subject),
            _cell(called.get(each.organisation, each.organisation)),
            _cell(each.role),
        ]
        for each in document.people
    ]
    return _table(rows, [0.26, 0.3, 0.3, 0.14])


def _conditions(document: PermitDocument) -> list[Flowable]:
    return [_item(f"{each.dataset}: {text}") for each in document.datasets for text in each.conditions]


def _duties(document: PermitDocument) -> list[Flowable]:
    return [
        _item(
            duty.text
            + (f" ({', '.join(duty.datasets)})" if duty.datasets else "")
            + (f" Due {_day(duty.due)}." if duty.due and duty.must_be_done else "")
        )
        for duty in document.duties
    ] or [_item("None.")]


def _verification(signed: SignedPermit) -> list[Flowable]:
    document = signed.document
    return [
        *_heading("How to verify"),
        Paragraph(
            "This print is for reading. What counts is the signed object, whose SHA-256 digest is given below. "
            f"Save it as {escape(document.permit)}.jws and run:",
            _TEXT,
        ),
        Paragraph(f"gdi permit verify {escape(document.permit)}.jws --key HUB-KEY.jwk", _MONO),
        Paragraph(f"sha256 {signed.sha256}", _MONO),
        Paragraph(
            f"It carries {len(document.decisions)} decision(s), each signed by the body that made it.", _TEXT
        ),
    ]


def _head(*names: str) -> list[Flowable]:
    return [Paragraph(name, _HEAD) for name in names]


def _cell(text: str) -> Flowable:
    return Paragraph(escape(text), _CELL)


def _table(rows: list[list[Flowable]], shares: list[float], *, head: bool = True) -> Flowable:
    table = Table(rows, colWidths=[_WIDTH * share for share in shares], repeatRows=1 if head else 0)
    if head:
        table.setStyle(_GRID)
    else:
        table.setStyle(
            TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("BOTTOMPADDING", (0, 0), (-1, -1), 1)])
        )
    return table


def _day(moment: datetime) -> str:
    return moment.date().isoformat()
