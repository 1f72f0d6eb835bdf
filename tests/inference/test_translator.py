"""Text in, text out, with a tiny model of random weights: it talks nonsense, but reliably."""

import copy
import itertools
import pickle
import pydoc
import random
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from transformer.config import Config, DecodingConfig, ModelConfig, TextConfig
from transformer.data.tokenizer import Tokenizer
from transformer.errors import UserError
from transformer.inference.call_settings import SearchSettings
from transformer.inference.translator import FIRST_WINDOW, Translator
from transformer.model.encoder_decoder import DecodingState, Transformer
from transformer.runs.directory import RunDirectory
from transformer.runs.errors import CheckpointError
from transformer.runs.weights import named_weights, save_weights
from transformer.search.hypothesis import Hypothesis
from transformer.text.german import GERMAN
from transformer.text.joining import Translation
from transformer.text.preparing import MAX_PIECES
from transformer.text.sentences import split_sentences

TINY = ModelConfig(d_model=16, d_ff=32, n_heads=2, n_encoder_layers=1, n_decoder_layers=1)
DECODING = DecodingConfig(beam_size=3, max_extra_tokens=4, batch_tokens=120)
Split = Literal["long", "always", "never"]


@pytest.fixture(scope="session")
def model(tokenizer: Tokenizer) -> Transformer:
    """Weights large enough that what is said depends on the source and does not repeat itself."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = Transformer(TINY, vocab_size=tokenizer.vocab_size, pad_id=tokenizer.pad_id)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "attention" in name or "feed_forward" in name:
                weight.mul_(3)
    return model


@pytest.fixture(scope="session")
def translator(model: Transformer, tokenizer: Tokenizer) -> Translator:
    """In fp64, so that no rounding decides between two hypotheses."""
    return Translator(copy.deepcopy(model).double(), tokenizer, DECODING)


def with_split(translator: Translator, split: Split, longest_src: int | None) -> Translator:
    return Translator(
        translator.model,
        translator.tokenizer,
        translator.decoding,
        TextConfig(split=split),
        longest_src=longest_src,
    )


def texts(results: list[list[Translation]]) -> list[list[str]]:
    return [[translation.text for translation in best] for best in results]


def test_random_model_says_different_things(translator: Translator, lines: list[str]) -> None:
    """Or else the tests below would hold for a translator that returns a constant."""
    found = [best[0].text for best in translator.translate_batch(lines)]
    assert len(set(found)) > len(lines) / 2
    assert sum(len(set(text)) > 5 for text in found) > len(lines) / 2


STRANGE = {
    "empty": "",
    "spaces": "    ",
    "tabs": "\t \t",
    "no-break space": "\u00a0\u3000",
    "never seen": "未知の言語 Ωμέγα",
    "emoji": "Ein Hund 🐕‍🦺 läuft 🏃🏽‍♀️.",
    "control": "Ein\x00 Hund\x07.",
    "line breaks": "Ein Hund.\nEine Katze.\r\nEin Ball.",
    "separators": "Ein\u2028Hund\u2029läuft\x85 .",
    "special tokens": "<s> Ein Hund </s> <pad> <unk>",
    "long word": "Donaudampfschifffahrt" * 8,
    "long line": "Der kleine Junge spielt mit seinem Ball im Garten und " * 8,
    "paragraph": "Ein Hund läuft. Die Katze schläft! Wer singt? „Ich“, sagt das Mädchen. " * 2,
    "punctuation": "...!?",
    "half a surrogate pair": "Ein \ud83d Hund.",
}


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE.keys())
def test_every_line_gives_one_line(translator: Translator, text: str) -> None:
    ends = re.compile(r"\r?\n")
    found = translator.translate(text)
    assert ends.findall(found) == ends.findall(text)
    for line in ends.split(found):
        assert line.splitlines() in ([], [line])
        assert line == " ".join(line.split())


@pytest.mark.parametrize("name", ["empty", "spaces", "tabs", "no-break space"])
def test_nothing_to_translate_gives_nothing(translator: Translator, name: str) -> None:
    assert translator.translate(STRANGE[name]) == ""
    assert translator.translate_batch([STRANGE[name]], n_best=3) == [[Translation("", 0.0)]]


@given(st.lists(st.text(max_size=12), max_size=4))
@settings(max_examples=15, deadline=None)
def test_as_many_lines_out_as_in(translator: Translator, lines: list[str]) -> None:
    found = translator.translate_batch(lines, beam_size=1)
    assert len(found) == len(lines)
    for best, line in zip(found, lines, strict=True):
        assert len(best) == 1 and best[0].text.count("\n") == line.count("\n")


def test_one_by_one_together_and_streamed_are_the_same(
    translator: Translator, lines: list[str]
) -> None:
    mixed = ["", *lines[:3], "  ", "🚲", *lines[3:5], ""]
    one_by_one = [translator.translate(line) for line in mixed]
    together = translator.translate_batch(mixed)
    assert [best[0].text for best in together] == one_by_one
    for window in (1, 3, 1024):
        streamed = list(translator.translate_stream(iter(mixed), window=window))
        assert texts(streamed) == texts(together)


@pytest.mark.parametrize("batch_tokens", [1, 60, 100_000])
def test_neighbours_change_nothing(
    translator: Translator, lines: list[str], batch_tokens: int
) -> None:
    lines = lines[:6]
    alone = {line: translator.translate_batch([line], n_best=2)[0] for line in lines}
    decoding = translator.decoding.model_copy(update={"batch_tokens": batch_tokens})
    other = Translator(translator.model, translator.tokenizer, decoding)
    shuffled = random.Random(1).sample(lines, len(lines))
    for line, best in zip(shuffled, other.translate_batch(shuffled, n_best=2), strict=True):
        assert [t.text for t in best] == [t.text for t in alone[line]]
        assert [t.score for t in best] == pytest.approx([t.score for t in alone[line]], abs=1e-5)


def test_stream_reads_no_further_than_its_window(translator: Translator) -> None:
    read = 0

    def endless() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield "Ein Hund."

    stream = translator.translate_stream(endless(), beam_size=1)
    assert next(stream)[0].text == translator.translate("Ein Hund.", beam_size=1)
    assert read == FIRST_WINDOW
    assert len(list(itertools.islice(stream, FIRST_WINDOW))) == FIRST_WINDOW
    assert read == 3 * FIRST_WINDOW  # the second window is twice the first


def test_n_best_are_sorted_and_distinct(translator: Translator, lines: list[str]) -> None:
    for best in translator.translate_batch(lines[:4], beam_size=4, n_best=4):
        assert len(best) == 4
        assert len({translation.score for translation in best}) == 4
    [best] = translator.translate_batch(lines[:1], beam_size=4, n_best=4)
    [first] = translator.translate_batch(lines[:1], beam_size=4)
    assert first == best[:1]


@pytest.mark.parametrize("wrong", [{"beam_size": 2, "n_best": 3}, {"n_best": 0}, {"beam_size": 0}])
def test_wrong_numbers_are_refused(translator: Translator, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"n_best|beam_size"):
        translator.translate_batch(["Ein Hund."], **wrong)  # type: ignore[arg-type]


def test_settings_of_a_call_go_before_those_of_the_run(
    model: Transformer, tokenizer: Tokenizer, lines: list[str]
) -> None:
    given: dict[str, Any] = {"beam_size": 2, "length_penalty": "power", "alpha": 2.0}
    changed = DecodingConfig(**{**DECODING.model_dump(), **given})
    expected = Translator(model, tokenizer, changed).translate_batch(lines[:5])
    plain = Translator(model, tokenizer, DECODING)
    assert plain.translate_batch(lines[:5], **given) == expected
    assert plain.translate_batch(lines[:5]) != expected


def test_decoding_leaves_the_model_in_evaluation_mode(
    model: Transformer, tokenizer: Tokenizer
) -> None:
    model.train()
    first = Translator(model, tokenizer, DECODING).translate("Ein Hund läuft.")
    assert not model.training
    assert Translator(model, tokenizer, DECODING).translate("Ein Hund läuft.") == first


def test_output_is_no_longer_than_the_source_and_the_extra(
    translator: Translator, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0
    step = translator.model.step

    def counted(tokens: Tensor, state: DecodingState) -> tuple[Tensor, DecodingState]:
        nonlocal steps
        steps += 1
        return step(tokens, state)

    monkeypatch.setattr(translator.model, "step", counted)
    translator.translate(lines[0], length_penalty="power", alpha=9.0)  # never satisfied early
    assert steps == len(translator.tokenizer.encode(lines[0])) + DECODING.max_extra_tokens


# ------------------------------------------------------------------------------------------------
# Sentences
# ------------------------------------------------------------------------------------------------

TWO = "Ein Hund läuft durch den Schnee. Die Katze schläft."


@pytest.fixture
def sources(translator: Translator, monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """What the model is asked to translate, EOS included, padding not."""
    seen: list[list[int]] = []
    start = translator.model.start

    def noted(src: Tensor) -> DecodingState:
        seen.extend([i for i in row if i != translator.tokenizer.pad_id] for row in src.tolist())
        return start(src)

    monkeypatch.setattr(translator.model, "start", noted)
    return seen


@pytest.mark.parametrize(
    ("split", "longest_src", "n_sources"),
    [
        ("never", None, 1),
        ("never", 10, 1),
        ("always", None, 2),
        ("always", 1000, 2),
        ("long", None, 1),
        ("long", 1000, 1),
        ("long", 25, 2),
    ],
)
def test_when_a_line_is_cut(
    translator: Translator,
    sources: list[list[int]],
    split: Split,
    longest_src: int | None,
    n_sources: int,
) -> None:
    with_split(translator, split, longest_src).translate(TWO)
    assert len(sources) == n_sources


def test_limit_itself_is_not_too_long(translator: Translator, sources: list[list[int]]) -> None:
    n_tokens = len(translator.tokenizer.encode(TWO)) + 1  # with EOS
    with_split(translator, "long", n_tokens).translate(TWO)
    assert [len(source) for source in sources] == [n_tokens]
    with_split(translator, "long", n_tokens - 1).translate(TWO)
    assert len(sources) == 1 + 2


def test_a_cut_line_is_its_sentences_joined(translator: Translator) -> None:
    cutting = with_split(translator, "always", None)
    [[best, _, third]] = cutting.translate_batch([TWO], n_best=3)
    parts = translator.translate_batch(split_sentences(TWO, GERMAN), n_best=3)
    assert best.text == " ".join(part[0].text for part in parts)
    assert best.score == pytest.approx(sum(part[0].score for part in parts), abs=1e-4)
    sums = sorted((one.score + other.score for one, other in itertools.product(*parts)))
    assert third.score == pytest.approx(sums[-3], abs=1e-4)


def test_cuts_fall_between_words(translator: Translator, sources: list[list[int]]) -> None:
    line = "der kleine Junge spielt mit seinem Ball im Garten und die Katze schläft"
    with_split(translator, "long", 25).translate(line)
    words = [translator.tokenizer.decode(source[:-1]) for source in sources]
    assert len(words) > 1
    assert sorted(" ".join(words).split()) == sorted(line.split())


# ------------------------------------------------------------------------------------------------
# Hidden and shouted
# ------------------------------------------------------------------------------------------------


class Parrot:
    """An engine that says what it was told, word for word, or what `says` makes of it."""

    def __init__(self, tokenizer: Tokenizer, says: Callable[[str], list[str]]) -> None:
        self.tokenizer, self.says = tokenizer, says
        self.heard: list[str] = []

    def search(self, batch: Any, *_: Any, **__: Any) -> list[list[Hypothesis]]:
        texts = [self.tokenizer.decode(ids[:-1]) for ids in batch]
        self.heard += texts
        return [
            [
                Hypothesis(tuple(self.tokenizer.encode(said)), -rank, -rank, finished=True)
                for rank, said in enumerate(self.says(text))
            ]
            for text in texts
        ]


def parrot(
    tokenizer: Tokenizer, says: Callable[[str], list[str]] = lambda text: [text]
) -> tuple[Translator, list[str]]:
    text = TextConfig(split="always", placeholders=True, lower_shouting=True)
    engine = Parrot(tokenizer, says)
    return Translator(engine, tokenizer, text=text), engine.heard


HIDING = "Ein Hund, www.hund.de/a?b=1, Ball 0171 2345678."


def test_what_nobody_translates_is_hidden_from_the_model(tokenizer: Tokenizer) -> None:
    translator, heard = parrot(tokenizer)
    assert translator.translate(HIDING) == HIDING
    assert heard == ["Ein Hund, @1, Ball @2."]
    untouched = Translator(translator.engine, tokenizer, DecodingConfig())
    untouched.translate(HIDING)
    assert heard[-1] == HIDING


def test_a_sample_sees_what_is_hidden_from_a_search(
    shipped: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drawn at random, it may lose a mark."""
    heard = []
    sample = shipped.engine.sample  # type: ignore[attr-defined]

    def noted(batch: Sequence[Sequence[int]], *args: Any) -> Any:
        heard.extend(shipped.tokenizer.decode(ids) for ids in batch)
        return sample(batch, *args)

    monkeypatch.setattr(shipped.engine, "sample", noted)
    monkeypatch.setattr(shipped, "text", TextConfig(placeholders=True))
    shipped.sample("Ein Hund, 0171 2345678.", 2)
    assert len(heard) == 2 and not any("@1" in text for text in heard)


