"""Knowledge: documents, an index over them, and a retriever. What is found is data, with an id and a source.

    retriever = shipped_retriever()
    for passage in retriever.search("LN25 is above its rating, what first?"):
        print(passage.id, passage.title)

Nothing here loads a grid: `topology` and `incidents`, which make documents of one, are imported by those who have one.
"""

from gridpilot.knowledge.conditions import Conditions, conditions_of, query_of
from gridpilot.knowledge.document import KINDS, Document, Passage
from gridpilot.knowledge.index import Changes, Index
from gridpilot.knowledge.query import Part, Query
from gridpilot.knowledge.retriever import Ranker, Retriever, shipped_retriever
from gridpilot.knowledge.shipped import shipped_documents

__all__ = [
    "KINDS", "Changes", "Conditions", "Document", "Index", "Part", "Passage", "Query", "Ranker", "Retriever", "conditions_of", "query_of",
    "shipped_documents", "shipped_retriever",
]  # fmt: skip
