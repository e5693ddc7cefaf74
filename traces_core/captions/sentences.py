"""From a caption to its sentences: what is compared with the bank is one statement, not a paragraph.

A paragraph is the mean of all it says, and one odd sentence in ten drowns in it. How the scores of sentences
become one score is in `stream`.
"""

from __future__ import annotations

import re

_MARKUP = re.compile(r"\*\*|__|`+|^#+\s+|^>\s+", re.MULTILINE)
_ITEM = re.compile(r"(?:[-*•–]|\(?\d{1,3}[.)]|\(?[a-z]\))\s+")
_BREAK = re.compile(rf"\n\s*(?=\n|[A-Z\"'“‘(]|{_ITEM.pattern})")
_END = re.compile(
    r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]*[A-Z0-9])"
    r"|(?<=[^.][.!?])\s+(?=[a-z])"  # after three dots a small letter goes on
    r"|(?<=[。！？])\s*"
)
_SHORT = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Jr|Sr|No|vs|etc|approx|e\.g|i\.e|[ap]\.m)|(?<![A-Za-z])[A-Z](?:\.[A-Z])*)\.$",
)
_LETTER = re.compile(r"[^\W\d_]")


def split_sentences(caption: str) -> tuple[str, ...]:
    """The sentences of a caption, in order, each once.

    A sentence ends with a mark before a space, or with its line where the next begins anew; not after an
    abbreviation, and not within a number. Lists lose their bullets and numbers, and Markdown its marks; what
    a reasoning model thought aloud is gone before (`traces_core.text.answers`). What has no letter is no
    sentence; a caption without any is given back whole.

    Examples
    --------
    >>> split_sentences("A man waits. At 5.30 p.m. Mr. Smith comes! **Both** leave")
    ('A man waits.', 'At 5.30 p.m. Mr. Smith comes!', 'Both leave')
    >>> split_sentences("1. A car stops.\\n2. Nobody gets out.")
    ('A car stops.', 'Nobody gets out.')
    """
    plain = _MARKUP.sub("", caption)
    sentences: dict[str, None] = {}
    for line in _BREAK.split(plain):
        text = _ITEM.sub("", " ".join(line.split()), count=1) if _ITEM.match(line.strip()) else line
        for sentence in _cut(" ".join(text.split())):
            if _LETTER.search(sentence):
                sentences[sentence] = None
    return tuple(sentences) or (caption.strip(),)


def _cut(text: str) -> list[str]:
    """Parts of one line, each with its mark; an abbreviation ends none."""
    parts, start = [], 0
    for gap in _END.finditer(text):
        before = text[start : gap.start()]
        if not _SHORT.search(before):
            parts.append(text[start : gap.end()].strip())
            start = gap.end()
    return [part for part in [*parts, text[start:].strip()] if part]