def test_a_hypothesis_that_lost_a_mark_gives_way(tokenizer: Tokenizer) -> None:
    translator, _ = parrot(tokenizer, lambda text: ["Ball @1", text, "@2 @1", "@1 @1 @2"])
    found = [t.text for t in translator.translate_batch([HIDING], n_best=4)[0]]
    assert found == [HIDING, "0171 2345678 www.hund.de/a?b=1"]


def test_a_changed_number_is_translated_as_a_mark(tokenizer: Tokenizer) -> None:
    said = {"Ein Hund, 2500.": ["A dog, 250."], "Ein Hund, @1.": ["A dog.", "A @1 dog."]}
    translator, heard = parrot(tokenizer, lambda text: said.get(text, [text]))
    assert translator.translate("Ein Hund, 2500.") == "A 2500 dog."
    assert heard == ["Ein Hund, 2500.", "Ein Hund, @1."]
    # If that loses the mark, what is beside the number is translated alone.
    said |= {"Ein Hund, @1.": ["A dog."], "Ein Hund": ["A dog."]}
    assert translator.translate("Ein Hund, 2500.") == "A dog, 2500."
    untouched = Translator(translator.engine, tokenizer, DecodingConfig())
    del heard[:]
    assert untouched.translate("Ein Hund, 2500.") == "A dog, 250."
    assert heard == ["Ein Hund, 2500."]


