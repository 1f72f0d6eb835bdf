"""Text in, text out, with a tiny model of random weights: it talks nonsense, but reliably."""

import copy
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from transformer.checkpoint import CheckpointError, RunDirectory, named_weights, save_weights
from transformer.config import Config, DecodingConfig, ModelConfig
from transformer.data.tokenizer import Tokenizer
from transformer.inference.beam_search import Hypothesis
from transformer.inference.text import split_sentences
from transformer.inference.translator import (
    FIRST_WINDOW,
    Translation,
    Translator,
)
from transformer.model.encoder_decoder import DecodingState, Transformer

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
    decoding = translator.decoding.model_copy(update={"split": split})
    return Translator(translator.model, translator.tokenizer, decoding, longest_src=longest_src)


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
    found = translator.translate(text).split("\n")
    assert len(found) == len(text.split("\n"))
    for line in found:
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

    def noted(src: Tensor, *, coverage: bool) -> DecodingState:
        seen.extend([i for i in row if i != translator.tokenizer.pad_id] for row in src.tolist())
        return start(src, coverage=coverage)

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
    [whole] = cutting.translate_batch([TWO], n_best=2)
    parts = translator.translate_batch(split_sentences(TWO), n_best=2)
    for n, translation in enumerate(whole):
        assert translation.text == " ".join(part[n].text for part in parts)
        assert translation.score == pytest.approx(sum(part[n].score for part in parts), abs=1e-4)


@given(
    st.lists(
        st.sampled_from(["Ein", "Hund", "läuft.", "Fahrrad", "🚲" * 5, "Schnee!"]), max_size=40
    ),
    st.integers(8, 40),
)
@settings(max_examples=50, deadline=None)
def test_no_source_is_longer_than_the_limit(
    translator: Translator, words: list[str], longest: int
) -> None:
    cutting = with_split(translator, "long", longest)
    line = " ".join(words)
    parts = [source.ids[:-1] for source in cutting._sources(line, cutting.decoding)]
    assert all(0 < len(part) + 1 <= longest for part in parts)
    # Nothing is lost; a cut falls between words where the limit lets it.
    tokenizer = translator.tokenizer
    pieces = "".join(piece for part in parts for piece in tokenizer.pieces(part))
    assert pieces == "".join(tokenizer.pieces(tokenizer.encode(line)))


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
    decoding = DecodingConfig(split="always", placeholders=True, lower_shouting=True)
    engine = Parrot(tokenizer, says)
    return Translator(engine, tokenizer, decoding), engine.heard


HIDING = "Ein Hund: www.hund.de/a?b=1, Ball 0171 2345678."


def test_what_nobody_translates_is_hidden_from_the_model(tokenizer: Tokenizer) -> None:
    translator, heard = parrot(tokenizer)
    assert translator.translate(HIDING) == HIDING
    assert heard == ["Ein Hund: @1, Ball @2."]
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
    monkeypatch.setattr(shipped, "decoding", DecodingConfig(placeholders=True))
    shipped.sample("Ein Hund: 0171 2345678.", 2)
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
    # If that loses the mark, the first one stands.
    said["Ein Hund, @1."] = ["A dog."]
    assert translator.translate("Ein Hund, 2500.") == "A dog, 250."
    untouched = Translator(translator.engine, tokenizer, DecodingConfig())
    del heard[:]
    assert untouched.translate("Ein Hund, 2500.") == "A dog, 250."
    assert heard == ["Ein Hund, 2500."]


def test_an_endless_address_that_was_lost_comes_at_the_end(tokenizer: Tokenizer) -> None:
    address = "www.hund.de/" + "a1b2" * 100
    translator, heard = parrot(tokenizer, lambda text: ["A dog."])
    translator.longest_src = 60
    assert translator.translate(f"Ein Hund: {address}") == f"A dog. {address}"
    assert heard == ["Ein Hund: @1"]


def test_when_all_lost_a_mark_nothing_is_hidden(tokenizer: Tokenizer) -> None:
    translator, heard = parrot(tokenizer, lambda text: [text.replace("@2", "zwei")])
    assert translator.translate(HIDING) == HIDING
    assert heard == ["Ein Hund: @1, Ball @2.", HIDING]


def test_shouting_is_lowered_and_comes_back(tokenizer: Tokenizer) -> None:
    translator, heard = parrot(tokenizer)
    loud = "EIN HUND: www.hund.de! Ein Ball. DIE KATZE LÄUFT."
    assert translator.translate(loud) == loud
    assert sorted(heard) == ["Ein Ball.", "die katze läuft.", "ein hund: @1!"]


def test_line_breaks_stay(tokenizer: Tokenizer) -> None:
    translator, _ = parrot(tokenizer)
    text = "Ein Hund.\n\n  Eine Katze. Ein Ball. \nDie Katze\n"
    assert translator.translate(text) == "Ein Hund.\n\nEine Katze. Ein Ball.\nDie Katze\n"


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
