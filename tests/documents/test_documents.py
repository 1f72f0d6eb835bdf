"""Everything but the text of a document stays, character for character."""

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from transformer.documents.document import broken
from transformer.documents.reading import READERS, format_of

HTML = """<!DOCTYPE html>
<html lang="de"><head><title>Ein Titel</title>
<style>p { color: red }</style><script>let a = "Hund < Katze";</script></head>
<body><!-- Kein Text -->
<h1 class="x">Guten &amp; schlecht</h1>
<p>Der <b>Hund</b> l&auml;uft
  durch <a href="/wald?a=1&amp;b=2">den Wald</a>.</p>
<ul><li>Eins<li><em>Zwei</em></ul>
<pre>Nicht <b>das</b></pre><p>Dies: <code>ls -l</code>, ja.</p>
<img src="hund.png" alt="Ein Hund"><p translate="no">Nie</p><p>123</p>
</body></html>
"""

MARKDOWN = """---
title: Nicht
---
# Ein Titel #

Der **Hund** läuft
durch den [Wald](https://a.de).
Dann\\
ruht er.

> - Eins
>   zwei
> - Drei

1. Vier

```
Nicht das
```

    Nicht dies

| Hund | Katze |
|------|:-----:|
| Maus | 12 |

Ein Schluss
===========

[x]: https://b.de "Nicht"
"""

SRT = """1
00:00:01,000 --> 00:00:04,000
Der Hund läuft
<i>durch den Wald.</i>

2
00:00:05,000 --> 00:00:06,000
- Hallo!
- Guten Tag!

"""

TSV = "Hund\t12\tEine Katze\n\t\t\nMaus\t\t1.5\n"

EXPECTED = {
    "html": [
        *("Ein Titel", "Guten &amp; schlecht"),
        'Der <b>Hund</b> läuft durch <a href="/wald?a=1&amp;b=2">den Wald</a>.',
        *("Eins", "Zwei", "Dies: <code>ls -l</code>, ja.", "Ein Hund"),
    ],
    "markdown": [
        *("Ein Titel", "Der **Hund** läuft durch den [Wald](https://a.de). Dann", "ruht er."),
        *("Eins zwei", "Drei", "Vier", "Hund", "Katze", "Maus", "Ein Schluss"),
    ],
    "srt": ["Der Hund läuft <i>durch den Wald.</i>", "- Hallo!", "- Guten Tag!"],
    "tsv": ["Hund", "Eine Katze", "Maus"],
}
CONTENT = {"html": HTML, "markdown": MARKDOWN, "srt": SRT, "tsv": TSV}
KINDS = pytest.mark.parametrize("kind", sorted(READERS))


@KINDS
def test_the_pieces(kind: str) -> None:
    assert READERS[kind](CONTENT[kind]).texts == EXPECTED[kind]


@KINDS
def test_nothing_else_changes(kind: str) -> None:
    document = READERS[kind](CONTENT[kind])
    filled = document.filled([text.upper() for text in document.texts])
    assert len(filled.splitlines()) <= len(CONTENT[kind].splitlines())
    if kind != "html":  # whose entities become letters, and whose lines join
        again = " ".join(document.filled(document.texts).split())
        assert again == " ".join(CONTENT[kind].split())
    assert READERS[kind](filled).texts == [text.upper() for text in document.texts]


class Skeleton(HTMLParser):
    """The tags of a document, with all they say."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Any] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, [a for a in attrs if a[0] != "alt"]))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(tag)

    def handle_comment(self, data: str) -> None:
        self.found.append(data)


def skeleton(kind: str, text: str) -> Any:
    if kind == "html":
        parser = Skeleton()
        parser.feed(text)
        parser.close()
        return parser.found
    if kind == "markdown":
        tokens = MarkdownIt("commonmark").enable("table").parse(text)
        return [(t.type, t.tag, t.attrs, t.markup) for t in tokens if t.type != "inline"]
    if kind == "srt":
        return [line for line in text.splitlines() if "-->" in line], len(READERS[kind](text).texts)
    return [[bool(field.strip()) for field in line.split("\t")] for line in text.splitlines()]


BLOCKS = {
    "html": ["<p>", "</p>", "<b>Ja</b>", "Hund ", "<br>", "&lt;", "<pre>", "</pre>", "<li>", "\n"],
    "markdown": ["# ", "Hund", "\n", "\n\n", "- ", "> ", "`x` ", "| a | b |\n|---|---|\n", "    "],
    "srt": ["1\n", "00:01:00,000 --> 00:02:00,000\n", "Hund\n", "- Ja\n", "\n", "12\n"],
    "tsv": ["Hund", "\t", "\n", " ", "12", "Eine Katze"],
}


def test_a_ruler_in_a_paragraph_does_not_become_the_row_of_a_table() -> None:
    content = "# | a | b |\n|---|---|\n    - Hund"
    document = READERS["markdown"](content)
    assert document.texts == ["| a | b |", "- Hund"]
    assert document.filled(["| a | b |", "- A dog"]) == content.replace("Hund", "A dog")
    content = "Hund\nHund| a | b |\n|---|---|\n"
    document = READERS["markdown"](content)
    assert document.texts == ["Hund", "Hund| a | b |"]
    assert document.filled(["A dog", "A dog| a | b |"]) == content.replace("Hund", "A dog")


@KINDS
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_whatever_it_is_the_structure_stays(kind: str, data: st.DataObject) -> None:
    content = "".join(data.draw(st.lists(st.sampled_from(BLOCKS[kind]), max_size=20)))
    document = READERS[kind](content)
    assert all("\n" not in text and text == text.strip() for text in document.texts)
    filled = document.filled([text.replace("Hund", "A dog") for text in document.texts])
    assert skeleton(kind, filled) == skeleton(kind, content)
    if "Hund" not in content and kind != "markdown":
        assert filled.split() == content.split()


def test_a_text_is_broken_between_words() -> None:
    assert broken("a dog runs through the wood", 2) == ["a dog runs", "through the wood"]
    assert broken("dog", 3) == ["dog"]
    assert broken("", 2) == []


def test_the_name_of_a_file_says_what_it_holds() -> None:
    names = {
        "a.html": "html",
        "b.MD": "markdown",
        "c.srt.gz": "srt",
        "d.vtt": "srt",
        "e.tsv": "tsv",
    }
    assert {name: format_of(name) for name in names} == names
    assert format_of("a.txt") == format_of("-") == format_of("html") == "text"