def test_searches_that_are_made_again_come_in_batches(tokenizer: Tokenizer) -> None:
    """First for all sentences, then for those with a changed number, several in a batch."""
    said = {f"Hund {n}!": [f"dog {n}!"] for n in range(10, 30)}
    said |= {f"Hund {n}!": ["dog!"] for n in range(10, 30, 2)}
    rounds = []

    class Noting(Parrot):
        def search(self, batch: Any, *args: Any, **settings: Any) -> list[list[Hypothesis]]:
            rounds.append([self.tokenizer.decode(ids[:-1]) for ids in batch])
            return super().search(batch, *args, **settings)

    engine = Noting(tokenizer, lambda text: said.get(text, [text]))
    text = TextConfig(split="always", placeholders=True)
    translator = Translator(engine, tokenizer, DecodingConfig(batch_tokens=10**6), text)
    lines = [f"Hund {n}! Hund {n + 1}!" for n in range(10, 30, 2)]
    found = translator.translate_batch(lines)
    assert [best[0].text for best in found] == [f"Hund {n}! dog {n + 1}!" for n in range(10, 30, 2)]
    heard = [text for batch in rounds for text in batch]
    assert sorted(heard[:20]) == sorted(said)
    assert heard[20:] == ["Hund @1!"] * 10
    assert len(rounds) < 8


