"""What sentence pairs and running text have in common: finding their sources, and the cache."""

from __future__ import annotations

import difflib
import errno
import hashlib
import json
import shlex
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..config import ConfigError, SourceConfig, expand_path
from ..files import FileError
from .plain_text import CorpusError, Pair

if TYPE_CHECKING:
    import datasets

# Part of every cache key. Raise it whenever the same file would be read, cleaned or encoded
# otherwise than before, or old caches go on being used.
_CACHE_VERSION = 2

# The name of our setting, and how the hub calls that split.
_HUB_SPLITS = {"train": "train", "val": "validation"}

STREAMS = "token-streams"
"""The folder in the cache for running text; sentence pairs are in `datasets`' own."""

Key = tuple[object, ...]
"""All that the content of a source depends on: an equal key means equal content."""


def find_builtin(
    languages: Pair, split: str, anchors: bool = True
) -> tuple[Key, Callable[[], Iterator[Pair]]]:
    """The built-in corpus: its key, and what generates its pairs."""
    if set(languages) != {"de", "en"}:
        raise CorpusError(
            "the built-in corpus is German-English: src_lang and tgt_lang must be de and en, in "
            f"either order; found {languages[0]!r} and {languages[1]!r}"
        )

    def read() -> Iterator[Pair]:
        # Imported where it is used, since it reads all words of the corpus.
        from .builtin.corpus import sample_pairs

        for german, english in sample_pairs(split, anchors=anchors):
            yield (german, english) if languages[0] == "de" else (english, german)

    # The generator's own files stand for the sentences that it makes.
    folder = Path(__file__).with_name("builtin")
    files = sorted([*folder.glob("*.py"), *folder.glob("*.yaml")])
    return ("builtin", *map(stamp, files), languages, split, anchors), read


def load_hub(source: SourceConfig, split: str) -> tuple[str, datasets.Dataset]:
    """A dataset of the hub, or a folder laid out like one: its name in messages, and its rows."""
    import datasets

    where = _on_the_hub(source, split)
    with _loading(where, split):
        return where.name, datasets.load_dataset(
            where.path, where.subset, split=where.split, **where.given
        )


def stream_hub(
    source: SourceConfig, split: str
) -> tuple[str, datasets.IterableDataset, Key, str | None]:
    """The same, but nothing is stored: rows come when they are asked for.

    Also what tells whether the files have changed: the hub's commit, or times of local files; and
    that commit by itself.
    """
    import datasets

    where = _on_the_hub(source, split)
    with _loading(where, split, streaming=True):
        builder = datasets.load_dataset_builder(where.path, where.subset, **where.given)
        rows = builder.as_streaming_dataset(split=where.split)
        found = (builder.config.data_files or {}).get(where.split)
    origins = tuple(tuple(origin) for origin in found.origin_metadata) if found else ()
    commits = [origin[-1] for origin in origins if len(origin) == 2]  # a repository and its commit
    return where.name, rows, origins, str(commits[0]) if commits else None


class _Hub(NamedTuple):
    name: str  # as messages call it
    path: str
    subset: str | None
    split: str
    given: dict[str, Any]  # to `datasets`, besides


def _on_the_hub(source: SourceConfig, split: str) -> _Hub:
    hub, part = source.hub or "", source.split or _HUB_SPLITS[split]
    parts = {"subset": source.subset, "folder": source.folder, "revision": source.revision}
    given = "".join(f"{part} {value!r}, " for part, value in parts.items() if value)
    folder = Path(hub)
    if hub.startswith((".", "/", "~")) and not is_there(folder := local_path(hub), Path.is_dir):
        raise CorpusError(f"no folder {folder}, which hub:{hub} asks for")
    name = f"hub dataset {hub!r} ({given}split {part!r})"
    wanted = {"data_dir": source.folder, "revision": source.revision}
    return _Hub(name, str(folder), source.subset, part, wanted)


