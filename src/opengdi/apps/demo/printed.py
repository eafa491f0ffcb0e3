"""A page of PDF, for the attachments of the demo."""

from __future__ import annotations

from io import BytesIO

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas


def pdf_page(words: str) -> bytes:
    """A page that says these words."""
    file = BytesIO()
    canvas = Canvas(file, pagesize=A4)
    canvas.drawString(72, 770, words)
    canvas.showPage()
    canvas.save()
    return file.getvalue()
