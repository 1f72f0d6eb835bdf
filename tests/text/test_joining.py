"""The best of several parts, by brute force."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from transformer.text.joining import Translation, best_of

choices = st.lists(
    st.tuples(st.sampled_from(["", "a", "b", "c d", "d"]), st.integers(-9, 0)),
    min_size=1,
    max_size=4,
)


@given(st.lists(choices, max_size=4), st.integers(1, 9))
@settings(max_examples=300, deadline=None)
def test_the_best_of_parts_are_the_best_of_all_combinations(
    parts: list[list[tuple[str, int]]], n: int
) -> None:
    sorted_parts = [
        [Translation(text, float(score)) for text, score in sorted(part, key=lambda t: -t[1])]
        for part in parts
    ]
    # By brute force, each text with its best score.
    scores: dict[str, float] = {}
    for chosen in itertools.product(*sorted_parts):
        text = " ".join(t.text for t in chosen if t.text)
        scores[text] = max(scores.get(text, -99.0), sum(t.score for t in chosen))
    found = best_of(sorted_parts, n)
    assert len({t.text for t in found}) == len(found) <= n
    assert found[0].score == max(scores.values())
    assert all(t.score == scores[t.text] for t in found)
    # Unless different parts can make the same text.
    if {len(t.text) for part in sorted_parts for t in part} == {1}:
        expected = sorted(scores.values(), reverse=True)[:n]
        assert [t.score for t in found] == expected


def test_what_was_cut_off_stays_behind_what_has_ended() -> None:
    ended, cut_off = Translation("ended", -3.0), Translation("cut off", -1.0)
    found = best_of([[ended, cut_off], [Translation("x", -1.0), Translation("y", -2.0)]], 4)
    assert [t.text for t in found] == ["ended x", "cut off x", "ended y", "cut off y"]
