"""Files and folders that are whole or not there, whatever happens while they are written.

What is written has a temporary name that no other process uses, is flushed to the disk, and takes
its final name in one step. Whoever writes removes its own temporary file, and no other, when the
writing fails. What a killed process left behind goes at the next chance: see `sweep` and
`new_folder`.
"""

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

from .errors import UserError

LOCK = ".lock"
"""The file in a folder that the process which writes there keeps locked."""


class FileError(UserError):
    """Something that could not be written; the message names it and says what to do."""


class TakenError(FileError):
    """Another process holds the lock."""


@contextmanager
def explained(path: Path | str, advice: str = "") -> Iterator[None]:
    """Errors of the file system name what was being written, and what to do.

    Args:
        path: what is being written.
        advice: a sentence to end the message with.

    Raises:
        FileError: in place of every OSError, but for a closed pipe.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise FileError(f"cannot write {path}: {reason(error)}{advice and '. '}{advice}") from error


def reason(error: OSError) -> str:
    """The system's words for an error, and the remedy where there is only one."""
    words = error.strerror or str(error) or type(error).__name__
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{words}; make room on the disk"
    return words


def write_atomically(path: Path, content: bytes) -> None:
    """The file is the old one or the new one, never half of it.

    Raises:
        FileError: it cannot be written; the old one is as it was.
    """
    with new_file(path) as file:
        file.write(content)


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which takes its name when the block ends without an error.

    Raises:
        FileError: it cannot be written; what was there before is as it was.
    """
    temporary = temporary_name(path)
    try:
        with explained(path):
            with open(temporary, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            flush_folder(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """An empty folder to write into, which takes its name when the block ends without an error.

    A folder of that name is replaced. It is there, whole, until the new one is complete.

    Raises:
        FileError: it cannot be written; what was there before is as it was.
    """
    temporary = temporary_name(path)
    replaced = temporary.with_suffix(".old")
    try:
        with explained(path):
            temporary.mkdir(parents=True)
            with locked(temporary):
                _sweep_abandoned(path)
                yield temporary
                _flush_tree(temporary)
            (temporary / LOCK).unlink(missing_ok=True)
            if path.exists():
                path.rename(replaced)
            try:
                temporary.rename(path)
            except OSError:
                if replaced.exists():
                    replaced.rename(path)
                raise
            flush_folder(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other processes from writing in a folder; the lock of one that dies is free again.

    Raises:
        TakenError: another process holds the lock.
    """
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise TakenError(f"another process is writing in {folder}") from None
    try:
        yield
    finally:
        lock.release()


def sweep(folder: Path) -> None:
    """Removes what killed processes left half-written. The caller holds the folder's lock."""
    for path in folder.glob(".*.tmp"):
        _remove(path)


def temporary_name(path: Path) -> Path:
    """A name beside `path` that no other process uses; `sweep` knows it."""
    return path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex}.tmp")


def _sweep_abandoned(path: Path) -> None:
    # Temporary folders of `path` whose lock is free belong to processes that were killed. One
    # without a lock has just been made.
    for other in path.parent.glob(f".{_escaped(path.name[:100])}.*.tmp"):
        if (other / LOCK).exists():
            with suppress(TakenError, OSError):
                with locked(other):
                    pass
                _remove(other)


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _flush_tree(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_file() and path.name != LOCK:
            with open(path, "rb") as file:
                _fsync(file.fileno())
    flush_folder(folder)


def flush_folder(path: Path) -> None:
    """A rename is only certain once the folder itself is on disk. Windows cannot open one."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            _fsync(descriptor)
        finally:
            os.close(descriptor)


def _fsync(descriptor: int) -> None:
    # Some file systems cannot flush a folder, or a file that is open for reading.
    with suppress(OSError):
        os.fsync(descriptor)
