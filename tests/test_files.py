"""Files and folders are whole or not there, whoever else writes and whatever goes wrong."""

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from transformer import files
from transformer.files import (
    FileError,
    TakenError,
    explained,
    locked,
    new_file,
    new_folder,
    sweep,
    temporary_name,
    write_atomically,
)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_is_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, b"old")
    with pytest.raises(ZeroDivisionError), new_file(path) as file:
        file.write(b"half")
        assert path.read_bytes() == b"old"
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new" and names(tmp_path) == {"a.json"}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_leaves_the_old_file_and_no_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, b"old")

    def fails(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fails)
    advice = "; make room on the disk" if code == errno.ENOSPC else ""
    with pytest.raises(FileError, match=rf"cannot write .*a\.json: {os.strerror(code)}{advice}$"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old" and names(tmp_path) == {"a.json"}


def test_writers_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with new_file(path) as first, new_file(path) as second:
        first.write(b"first")
        second.write(b"second")
    assert path.read_bytes() == b"first"  # the last to end
    assert names(tmp_path) == {"a.txt"}


def test_a_name_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    for name in ("n" * 255, "🎉" * 63):
        write_atomically(tmp_path / name, b"x")
        with new_folder(tmp_path / "folders" / name) as folder:
            (folder / "x").touch()
    assert len(names(tmp_path)) == 3 and len(names(tmp_path / "folders")) == 2


def test_a_folder_appears_when_it_is_whole_and_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a" / "folder"
    for content in ("old", "new"):
        with new_folder(path) as folder:
            (folder / content).touch()
            (folder / "inner").mkdir()
            assert not path.exists() or names(path) == {"old", "inner"}
        assert names(path) == {content, "inner"} and names(path.parent) == {"folder"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError])
def test_a_folder_that_is_not_finished_changes_nothing(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "folder"
    for existing in (False, True):
        if existing:
            path.mkdir()
            (path / "old").touch()
        with pytest.raises((error, FileError)), new_folder(path) as folder:
            (folder / "half").touch()
            raise error
        assert names(tmp_path) == ({"folder"} if existing else set())
    assert names(path) == {"old"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(errno.EIO, "Input/output error")])
def test_an_old_folder_comes_back_if_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").touch()
    rename = Path.rename

    def fails(self: Path, target: Path) -> Path:
        if self.suffix == ".tmp" and not path.exists():  # between the two steps
            raise error
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fails)
        with pytest.raises((KeyboardInterrupt, FileError)), new_folder(path) as folder:
            (folder / "new").touch()
    assert names(tmp_path) == {"folder"} and names(path) == {"old"}


def test_a_folder_that_has_come_meanwhile_stays_if_none_is_to_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    late = pytest.raises(FileError, match=r"cannot write .*folder: ")
    with late, new_folder(path, replace=False) as first:
        (first / "first").touch()
        with new_folder(path, replace=False) as second:
            (second / "second").touch()
    assert names(path) == {"second"} and names(tmp_path) == {"folder"}


def test_of_many_writers_of_one_folder_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    failed: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for _ in range(20):
                with new_folder(path) as folder:
                    for name in "ab":
                        (folder / name).write_text(str(number))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert names(path) == {"a", "b"}
    assert (path / "a").read_text() == (path / "b").read_text()
    assert names(tmp_path) == {"folder"}


@pytest.fixture
def killed_writer(tmp_path: Path) -> Iterator[Path]:
    """What a process leaves that is killed while it writes `folder`."""
    code = (
        "import os, signal, sys; from pathlib import Path; from transformer.files import new_folder"
        "\nwith new_folder(Path(sys.argv[1])) as folder:"
        "\n    (folder / 'half').touch(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "folder")], timeout=60)
    assert done.returncode < 0
    [left] = tmp_path.iterdir()
    long_ago = time.time() - 2 * files.ABANDONED_AFTER
    os.utime(left, (long_ago, long_ago))
    yield left


def test_what_a_killed_process_left_goes_and_what_a_live_one_writes_stays(
    tmp_path: Path, killed_writer: Path
) -> None:
    with new_folder(tmp_path / "folder") as live:
        (live / "first").touch()
        with new_folder(tmp_path / "folder") as other:
            (other / "second").touch()
            assert live.exists() and not killed_writer.exists()
    assert names(tmp_path) == {"folder"} and names(tmp_path / "folder") == {"first"}


def test_killed_between_two_steps_the_old_folder_is_found_again(tmp_path: Path) -> None:
    old = temporary_name(tmp_path / "folder").with_suffix(".old")
    old.mkdir()
    (old / "whole").touch()
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "folder"):
        raise ZeroDivisionError
    assert names(tmp_path) == {"folder"} and names(tmp_path / "folder") == {"whole"}


def test_a_temporary_folder_without_a_lock_goes_when_it_is_old(tmp_path: Path) -> None:
    for left in (tmp_path / ".folder.tmp", temporary_name(tmp_path / "folder")):
        left.mkdir()
        long_ago = time.time() - 2 * files.ABANDONED_AFTER
        with new_folder(tmp_path / "folder"):
            assert left.exists()  # its process may just be making the lock
        os.utime(left, (long_ago, long_ago))
        with new_folder(tmp_path / "folder"):
            pass
        assert names(tmp_path) == {"folder"}


def test_a_lock_is_held_by_one_and_free_when_it_dies(tmp_path: Path) -> None:
    with locked(tmp_path):
        with pytest.raises(TakenError, match="another process is writing in"), locked(tmp_path):
            pass
        code = (
            "import sys; from pathlib import Path; from transformer.files import locked"
            "\nwith locked(Path(sys.argv[1])): pass"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, timeout=60
        )
        assert b"TakenError" in done.stderr
    code = code.replace("pass", "import os; os.kill(os.getpid(), 9)")
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=60).returncode < 0
    with locked(tmp_path):
        pass


def test_a_file_system_without_locks_is_used_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuses(self: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(files.FileLock, "acquire", refuses)
    with locked(tmp_path):
        pass
    assert "cannot be locked: " in caplog.text


def test_sweeping_removes_only_temporary_files(tmp_path: Path) -> None:
    for name in (".a.json.0123.tmp", ".a.json.tmp", "a.json", "a.tmp", ".lock", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / ".step-1.0123.tmp").mkdir()
    (tmp_path / ".step-1.0123.tmp" / "half").touch()
    sweep(tmp_path)
    assert names(tmp_path) == {"a.json", "a.tmp", ".lock", ".hidden"}
    sweep(tmp_path / "not there")


def test_errors_of_the_file_system_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"cannot write .*b: .*moved or deleted meanwhile$"):
        write_atomically(tmp_path / "a" / "b", b"")
    told = pytest.raises(FileError, match=r"^cannot write x: File too large\. Take less$")
    with told, explained("x", "Take less"):
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    with pytest.raises(BrokenPipeError), explained("x"):
        raise BrokenPipeError
