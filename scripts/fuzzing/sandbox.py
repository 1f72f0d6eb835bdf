"""One case in a process of its own: forked, limited, its output kept, and judged by how it ended.

The parent has imported everything and computed nothing, so that a fork costs milliseconds and finds
no threads of OpenMP that do not exist in it.
"""

import atexit
import contextlib
import faulthandler
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

LONGEST_MESSAGE = 3000
CLOCK = 5
"""Times its processor time, a case may take by the clock: the machine has other work, too."""

_UNFINISHED = re.compile(r"^\..*\.(tmp|old)$|\.partial$")


class WrongError(Exception):
    """A result that is not what it must be."""


def require(holds: bool, message: str) -> None:
    """Raises WrongError unless it holds."""
    if not holds:
        raise WrongError(message)


@dataclass
class Case:
    """Something to try.

    Args:
        shown: how a person would do it.
        act: does it, in the process of its own, and returns the exit status.
        check: raises `WrongError` if what came out after status 0 is wrong.
        stdin: content of standard input; None: it is closed.
        stdout: `kept`, `closed`, `full` (no room on the disk) or `gone` (nobody reads it).
        may_change: files that the case may change, of those that were there.
    """

    shown: str
    act: Callable[[], int]
    check: Callable[["Ended"], None] = lambda ended: None
    stdin: bytes | None = b""
    stdout: str = "kept"
    may_change: set[Path] = field(default_factory=set)


@dataclass(frozen=True)
class Limits:
    """Of one case."""

    seconds: int  # of processor time
    memory: int  # bytes of address space beyond what the parent has


@dataclass(frozen=True)
class Ended:
    """What came of a case."""

    number: int
    case: Case
    folder: Path
    seconds: float
    status: int  # below 0: the number of the signal that ended it
    left_processes: bool

    @property
    def stdout(self) -> bytes:
        """All of it."""
        return (self.folder / "stdout").read_bytes()

    @property
    def stderr(self) -> str:
        """All of it."""
        return (self.folder / "stderr").read_bytes().decode(errors="replace")


@dataclass
class _Running:
    number: int
    case: Case
    folder: Path
    started: float
    before: dict[Path, bytes]


def workplace(folder: Path) -> Path:
    """Where a case runs: deep enough that ../.. leads to nobody else."""
    return folder / "a" / "b" / "work"


def run_cases(
    make: Callable[[int, Path], Case], numbers: Iterable[int], jobs: int, limits: Limits, root: Path
) -> Iterator[tuple[Ended, str | None]]:
    """Runs cases side by side and yields each, with what is wrong, as it ends.

    Args:
        make: prepares a case, given its number, in the folder where it is to run.
        numbers: of the cases.
        jobs: how many run at the same time.
        limits: of each.
        root: an empty folder for theirs, which are deleted after the yield.
    """
    running: dict[int, _Running] = {}
    waiting = iter(numbers)
    while True:
        while len(running) < jobs and (number := next(waiting, None)) is not None:
            folder = root / str(number)
            workplace(folder).mkdir(parents=True)
            (folder / "tmp").mkdir()
            case = make(number, workplace(folder))
            entry = _Running(number, case, folder, time.monotonic(), _contents(workplace(folder)))
            running[start(case, folder, limits)] = entry
        if not running:
            return
        for process, entry in list(running.items()):
            if (ended := _ended(process, entry, limits)) is not None:
                del running[process]
                yield ended, _fault(ended, entry.before)
                shutil.rmtree(entry.folder, ignore_errors=True)
        time.sleep(0.003)


def in_a_child(work: Callable[[], None], log: Path) -> None:
    """What would start threads of OpenMP here, which a fork does not survive.

    Raises:
        RuntimeError: it has failed; the message is all that it has told.
    """
    process = os.fork()
    if process == 0:
        status = 1
        try:
            for number in (1, 2):
                os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    if os.waitpid(process, 0)[1]:
        raise RuntimeError(log.read_text(encoding="utf-8"))


# The child --------------------------------------------------------------------------------------


def start(case: Case, folder: Path, limits: Limits) -> int:
    """Begins a case in a process of its own, a folder that has a `workplace` and `tmp`."""
    sys.stdout.flush()
    process = os.fork()
    if process == 0:
        status = 1
        try:
            os.setsid()
            _enter(case, folder, limits)
            status = _act(case)
        except BaseException:  # of ours
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    return process


