"""The text of PDF files, page by page, with pypdf (extra `knowledge`)."""

from __future__ import annotations

import io
from typing import Final

from gridpilot.errors import DocumentError, MissingExtraError
from gridpilot.knowledge.folder.chunks import Chunk, parts

try:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, PyPdfError
except ImportError as error:
    raise MissingExtraError("pypdf", "knowledge", "Reading PDF files") from error

MALFORMED: Final = (
    PyPdfError, DependencyError, OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError, RecursionError,
    NotImplementedError, ZeroDivisionError,
)  # fmt: skip
"""What pypdf raises on files that are no PDF, or a broken one: it checks little before it uses an object."""


def pdf_chunks(content: bytes) -> list[Chunk]:
    """The pages of a PDF as parts; raises `DocumentError` for one that is broken, encrypted, or holds pictures only."""
    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted:
            raise DocumentError("It is encrypted; save it without a password.")
        pages = [page.extract_text() for page in reader.pages]
    except MALFORMED as error:
        raise DocumentError(f"It cannot be read as PDF: {type(error).__name__}: {' '.join(str(error).split()) or 'broken'}.") from error
    found = [chunk for number, page in enumerate(pages, start=1) for chunk in parts(f"page {number}", _clean(page))]
    if not found:
        raise DocumentError("It holds no text, only pictures perhaps; run text recognition over it first.")
    return found


def _clean(text: str) -> str:
    """Without halves of surrogate pairs, which broken fonts produce."""
    return text.encode("utf-8", "ignore").decode("utf-8")
