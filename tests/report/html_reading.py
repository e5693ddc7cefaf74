"""Reads a page as a browser would: elements, addresses, words. Knows nothing of our code."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "img", "input", "rect", "line", "path", "br"}


class Page(HTMLParser):
    """The elements, attributes and words of an HTML file; refuses one that is not well nested."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(self.source)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if data.strip() and (not self._open or self._open[-1] != "style"):
            self.words.append(data.strip())

    @property
    def text(self) -> str:
        """All words of the page, without its style."""
        return " ".join(" ".join(self.words).split())

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element with this name."""
        return [attributes for name, attributes in self.tags if name == tag]

    def addresses(self) -> list[str]:
        """Everything a browser would fetch or follow."""
        keys = ("src", "href", "srcset", "action", "poster", "xlink:href")
        return [v for _, attributes in self.tags for k, v in attributes.items() if k in keys and v]