def test_a_sentence_may_need_three_searches(tokenizer: Tokenizer) -> None:
    """A lost mark, then a changed number, then all numbers as marks."""
    said = {
        "Hund 25, @1": ["dog 25"],
        "Hund 25, www.a.de": ["dog 5, www.a.de"],
        "Hund @1, @2": ["dog @2, @1"],
    }
    translator, heard = parrot(tokenizer, lambda text: said.get(text, [text]))
    assert translator.translate("Hund 25, www.a.de") == "dog www.a.de, 25"
    assert heard == list(said)


def test_a_second_search_begins_with_the_prefix(
    shipped: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    search = shipped.engine.search

    def noted(batch: Any, settings: Any, n_best: int, prefixes: Any) -> Any:
        seen.append(prefixes)
        return search(batch, settings, n_best, prefixes)

    monkeypatch.setattr(shipped.engine, "search", noted)
    lines = ["Hund 0171 2345678, 0172 3456789.", "Hund."]
    shipped.translate_batch(lines, prefixes=["The", ""], placeholders=True)
    begins = shipped.tokenizer.encode("The")
    assert len(seen) > 1 and sorted(seen[0]) == [[], begins]
    assert all(prefixes == [begins] for prefixes in seen[1:])


def test_german_has_rules_of_its_own(tokenizer: Tokenizer) -> None:
    line = "Er kommt evtl. Montag."
    heard: dict[str, list[str]] = {}
    for language in ("de", "en"):
        engine = Parrot(tokenizer, lambda text: [text])
        text = TextConfig(split="always")
        Translator(engine, tokenizer, text=text, src_lang=language).translate(line)
        heard[language] = engine.heard
    assert heard == {"de": [line], "en": ["Er kommt evtl.", "Montag."]}


def test_an_endless_address_that_was_lost_comes_at_the_end(tokenizer: Tokenizer) -> None:
    address = "www.hund.de/" + "a1b2" * 100
    translator, heard = parrot(tokenizer, lambda text: ["A dog."])
    translator.longest_src = 60
    assert translator.translate(f"Ein Hund, {address}") == f"A dog. {address}"
    assert heard == ["Ein Hund, @1"]


def test_when_all_lost_a_mark_nothing_is_hidden(tokenizer: Tokenizer) -> None:
    translator, heard = parrot(tokenizer, lambda text: [text.replace("@2", "zwei")])
    assert translator.translate(HIDING) == HIDING
    assert heard == ["Ein Hund, @1, Ball @2.", HIDING]


def test_shouting_is_lowered_and_comes_back(tokenizer: Tokenizer) -> None:
    translator, heard = parrot(tokenizer)
    loud = "EIN HUND, www.hund.de! Ein Ball. DIE KATZE LÄUFT."
    assert translator.translate(loud) == loud
    assert sorted(heard) == ["Ein Ball.", "die katze läuft.", "ein hund, @1!"]


def test_line_breaks_stay(tokenizer: Tokenizer) -> None:
    translator, _ = parrot(tokenizer)
    text = "Ein Hund.\n\n  Eine Katze. Ein Ball. \nDie Katze\n"
    assert translator.translate(text) == "Ein Hund.\n\nEine Katze. Ein Ball.\nDie Katze\n"


def test_other_line_ends_stay_what_they_are(tokenizer: Tokenizer) -> None:
    translator, _ = parrot(tokenizer)
    text = "Ein Hund.\r\n\r\nEine Katze.\rEin Ball.\n\r\n"
    assert translator.translate(text) == text


def test_each_text_comes_once(tokenizer: Tokenizer) -> None:
    """Though the search finds it in other pieces, too: these here differ by a score only."""
    translator, _ = parrot(tokenizer, lambda text: ["A dog.", "A dog.", "A cat.", "A dog."])
    [found] = translator.translate_batch(["Ein Hund."], n_best=4)
    assert found == [Translation("A dog.", 0), Translation("A cat.", -2)]


def test_n_best_of_the_shipped_model_are_distinct(shipped: Translator) -> None:
    lines = ["20 Euro", "15:30", "Ein Hund. Eine Katze.", "3 Äpfel"]
    for best in shipped.translate_batch(lines, beam_size=8, n_best=8, split="always"):
        assert len({t.text for t in best}) == len(best) > 0
        assert [t.score for t in best] == sorted((t.score for t in best), reverse=True)
    alternatives = shipped.alternatives("20 Euro", n=30)
    assert len({t.text for t in alternatives}) == len(alternatives)


# ------------------------------------------------------------------------------------------------
# What a caller may hand over
# ------------------------------------------------------------------------------------------------


DEEP: list[object] = []
"""More lists in lists than Python can write out."""
for _ in range(100_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.translate_batch("Hallo"), "one text 'Hallo'; put it in a list"),
        (lambda t: t.translate_batch(b"Hallo"), "one text b'Hallo'"),
        (lambda t: t.translate_stream("Hallo"), "one text 'Hallo'"),
        (lambda t: t.translate_batch(["a"], prefixes="A"), "prefix texts must come in a list"),
        (lambda t: t.translate_batch(5), "line texts must come in a list; found 5"),
        (lambda t: t.translate_batch(["a", None]), "line 1 must be a str; found None"),
        (lambda t: t.translate_batch(["a", b"b"]), "line 1 must be a str; found b'b'; decode"),
        (lambda t: list(t.translate_stream(["a", "b", 3])), "line 2 must be a str; found 3"),
        (lambda t: t.translate_batch(["a"], prefixes=[None]), "prefix 0 must be a str"),
        (lambda t: t.translate_batch(["a"], prefixes=[]), "1 lines have 0 prefixes"),
        (lambda t: t.translate(None), "text must be a str; found None"),
        (lambda t: t.translate(["a"]), "text must be a str; found"),
        (lambda t: t.translate("a", prefix=1), "prefix must be a str; found 1"),
        (lambda t: t.translate_stream(["a"], prefix=1), "prefix must be a str; found 1"),
        (lambda t: t.score("a", None), "translation must be a str; found None"),
        (lambda t: t.score(1.5, "a"), "text must be a str; found 1.5"),
        (lambda t: t.alternatives(None), "text must be a str; found None"),
        (lambda t: t.sample(None), "text must be a str; found None"),
        (lambda t: t.translate("a", beam=5), "unknown key 'beam'; did you mean 'beam_size'"),
        (lambda t: t.translate("a", splitt="never"), "unknown key 'splitt'; did you mean 'split'"),
        (lambda t: t.translate("a", split="no"), "split: input should be 'long', 'always' or"),
        (lambda t: t.translate("a", beam_size="5"), "beam_size.*integer.*'5'"),
        (lambda t: t.translate("a", beam_size=10**6), "beam_size.*256"),
        (lambda t: t.translate_batch(["a"], n_best=10**5000), "found a number of 16610 bits"),
        (lambda t: t.alternatives("a", n=10**5000), "found a number of 16610 bits"),
        (lambda t: t.translate_batch(["a", DEEP]), "line 1 must be a str; found .+"),
        (
            lambda t: t.translate_batch(["a"], n_best=1.5),
            "n_best must be a whole number; found 1.5",
        ),
        (lambda t: t.translate_batch([], n_best=99), r"between 1 and beam_size \(3\); found 99"),
        (
            lambda t: t.translate_batch(["a"], workers=1000),
            "workers must be at most 64; found 1000",
        ),
        (lambda t: t.translate_stream(["a"], workers=1000), "workers must be at most 64"),
        (lambda t: t.translate_stream(["a"], window=0), "window must be at least 1; found 0"),
        (lambda t: t.translate_stream(["a"], window=10**20), "window must be at most 100,000"),
        (lambda t: t.alternatives("a", n=0), "n must be at least 1; found 0"),
        (lambda t: t.alternatives("a", n=1_000_000), "n must be at most 100; found 1000000"),
        (lambda t: t.sample("a", n=0), "n must be at least 1; found 0"),
        (lambda t: t.sample("a", n=10**30), "n must be at most 1,000; found 1000000000000"),
        (lambda t: t.translate("a " * 50_000, split="never"), "line .* at most 4,096 pieces"),
        (lambda t: t.score("a " * 50_000, "a"), "a text .* at most 4,096 pieces"),
        (lambda t: t.score("a", "a " * 50_000), "a translation .* at most 4,096 pieces"),
        (lambda t: t.alternatives("a " * 50_000), "a text .* at most 4,096 pieces"),
        (lambda t: t.translate("a", prefix="a " * 50_000), "a prefix .* at most 4,096 pieces"),
    ],
)
def test_what_is_wrong_is_refused(
    translator: Translator, call: Callable[[Translator], object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        call(translator)


@pytest.mark.parametrize("longest", [-5, 0, 1, 2.5, True])
def test_the_longest_source_has_a_piece_and_an_end(
    model: Transformer, tokenizer: Tokenizer, longest: Any
) -> None:
    with pytest.raises(UserError, match="longest_src must be"):
        Translator(model, tokenizer, longest_src=longest)


def test_an_endless_line_is_cut_where_no_limit_is_known(tokenizer: Tokenizer) -> None:
    translator, heard = parrot(tokenizer)
    translator.translate("Hund " * 5000, split="long")
    assert 1 < len(heard) == sum(len(tokenizer.encode(text)) < MAX_PIECES for text in heard)


def test_wide_beams_have_small_batches(tokenizer: Tokenizer) -> None:
    sizes = []

    class Counting(Parrot):
        def search(self, batch: Any, *args: Any, **settings: Any) -> list[list[Hypothesis]]:
            sizes.append(len(batch))
            return super().search(batch, *args, **settings)

    translator = Translator(Counting(tokenizer, lambda text: [text]), tokenizer, DecodingConfig())
    lines = ["Hund"] * 2000
    n_tokens = len(tokenizer.encode("Hund")) + 1
    for beam_size, share in ((1, 1), (8, 1), (16, 2), (256, 32)):
        del sizes[:]
        translator.translate_batch(lines, beam_size=beam_size)
        assert max(sizes) * n_tokens <= translator.decoding.batch_tokens / share
        assert max(sizes) * n_tokens > translator.decoding.batch_tokens / share / 2
    # What is given counts as well.
    del sizes[:]
    translator.translate_batch(lines[:64], prefixes=["Ball " * 200] * 64)
    assert max(sizes) <= 8


def test_many_samples_come_in_batches_and_are_the_same(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = translator.sample(TWO, 12)
    monkeypatch.setattr(
        translator, "decoding", translator.decoding.model_copy(update={"batch_tokens": 16})
    )
    assert [t.text for t in translator.sample(TWO, 12)] == [t.text for t in together]
    assert len({t.text for t in together}) == 12


@pytest.mark.parametrize(
    "method",
    [
        Translator.translate,
        Translator.translate_batch,
        Translator.translate_stream,
        Translator.alternatives,
    ],
)
def test_help_names_every_setting(method: Callable[..., Any]) -> None:
    fields = DecodingConfig.model_fields | TextConfig.model_fields
    assert set(SearchSettings.__annotations__) == set(fields)
    text = pydoc.plain(pydoc.render_doc(method))
    for name, field in fields.items():
        assert f"    {name}={field.default!r}: {(field.description or '')[:20]}" in text


@pytest.mark.slow
def test_threads_find_what_one_thread_finds(shipped: Translator, german: list[str]) -> None:
    expected = [shipped.translate(line) for line in german]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(shipped.translate, german)) == expected


# ------------------------------------------------------------------------------------------------
# Loading
# ------------------------------------------------------------------------------------------------


@pytest.fixture
def run(model: Transformer, tokenizer: Tokenizer, tmp_path: Path) -> RunDirectory:
    """A run directory as training leaves it behind."""
    run = RunDirectory(tmp_path / "run")
    run.path.mkdir()
    config = Config(run_dir=str(run.path), model=TINY, decoding=DECODING)
    run.config.write_text(config.to_yaml(), encoding="utf-8")
    run.tokenizer.write_bytes(tokenizer.model)
    save_weights(named_weights(model), run.model, {"longest_src": "17"})
    return run


def load_error(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        Translator.load(path)
    return str(caught.value)


def test_loaded_translator_is_the_one_that_was_saved(
    run: RunDirectory, model: Transformer, tokenizer: Tokenizer, lines: list[str]
) -> None:
    loaded = Translator.load(run.path)
    assert loaded.decoding == DECODING
    assert loaded.longest_src == 17
    same = Translator(model, tokenizer, DECODING, longest_src=17)
    found, expected = (each.translate_batch(lines[:3]) for each in (loaded, same))
    assert texts(found) == texts(expected)
    scores = [[best[0].score for best in results] for results in (found, expected)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-4)


def test_run_directory_may_be_moved(run: RunDirectory, tmp_path: Path) -> None:
    before = Translator.load(str(run.path)).translate("Ein Hund.")
    moved = run.path.rename(tmp_path / "anderswo ä")
    assert Translator.load(moved).translate("Ein Hund.") == before


def test_weights_without_metadata_know_no_limit(model: Transformer, run: RunDirectory) -> None:
    save_weights(named_weights(model), run.model)
    assert Translator.load(run.path).longest_src is None


def test_missing_directory(tmp_path: Path) -> None:
    message = load_error(tmp_path / "nowhere")
    assert "nowhere does not exist; name the directory that transformer-train wrote" in message


def test_directory_without_settings(tmp_path: Path) -> None:
    assert "has no config.yaml; name the directory" in load_error(tmp_path)


def test_missing_tokenizer(run: RunDirectory) -> None:
    run.tokenizer.unlink()
    assert "sentencepiece.model is missing" in load_error(run.path)


def test_missing_weights(run: RunDirectory) -> None:
    run.model.unlink()
    assert "model.safetensors does not exist: the run has not validated yet" in load_error(run.path)


@pytest.mark.parametrize("keep", [0, 5, 400, -1])
def test_damaged_weights(run: RunDirectory, keep: int) -> None:
    run.model.write_bytes(run.model.read_bytes()[:keep])
    assert "model.safetensors is damaged" in load_error(run.path)


def test_weights_of_another_shape(run: RunDirectory) -> None:
    other = Config(model=TINY.model_copy(update={"d_ff": 64}), decoding=DECODING)
    run.config.write_text(other.to_yaml(), encoding="utf-8")
    message = load_error(run.path)
    assert "does not fit the model of config.yaml" in message
    assert "the model has (16, 64), the file (16, 32)" in message


def test_weights_of_a_deeper_model(run: RunDirectory) -> None:
    other = Config(model=TINY.model_copy(update={"n_encoder_layers": 2}), decoding=DECODING)
    run.config.write_text(other.to_yaml(), encoding="utf-8")
    message = load_error(run.path)
    assert "for encoder.layers.1." in message and "the file nothing" in message


def test_a_pickle_loads_its_folder_again(run: RunDirectory) -> None:
    loaded = Translator.load(run.path)
    loaded.decoding = loaded.decoding.model_copy(update={"beam_size": 2})
    loaded.text = TextConfig(split="always")
    again = pickle.loads(pickle.dumps(loaded))
    assert again.engine is not loaded.engine
    assert again.text == loaded.text
    assert (again.decoding, again.longest_src) == (loaded.decoding, loaded.longest_src)
    assert again.translate("Ein Hund läuft.") == loaded.translate("Ein Hund läuft.")
    # With every task of Pool.map it comes anew, and is loaded once.
    assert pickle.loads(pickle.dumps(again.translate)).__self__.engine is again.engine


def test_what_was_made_of_a_model_has_no_folder(translator: Translator) -> None:
    with pytest.raises(UserError, match="only a translator that was loaded from a folder"):
        pickle.dumps(translator)
    assert copy.copy(translator).engine is translator.engine
    deep = copy.deepcopy(translator)
    assert deep.engine is not translator.engine
    assert deep.translate("Ein Hund.") == translator.translate("Ein Hund.")
