"""Where lines of output go: a file that an interrupted command can continue.

While it is written, the output lies in a folder of its own, `NAME.partial`::

    test.en.partial/
      lines.txt     what is translated so far
      about.json    what it depends on: the input, the model, the settings

When all is done, lines.txt takes the name of the output and the folder is removed. Whatever ends a
command before that, even SIGKILL, leaves the lines that were written; `--resume-output` goes on
after them if everything in about.json is still the same.
"""

import errno
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..errors import UserError
from ..files import TakenError, explained, flush_folder, locked, write_atomically

LINES, ABOUT = "lines.txt", "about.json"


@dataclass(frozen=True)
class Output:
    """Where to write, and how many lines of input an earlier command has finished."""

    file: IO[str]
    n_done: int = 0


@dataclass(frozen=True)
class Request:
    """What `open_output` is asked for."""

    path: str | None  # None: standard output
    overwrite: bool = False
    resume: bool = False


def input_of(row: str) -> int:
    """The number of the input line that a row `number ||| text ||| score` comes from."""
    return int(row.partition(" ||| ")[0])


@contextmanager
def open_output(
    request: Request, about: dict[str, Any], *, numbered: Callable[[str], int] | None = None
) -> Iterator[Output]:
    """The file to print to. It takes its name when the block ends without an error.

    Args:
        request: which file, and whether to replace it or to resume it.
        about: what the output depends on, as JSON can hold it. Output is resumed only if none of it
            has changed. A value of None cannot be compared.
        numbered: gives the number of the input line of a row, from 0, where a line of input has
            any number of rows; None: each has one, in order.

    Raises:
        UserError: the file exists, cannot be written, or cannot be resumed.
    """
    if request.path is None:
        if request.resume:
            raise UserError("--resume-output goes on with a file; name it with --output")
        yield Output(sys.stdout)
        return
    place = Path(request.path)
    if place.is_dir():
        raise UserError(f"{place} is a folder; name a file")
    if place.exists() and not place.is_file():  # /dev/null, a pipe
        with explained(place), _opened(place, "w") as file:
            yield Output(file)
        return
    final = place.resolve()  # through a link, which stays
    partial = final.with_name(f"{final.name}.partial")
    if final.exists() and not request.overwrite:
        raise UserError(f"{place} exists already; choose another name or add --overwrite")
    with _held(partial, place, request, about):
        lines = partial / LINES
        n_done = _keep_whole_rows(lines, numbered) if request.resume else 0
        write_atomically(partial / ABOUT, json.dumps(about).encode())
        try:
            with _disk_explained(lines), _opened(lines, "a" if request.resume else "w") as file:
                yield Output(file, n_done)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            _say_what_is_kept(lines, numbered, resumable=None not in about.values())
            raise
        _publish(lines, final, place, overwrite=request.overwrite)


def _opened(path: Path, mode: str) -> IO[str]:
    # Flushed line by line, so that a command that is killed loses none that it has printed.
    return open(path, mode, encoding="utf-8", newline="\n", buffering=1)


@contextmanager
def _held(partial: Path, place: Path, request: Request, about: dict[str, Any]) -> Iterator[None]:
    # Locks the folder of the unfinished output, after making sure that nothing in it gets lost.
    if request.resume and not partial.is_dir():
        raise UserError(
            f"there is no {partial.name} beside {place} to go on with; leave out --resume-output"
        )
    if not partial.parent.is_dir():
        raise UserError(f"cannot write {place}: there is no folder {partial.parent}; make it first")
    with ExitStack() as stack:
        try:
            with explained(place):
                partial.mkdir(exist_ok=True)
                stack.enter_context(locked(partial))
        except TakenError:
            raise UserError(
                f"another process is writing {place}; wait for it, or choose another name"
            ) from None
        if request.resume:
            _require_same(partial, about)
        elif (partial / LINES).exists() and not request.overwrite:
            raise UserError(
                f"{partial} holds what an interrupted command has written. Go on with "
                f"--resume-output, or replace it with --overwrite"
            )
        try:
            yield
        finally:
            if not (partial / LINES).exists():  # published, or nothing in it yet
                shutil.rmtree(partial, ignore_errors=True)


def _require_same(partial: Path, about: dict[str, Any]) -> None:
    try:
        before = json.loads((partial / ABOUT).read_text(encoding="utf-8"))
        changed = [name for name, value in about.items() if before[name] != value]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            f"{partial / ABOUT} does not say how its lines were made; start over with --overwrite"
        ) from None
    unknown = [name for name, value in about.items() if value is None]
    if unknown:
        raise UserError(
            f"--resume-output cannot tell whether the {unknown[0]} is the same as before; it needs "
            f"a file, --input FILE"
        )
    if changed:
        raise UserError(
            f"{partial} was written with another {' and another '.join(changed)}, so it cannot be "
            f"resumed; repeat the command as it was, or start over with --overwrite"
        )


def _keep_whole_rows(path: Path, numbered: Callable[[str], int] | None) -> int:
    # Cuts off what will be written again. Returns how many input lines are done.
    if not path.exists():
        return 0
    n_done, end = _whole_rows(path, numbered)
    os.truncate(path, end)
    return n_done


def _whole_rows(path: Path, numbered: Callable[[str], int] | None) -> tuple[int, int]:
    # How many input lines are done, and where their rows end. The last row may be incomplete; where
    # a line of input has several rows, some of the last line's may be missing.
    end, n_rows = 0, 0
    start_of_last, number_of_last = 0, 0
    with open(path, "rb") as file:
        for row in file:
            if not row.endswith(b"\n"):
                break
            if numbered is not None and (number := numbered(row.decode())) != number_of_last:
                start_of_last, number_of_last = end, number
            end, n_rows = end + len(row), n_rows + 1
    return (n_rows, end) if numbered is None else (number_of_last, start_of_last)


def _say_what_is_kept(
    path: Path, numbered: Callable[[str], int] | None, *, resumable: bool
) -> None:
    with suppress(OSError):
        n_done, _ = _whole_rows(path, numbered)
        if n_done == 0:
            path.unlink()
            return
        how = "; the same command with --resume-output goes on" if resumable else ""
        print(f"stopped: {n_done:,} lines are in {path}{how}", file=sys.stderr)


# Errors of the disk or of the way to it. Others come from other parts of the command.
_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.ENOENT}


@contextmanager
def _disk_explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _OF_THE_DISK:
            raise
        with explained(path):
            raise


def _publish(lines: Path, final: Path, place: Path, *, overwrite: bool) -> None:
    with explained(place):
        if overwrite:
            os.replace(lines, final)
        else:
            try:
                os.link(lines, final)  # unlike a rename, fails where there is something
            except FileExistsError:
                raise UserError(
                    f"{place} has appeared meanwhile and is kept as it is; the output is in {lines}"
                ) from None
            except OSError:  # a file system without links
                os.replace(lines, final)
            else:
                lines.unlink()
        flush_folder(final.parent)


def digest(path: str | Path) -> str | None:
    """A fingerprint of a file's content; None if it is not a file but, say, a pipe."""
    if not Path(path).is_file():
        return None
    content = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(2**20), b""):
            content.update(block)
    return content.hexdigest()
