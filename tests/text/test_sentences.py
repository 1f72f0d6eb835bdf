"""Where a text is cut into sentences, and a sentence into parts."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transformer.data.tokenizer import Tokenizer
from transformer.errors import UserError
from transformer.text.german import GERMAN
from transformer.text.rules import NEUTRAL, Rules
from transformer.text.sentences import cut, split_sentences

PRETRAINED = Path(__file__).parents[2] / "transformer" / "pretrained" / "de-en"


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Ein Hund. Eine Katze.", ["Ein Hund.", "Eine Katze."]),
        ("Wer ist da? Ich! Gut.", ["Wer ist da?", "Ich!", "Gut."]),
        ("Ein Satz ohne Ende", ["Ein Satz ohne Ende"]),
        ("  Ein Hund.   Eine Katze.  ", ["Ein Hund.", "Eine Katze."]),
        ("", []),
        (" \t ", []),
        ("Sie mag Obst, z. B. Äpfel. Er nicht.", ["Sie mag Obst, z. B. Äpfel.", "Er nicht."]),
        ("Dr. Müller kommt. Prof. Weiß geht.", ["Dr. Müller kommt.", "Prof. Weiß geht."]),
        ("Am 3. Mai regnet es. Am 4. nicht.", ["Am 3. Mai regnet es.", "Am 4. nicht."]),
        ("Mr. Smith met Mrs. Jones. They left.", ["Mr. Smith met Mrs. Jones.", "They left."]),
        ("Es kostet 3.5 Euro. Das ist viel.", ["Es kostet 3.5 Euro.", "Das ist viel."]),
        ("Er sagte: „Gut.“ Dann ging er.", ["Er sagte: „Gut.“", "Dann ging er."]),
        ("He said: “Fine.” Then he left.", ["He said: “Fine.”", "Then he left."]),
        ('He said: "Fine." Then he left.', ['He said: "Fine."', "Then he left."]),
        ("Er ging. „Gut“, sagte sie.", ["Er ging.", "„Gut“, sagte sie."]),
        ("Er ging. »Gut«, sagte sie.", ["Er ging.", "»Gut«, sagte sie."]),
        ("Na ja... Das war es.", ["Na ja...", "Das war es."]),
        ("Na ja … Das war es.", ["Na ja …", "Das war es."]),
        ("Na ja... das war es.", ["Na ja... das war es."]),
        ("Sie kam (spät). Er auch.", ["Sie kam (spät).", "Er auch."]),
        ("Sie kam. (Er auch.) Gut.", ["Sie kam.", "(Er auch.)", "Gut."]),
        ("Was?! Wirklich?", ["Was?!", "Wirklich?"]),
        ("Er kam. 20 Leute warteten.", ["Er kam.", "20 Leute warteten."]),
        ("Er kam. Österreich gewann.", ["Er kam.", "Österreich gewann."]),
        ("www.example.com ist da.", ["www.example.com ist da."]),
        ("Das ist z.B. Unsinn. Ja.", ["Das ist z.B. Unsinn.", "Ja."]),
        ("„Dr. Müller kommt.“ Gut.", ["„Dr. Müller kommt.“", "Gut."]),
        ("Mo.-Fr. 9-17 Uhr. Tel. 12", ["Mo.-Fr. 9-17 Uhr.", "Tel. 12"]),
        ("Zum 100. Geburtstag. Am 24.12. Fest.", ["Zum 100. Geburtstag.", "Am 24.12. Fest."]),
        ("Bahnhofstr. 5. Stock?", ["Bahnhofstr. 5. Stock?"]),
        ("Es war 1990. Er kam.", ["Es war 1990.", "Er kam."]),
        ("Art. 5 gilt. So ist die Art. Gut.", ["Art. 5 gilt.", "So ist die Art.", "Gut."]),
        ("5 Mio. Euro, max. 5 Leute.", ["5 Mio. Euro, max. 5 Leute."]),
    ],
)
def test_german_sentences(text: str, sentences: list[str]) -> None:
    assert split_sentences(text, GERMAN) == sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Mr. Smith met Dr. J. Jones. They left.", ["Mr. Smith met Dr. J. Jones.", "They left."]),
        ("See fig. 5, No. 1000. It is big.", ["See fig. 5, No. 1000.", "It is big."]),
        ("Is it? No. It is not.", ["Is it?", "No.", "It is not."]),
        ("Den 3. maj kom han. Han gick.", ["Den 3. maj kom han.", "Han gick."]),
        ("It was 1990. He came.", ["It was 1990.", "He came."]),
        # German abbreviations that are words of other languages.
        ("I do. So do I. I saw Jan. He left.", ["I do.", "So do I. I saw Jan.", "He left."]),
    ],
)
def test_sentences_of_other_languages(text: str, sentences: list[str]) -> None:
    assert split_sentences(text, NEUTRAL) == sentences


@given(text=st.text(st.sampled_from('aBÄ1 .!?…"„“)(\n')))
@pytest.mark.parametrize("rules", [GERMAN, NEUTRAL], ids=["German", "neutral"])
@settings(max_examples=200, deadline=None)
def test_splitting_keeps_every_character(rules: Rules, text: str) -> None:
    sentences = split_sentences(text, rules)
    assert "".join("".join(sentences).split()) == "".join(text.split())
    assert all(sentence and sentence == sentence.strip() for sentence in sentences)


@pytest.mark.parametrize("longest", [0, -5])
def test_parts_have_a_piece_at_least(longest: int) -> None:
    tokenizer = Tokenizer.load(PRETRAINED / "sentencepiece.model")
    with pytest.raises(UserError, match=f"longest must be at least 1; found {longest}"):
        cut([5, 6, 7], longest, tokenizer)
    assert cut([5, 6, 7], 1, tokenizer) == [[5], [6], [7]]
