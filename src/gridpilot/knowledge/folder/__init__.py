"""A folder of the user's own texts as documents: Markdown, plain text and PDF, in parts by their headings."""

from gridpilot.knowledge.folder.folder import SUFFIXES, index_folder, read_folder

__all__ = ["SUFFIXES", "index_folder", "read_folder"]
