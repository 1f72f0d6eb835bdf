"""Pieces to words, and back to a text."""

import pytest
import torch

from transformer.inspection.words import (
    by_word,
    mean_of_rows,
    spans_of_words,
    sum_of_rows,
    written,
)


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ("▁Die ▁Pi zza ▁ist ▁heiß .", "Die Pizza ist heiß ."),
        ("▁Das ▁( klein e ) ▁Haus </s>", "Das ( kleine ) Haus </s>"),
        ("<s> ▁It ' s ▁a ▁well - known ▁fact", "<s> It's a well-known fact"),
        ("▁ <0xC5> <0xA0> ko da ▁f <0xC3> <0xA4> hrt", "Škoda fährt"),
        ("▁1.2 00 ▁ € .", "1.200 € ."),
        ("T h e ▁ d o g ⏎ i s", "The dog ⏎ is"),
    ],
)
def test_words_are_what_a_reader_calls_words(pieces: str, words: str) -> None:
    split = pieces.split()
    found = [written(split[span.start : span.stop]) for span in spans_of_words(split)]
    assert found == words.split()


def test_every_piece_is_in_one_word() -> None:
    pieces = ["▁", "<0xE2>", "▁", "▁", ".", "▁a", "b"]
    covered = [i for span in spans_of_words(pieces) for i in span]
    assert covered == list(range(len(pieces)))
    assert spans_of_words([]) == []


def test_attention_of_words_is_the_sum_over_pieces_and_the_mean_of_rows() -> None:
    matrix = torch.tensor([[0.2, 0.3, 0.5], [0.4, 0.4, 0.2]])
    rows, columns = [range(0, 2)], [range(0, 1), range(1, 3)]
    means = by_word(matrix, rows, columns, mean_of_rows)
    torch.testing.assert_close(means, torch.tensor([[0.3, 0.7]]))
    sums = by_word(matrix, rows, columns, sum_of_rows)
    torch.testing.assert_close(sums, torch.tensor([[0.6, 1.4]]))
