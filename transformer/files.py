"""Files and folders that are whole or not there, whatever happens while they are written.

What is written has a temporary name that no other process uses. It is flushed to the disk, and
takes its final name in one step. When writing fails, the writer removes its own temporary file, and
no other. What a killed process left behind is removed at the next chance: see `sweep` and
`new_folder`.
"""

import errno
import glob
import logging
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

from .errors import UserError

log = logging.getLogger(__name__)

LOCK = ".lock"
"""The file in a folder that the process writing there keeps locked."""

ABANDONED_AFTER = 1.0
"""Seconds after which a temporary folder without a lock belongs to a killed process. A live process
locks its folder right after making it, and moves it right after deleting the lock."""

_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK}


class FileError(UserError):
    """Something could not be written; the message names it and says what to do."""


class TakenError(FileError):
    """Another process holds the lock."""


@contextmanager
def explained(path: Path | str, advice: str = "") -> Iterator[None]:
    """Makes errors of the file system name what was being written, and say what to do.

    Args:
        path: what is being written.
        advice: a sentence to end the message with.

    Raises:
        FileError: in place of every OSError except that of a closed pipe.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise FileError(f"cannot write {path}: {reason(error)}{advice and '. '}{advice}") from error


def reason(error: OSError) -> str:
    """The system's words for an error, and the remedy if there is only one."""
    words = error.strerror or str(error) or type(error).__name__
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{words}; make room on the disk"
    if error.errno == errno.ENOENT:
        return f"{words}; its folder may have been moved or deleted meanwhile"
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
def new_folder(path: Path, *, replace: bool = True) -> Iterator[Path]:
    """An empty folder to write into, which takes its name when the block ends without an error.

    A folder that is replaced is there, whole, until the new one is complete.

    Args:
        path: that name. Folders above it are made.
        replace: take the place of a folder of that name. Without it, one that is not empty stays.

    Raises:
        FileError: it cannot be written; what was there before is as it was.
    """
    temporary = temporary_name(path)
    replaced = temporary.with_suffix(".old")
    try:
        with explained(path), ExitStack() as lock:
            temporary.mkdir(parents=True)
            lock.enter_context(locked(temporary))
            _sweep_abandoned(path)
            yield temporary
            _flush_tree(temporary)
            if os.name != "posix":  # Windows deletes and moves nothing that is open
                lock.close()
            (temporary / LOCK).unlink(missing_ok=True)
            _publish(temporary, path, replaced if replace else None)
            flush_folder(path.parent)
    finally:
        with suppress(OSError):
            replaced.rename(temporary if path.exists() else path)
        shutil.rmtree(temporary, ignore_errors=True)


def _publish(temporary: Path, path: Path, replaced: Path | None) -> None:
    # Another process may do the same at any moment; the last one wins.
    while True:
        try:
            temporary.rename(path)  # takes the place of nothing, or of an empty folder
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or replaced is None:
                raise
        if replaced.exists():  # another process came between our two steps
            shutil.rmtree(replaced, ignore_errors=True)
        with suppress(FileNotFoundError):
            path.rename(replaced)


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
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise FileError(f"cannot write {folder / LOCK}: {reason(error)}") from error
        log.warning("%s cannot be locked: %s", folder, error)
    try:
        yield
    finally:
        lock.release()


def sweep(folder: Path) -> None:
    """Removes what killed processes left half-written. The caller holds the folder's lock."""
    for path in folder.glob(".*.tmp"):
        _remove(path)


def temporary_name(path: Path) -> Path:
    """A name beside `path` that no other process uses, and that `sweep` finds."""
    return path.with_name(f".{_beginning(path)}.{uuid.uuid4().hex}.tmp")


def _beginning(path: Path) -> str:
    # Short enough for what is added: file systems allow 255 bytes.
    return os.fsdecode(os.fsencode(path.name)[:100])


def _sweep_abandoned(path: Path) -> None:
    # Killed processes leave an old folder that was about to be replaced, and new ones that are not
    # whole.
    name = glob.escape(_beginning(path))
    for old in path.parent.glob(f".{name}.*.old"):
        with suppress(OSError):
            old.rename(path)  # fails if the new one is there
        _remove(old)
    for other in path.parent.glob(f".{name}.*tmp"):
        with suppress(FileError, OSError):
            if time.time() - other.stat().st_mtime < ABANDONED_AFTER:
                continue
            if (other / LOCK).exists():
                with locked(other):
                    pass
            _remove(other)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _flush_tree(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            _flush_tree(path)
        elif path.name != LOCK:
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
