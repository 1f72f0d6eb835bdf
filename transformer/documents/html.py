"""HTML: the text of each block, with the tags inside of it."""

import html
import re
from html.parser import HTMLParser

from .document import Document, Piece

# Part of the text around them; all others divide it.
INLINE = frozenset(
    (
        *("a", "abbr", "b", "bdi", "bdo", "cite", "code", "del", "dfn", "em", "font", "i", "ins"),
        *("kbd", "label", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup"),
        *("time", "tt", "u", "var", "wbr"),
    )
)
UNTOUCHED = frozenset(
    ("code", "kbd", "math", "pre", "samp", "script", "style", "svg", "template", "textarea", "var")
)
"""What is inside of these is not translated."""
VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track")
)
"""Tags without a closing one."""
_ATTRIBUTE = re.compile(
    r"""\s(?:alt|title|placeholder|aria-label)\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE
)
_AROUND = r"(?:\s|<[^<>]*>)+"


def read_html(content: str) -> Document:
    """Finds the pieces of an HTML document or a part of one.

    A piece is the text of a block, tags such as <b> included, and the values of alt, title,
    placeholder and aria-label of tags that are not inside of a text. Scripts, styles, code and
    elements with translate="no" are left out.
    """
    finder = _Finder(content)
    finder.feed(content)
    finder.close()
    finder.divide(len(content))
    return Document(content, tuple(sorted(finder.pieces, key=lambda piece: piece.ranges)))


class _Finder(HTMLParser):
    def __init__(self, content: str) -> None:
        super().__init__(convert_charrefs=False)
        self.pieces: list[Piece] = []
        self._content = content
        self._lines = [0, *(i + 1 for i, c in enumerate(content) if c == "\n")]
        self._start: int | None = None  # of the text that is being read
        self._untouched: list[str] = []  # open elements that are left out, the outermost first

    def _place(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def divide(self, end: int) -> None:
        if self._start is not None:
            self._add(self._start, end)
        self._start = None

    def _add(self, start: int, end: int) -> None:
        raw = self._content[start:end]
        before, after = re.match(_AROUND, raw), re.search(f"{_AROUND}$", raw)
        if before and before.end() == len(raw):
            return
        # Tags around all of a text need no place in it.
        start += before.end() if before else 0
        end -= len(after.group()) if after else 0
        text = re.sub(r"&#?\w+;", _readable, self._content[start:end])
        if any(c.isalpha() for c in re.sub("<[^<>]*>", "", text)):
            self.pieces.append(Piece(((start, end),), " ".join(text.split())))

    def _read(self) -> None:
        if self._start is None and not self._untouched:
            self._start = self._place()

    def handle_data(self, data: str) -> None:
        self._read()

    def handle_entityref(self, name: str) -> None:
        self._read()

    def handle_charref(self, name: str) -> None:
        self._read()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        left_out = (tag in UNTOUCHED or ("translate", "no") in attrs) and tag not in VOID
        if tag in INLINE and not (left_out and tag not in UNTOUCHED):
            self._read()
            return  # code inside of a text is hidden with its tags
        self.divide(self._place())
        if not self._untouched:
            self._add_attributes()
        if left_out:
            self._untouched.append(tag)
        elif self._untouched and tag == self._untouched[-1] and tag not in VOID:
            self._untouched.append(tag)  # its end is not that of the outer one

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in INLINE:
            self.divide(self._place())
            if not self._untouched:
                self._add_attributes()

    def handle_endtag(self, tag: str) -> None:
        if self._untouched:
            if tag == self._untouched[-1]:
                self._untouched.pop()
        elif tag not in INLINE:
            self.divide(self._place())

    def handle_comment(self, data: str) -> None:
        self.divide(self._place())

    def handle_decl(self, decl: str) -> None:
        self.divide(self._place())

    def handle_pi(self, data: str) -> None:
        self.divide(self._place())

    def unknown_decl(self, data: str) -> None:
        self.divide(self._place())

    def _add_attributes(self) -> None:
        start, tag = self._place(), self.get_starttag_text() or ""
        for found in _ATTRIBUTE.finditer(tag):
            group = 1 if found.group(1) is not None else 2
            if any(c.isalpha() for c in found.group(group)):
                where = (start + found.start(group), start + found.end(group))
                text = re.sub(r"&#?\w+;", _readable, found.group(group))
                self.pieces.append(Piece((where,), " ".join(text.split())))


def _readable(entity: re.Match[str]) -> str:
    # Letters and typographic signs; what has a meaning in HTML stays an entity, and is hidden.
    character = html.unescape(entity.group())
    plain = len(character) == 1 and character not in "<>&\"'\u00a0\u00ad"
    return character if plain else entity.group()
