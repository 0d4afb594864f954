"""HTML to the plain text a person would read: no markup, no scripts, no fetching, bounded.

The walker keeps no tree, so nesting costs nothing; it stops after TEXT_SIZE_MAX characters, which no
SMS can hold anyway. Every block begins a line of its own and nothing more: blank lines cost money here.
"""

import re
from html.parser import HTMLParser

TEXT_SIZE_MAX = 100_000
"""Characters of text taken from one document: 255 parts of 153 signs are 39,015."""

_UNSEEN = frozenset({"script", "style", "title", "template", "noscript", "object", "svg", "select", "textarea"})
_BLOCKS = frozenset(
    {
        *("address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "fieldset", "figure"),
        *("figcaption", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav"),
        *("ol", "p", "pre", "section", "table", "tbody", "tfoot", "thead", "tr", "ul"),
    }
)
_EDGE = "\v"  # the edge of a block; the text itself never holds one
_BLANKS = re.compile(r"[ \t\r\n\f\v]+")
_SPACES = re.compile(r" {2,}")
_EDGES = re.compile(r"\n? ?(?:\v ?)+")
_MANY_LINES = re.compile(r"\n{3,}")


class _Full(Exception):
    """Enough text was found."""


class _Walker(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._size = 0
        self._unseen = ""
        self._is_pre = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self._unseen = ""  # an unclosed <title> must not swallow the text
        if self._unseen:
            return
        if tag in _UNSEEN:
            self._unseen = tag
        elif tag == "br":
            self._add("\n")
        elif tag in _BLOCKS:
            self._is_pre = self._is_pre or tag == "pre"
            self._add(_EDGE + "- " if tag == "li" else _EDGE)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _UNSEEN:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self._unseen:
            self._unseen = "" if tag == self._unseen else self._unseen
        elif tag in _BLOCKS:
            self._is_pre = self._is_pre and tag != "pre"
            self._add(_EDGE)
        elif tag in ("td", "th"):
            self._add(" ")

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        if self._is_pre:
            self._add(data.replace("\r\n", "\n").replace(_EDGE, " "))
        else:
            self._add(_BLANKS.sub(" ", data))

    def _add(self, piece: str) -> None:
        self.pieces.append(piece)
        self._size += len(piece)
        if self._size > TEXT_SIZE_MAX:
            raise _Full


def to_text(document: str) -> str:
    """The readable text of an HTML document, at most TEXT_SIZE_MAX characters; any characters are accepted."""
    walker = _Walker()
    try:
        walker.feed(document)
        walker.close()
    except (_Full, AssertionError):
        # html.parser asserts on some broken declarations; what was read up to there counts.
        pass
    flat = _SPACES.sub(" ", "".join(walker.pieces)[:TEXT_SIZE_MAX])
    lines = _EDGES.sub("\n", flat).split("\n")
    return _MANY_LINES.sub("\n\n", "\n".join(line.strip() for line in lines)).strip("\n")
