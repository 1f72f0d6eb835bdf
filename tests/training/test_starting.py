"""Which settings a run takes over from the one that it starts from."""

from collections.abc import Callable
from pathlib import Path

from transformer.config import Config
from transformer.training.starting import take_over


def test_what_is_done_to_a_text_is_taken_over(
    configure: Callable[..., Config], tmp_path: Path
) -> None:
    before = configure("text.split=always", "text.placeholders=true", run="before")
    folder = tmp_path / "before"
    folder.mkdir()
    (folder / "config.yaml").write_text(before.to_yaml(), encoding="utf-8")
    start = f"training.start_from={folder}"
    taken, [note] = take_over(configure(start, "text.placeholders=false"))
    assert (taken.text.split, taken.text.placeholders) == ("always", False)
    assert note == f"taken over from {folder}: text.split=always"
