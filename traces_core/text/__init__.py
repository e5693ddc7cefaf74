"""The text side: what people write down about a site, and the corpus of traces made from it.

Belongs here: the catalog, the writers of traces, the corpus with its gates. Vectors of sentences are made
by `traces_core.encoders` and searched in `traces_core.bank`.
"""

from __future__ import annotations

from traces_core.text.catalog import Context, catalog_schema, read_catalog
from traces_core.text.corpus import join_corpora, limit_traces, trace_id, without_class, write_corpus
from traces_core.text.gates import CorpusLimits, Finding, check_corpus
from traces_core.text.writers import Draft, Manuscript, ShippedWriter, TraceOrigin, Writer

__all__ = [
    "Context",
    "CorpusLimits",
    "Draft",
    "Finding",
    "Manuscript",
    "ShippedWriter",
    "TraceOrigin",
    "Writer",
    "catalog_schema",
    "check_corpus",
    "join_corpora",
    "limit_traces",
    "read_catalog",
    "trace_id",
    "without_class",
    "write_corpus",
]