def _enter(case: Case, folder: Path, limits: Limits) -> None:
    os.chdir(workplace(folder))
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder / "tmp")
    os.environ |= {"HOME": str(folder / "home"), "TORCHINDUCTOR_CACHE_DIR": str(folder / "torch")}
    if "datasets" in sys.modules:
        sys.modules["datasets"].config.HF_DATASETS_CACHE = folder / "cache"
    told = os.open(folder / "stderr", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number, stream in ((0, _stdin(case, folder)), (1, _stdout(case, folder)), (2, told)):
        os.close(number) if stream is None else os.dup2(stream, number)
    # As Python opens them itself.
    for number, name, mode, errors in (
        *((0, "stdin", "r", "strict"), (1, "stdout", "w", "strict")),
        (2, "stderr", "w", "backslashreplace"),
    ):
        with contextlib.suppress(OSError):  # it is closed
            setattr(sys, name, None)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", errors=errors))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    used = pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + limits.memory,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (limits.seconds, limits.seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.register(signal.SIGXCPU, file=sys.stderr, all_threads=True, chain=True)
    faulthandler.dump_traceback_later(CLOCK * limits.seconds, file=sys.stderr)


def _stdin(case: Case, folder: Path) -> int | None:
    if case.stdin is None:
        return None
    (folder / "stdin").write_bytes(case.stdin)
    return os.open(folder / "stdin", os.O_RDONLY)


def _stdout(case: Case, folder: Path) -> int | None:
    kept = os.open(folder / "stdout", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    if case.stdout == "gone":
        reading, writing = os.pipe()
        os.close(reading)
        return writing
    return {"closed": None, "kept": kept, "full": os.open("/dev/full", os.O_WRONLY)}[case.stdout]


def _act(case: Case) -> int:
    try:
        status = case.act()
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 1
    except WrongError as error:
        print(f"wrong: {error}", file=sys.stderr)
        return 99
    except BaseException:
        traceback.print_exc()
        return 1
    with contextlib.suppress(AttributeError):
        threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        return status or 120  # as Python
    return status


# The verdict ------------------------------------------------------------------------------------


def _ended(process: int, entry: _Running, limits: Limits) -> Ended | None:
    seconds = time.monotonic() - entry.started
    # Until it is waited for, its number is that of no other process and no other group.
    done = os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if done is None and seconds < CLOCK * limits.seconds + 2:
        return None
    left = done is not None and _left_behind(process)
    os.killpg(process, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return Ended(entry.number, entry.case, entry.folder, seconds, status, left)


def _left_behind(group: int) -> bool:
    # Whether processes of its own outlive a case by two seconds.
    for _ in range(40):
        if not any(_is_alive_in(group, stat) for stat in Path("/proc").glob("[0-9]*/stat")):
            return False
        time.sleep(0.05)
    return True


def _is_alive_in(group: int, stat: Path) -> bool:
    try:
        state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
    except OSError:  # it has ended meanwhile
        return False
    return int(its_group) == group and state not in "ZX"


def _fault(ended: Ended, before: dict[Path, bytes]) -> str | None:
    """What is wrong, beginning with its kind and a colon."""
    told = ended.stderr
    if ended.status in (-signal.SIGXCPU, -signal.SIGKILL):
        return "time-out:"
    if ended.status < 0:
        return f"died: {signal.Signals(-ended.status).name}"
    if found := re.search("Traceback|Exception ignored|Fatal Python error|terminate called", told):
        return f"traceback: {found[0]}: {(told.strip().splitlines() or [''])[-1][:200]}"
    if ended.status == 99:
        return f"wrong output: {told.rpartition('wrong: ')[2].strip()[:300]}"
    signs = {0: "", 1: "error:", 2: "usage:", 130: ""}
    if ended.status not in signs or signs[ended.status] not in told:
        return f"unexplained: exit status {ended.status}, {told[-200:]!r}"
    message = told[told.find("error:") :] if ended.status in (1, 2) else ""
    longest = max(len(message), *map(len, told.splitlines()), 0)
    if longest > LONGEST_MESSAGE:
        return f"long message: {longest:,} characters"
    if ended.left_processes:
        return "left behind: a process"
    if fault := _left_files(ended, before, told):
        return fault
    if ended.status == 0:
        try:
            ended.case.check(ended)
        except Exception as error:  # also of a check that misses a file, or finds no JSON in it
            return f"wrong output: {type(error).__name__}: {error}"
    return None


def _left_files(ended: Ended, before: dict[Path, bytes], told: str) -> str | None:
    after = _contents(workplace(ended.folder))
    lost = [path for path, content in before.items() if after.get(path) != content]
    lost = [path for path in lost if not any(path.is_relative_to(p) for p in ended.case.may_change)]
    if lost:
        return f"lost: {lost[0].relative_to(workplace(ended.folder))} is not as it was"
    new = {path for path in workplace(ended.folder).rglob("*") if path not in before}
    kept = re.findall(r"lines are in (.*)/lines\.txt", told)  # to be gone on with
    left = [path for path in new if _UNFINISHED.search(path.name) and str(path) not in kept]
    left += (ended.folder / "tmp").iterdir()
    return f"left behind: {left[0].name}" if left else None


def _contents(folder: Path) -> dict[Path, bytes]:
    return {
        path: path.read_bytes() if path.is_file() else b"" for path in sorted(folder.rglob("*"))
    }