@contextmanager
def _loading(where: _Hub, split: str, *, streaming: bool = False) -> Iterator[None]:
    import datasets

    try:
        yield
    except Exception as error:  # networks, servers and many file formats: anything may come out
        # "An error occurred while generating the dataset", with the error that did behind it
        told = isinstance(error, datasets.exceptions.DatasetGenerationError) and error.__cause__
        reason = textwrap.shorten(str(told or error), 1000, placeholder=" ...")
        setting = f"data.{split}"
        part = "train" if streaming else "'train[:1000]'"
        whole = " (a stream has whole splits only)" if streaming else ""
        raise CorpusError(
            f"cannot load {where.name}: {reason.rstrip('.')}. Check the name, subset and split, as "
            f"in {setting}={{hub: NAME, subset: de-en, split: {part}}}{whole}; without a network, "
            f"give a file ({setting}=PATH) or a folder laid out as on the hub "
            f"({setting}=hub:FOLDER)"
        ) from error


def local_path(path: str) -> Path:
    """The path that a setting names; `~` at its beginning is a home directory.

    Raises:
        CorpusError: there is no such user.
    """
    try:
        return expand_path(path)
    except ConfigError as error:
        raise CorpusError(str(error)) from None


def is_there(path: Path, look: Callable[[Path], bool] = Path.is_file) -> bool:
    """Whether there is a file, or what else to look for.

    Raises:
        CorpusError: the system does not tell, for lack of permission or for too long a name.
    """
    try:
        return look(path)
    except OSError as error:
        raise CorpusError(f"cannot look for {path}: {error.strerror or error}") from None


def require_file(path: Path) -> None:
    """Refuses what is no file.

    Raises:
        CorpusError: nothing is there, or a folder, or a pipe.
    """
    if is_there(path):
        return
    if is_there(path, Path.is_dir):
        raise CorpusError(
            f"no file {path}; it is a folder; if it is laid out as on the Hugging Face hub: "
            f"hub:{path}"
        )
    if is_there(path, Path.exists):
        raise CorpusError(
            f"{path} is a pipe or a device, which can be read only once; save the text in a file"
        )
    raise CorpusError(f"no file {path}; {near(path)}")


def near(path: Path) -> str:
    """What is there instead of a missing file."""
    if "*" in str(path):
        return "a pattern with * is for data.train under data.streaming: true; list the files"
    if not is_there(path.parent, Path.is_dir):
        return f"there is no folder {path.parent} (a Hugging Face dataset is written hub:NAME)"
    try:
        there = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())
    except OSError as error:
        return f"what is in {path.parent} cannot be listed: {error.strerror}"
    close = difflib.get_close_matches(path.name, there, n=5) or there[:5]
    return f"found there: {', '.join(close) or 'no files'}"


def stamp(path: Path) -> tuple[str, int, int]:
    """Changes when the file does.

    Raises:
        CorpusError: it is gone.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror}") from None
    return str(path.resolve()), status.st_size, status.st_mtime_ns


def cache_key(*parts: object) -> str:
    """Names a cached result after all it depends on."""
    text = json.dumps([_CACHE_VERSION, *parts])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@contextmanager
def explained() -> Iterator[None]:
    """What goes wrong with the cache: a full disk, a folder that must not be written to, damage."""
    import datasets
    import pyarrow as pa

    folder = Path(datasets.config.HF_DATASETS_CACHE)
    try:
        yield
    except (OSError, FileError, pa.ArrowInvalid, json.JSONDecodeError) as found:
        error = found.__cause__ if isinstance(found, FileError) and found.__cause__ else found
        number = error.errno if isinstance(error, OSError) else None
        if number in (None, errno.ENOENT):  # what is read is not whole
            ours = " ".join(shlex.quote(f"{folder}/{name}") for name in ("generator", STREAMS))
            raise CorpusError(
                f"the copy of the text in {folder} is damaged ({error}); remove it, and it is made "
                f"anew: `rm -rf {ours}`"
            ) from error
        reason = getattr(error, "strerror", None) or error
        name = getattr(error, "filename", None)
        room = "Make room there, or name" if number in (errno.ENOSPC, errno.EDQUOT) else "Name"
        raise CorpusError(
            f"cannot store the text in {folder}: {reason}{f' ({name})' if name else ''}. {room} "
            "another folder in the environment variable HF_DATASETS_CACHE"
        ) from error


@contextmanager
def no_progress_bars() -> Iterator[None]:
    """Keeps those of `datasets` out of the output, unless the environment decided about them."""
    import datasets

    decided = datasets.config.HF_DATASETS_DISABLE_PROGRESS_BARS is not None
    if decided or datasets.are_progress_bars_disabled():
        yield
        return
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        datasets.enable_progress_bars()
