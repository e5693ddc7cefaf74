"""The bank: every trace of a corpus as a unit vector, searchable on two sides and per context.

    layout    which rows are whose        chunked_vectors  the vectors, in one array or in several
    contents  both, and their changes     search           the nearest of some rows
    index     what a large side proposes  folder           all of it on disk
    bank      what a caller asks          answers          what it gets
    recall    whether an index finds what is there
    settings  when an index is used, and how closely it searches

What a score makes of neighbours is in `traces_core.scoring`, the sentences themselves in
`traces_core.text`. The two sides are searched apart: one mixed list of the nearest traces may hold none of
one side, and nothing is left to subtract. Nothing is imported here: reading the settings loads no FAISS.
"""
