"""Output files: one command writes at a time, and an interrupted one is resumed."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from transformer.cli import translate_main
from transformer.cli.output import Request, input_of, open_output
from transformer.data.builtin.corpus import sample_pairs
from transformer.errors import UserError

ABOUT: dict[str, Any] = {"input": "a", "model": "b"}

# A small window, so that lines come one window after the other.
COMMAND = """
import sys
from pathlib import Path
import transformer.runs.directory, transformer.cli.translate as translate
transformer.runs.directory.SHIPPED = Path(sys.argv.pop(1))
translate.FILE_WINDOW = 8
sys.exit(translate.main())
"""
QUICKSTART = Path(__file__).parents[1] / "quickstart"
PYTHON = [sys.executable, "-c", COMMAND, str(QUICKSTART)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "a.de"
    path.parent.mkdir()
    lines = [de for de, _ in sample_pairs("val", 100)]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PYTHON, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def wait_for_lines(path: Path, process: subprocess.Popen[str]) -> None:
    while process.poll() is None and not (path.exists() and path.stat().st_size):
        time.sleep(0.01)
    assert process.poll() is None, "it was done before it could be stopped"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "how"),
    [
        (signal.SIGTERM, []),
        (signal.SIGHUP, ["--json"]),
        (signal.SIGINT, ["--n-best", "3"]),
        (signal.SIGKILL, ["--n-best", "3"]),
    ],
)
def test_what_is_stopped_goes_on_and_ends_in_the_same_file(
    number: signal.Signals,
    how: list[str],
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole, output = tmp_path / "whole.en", tmp_path / "a.en"
    partial = tmp_path / "a.en.partial"
    arguments = ["--input", str(source), *how]
    assert translate_main([*arguments, "--output", str(whole)]) == 0
    process = start(*arguments, "--output", output)
    wait_for_lines(partial / "lines.txt", process)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number)
    assert "Traceback" not in errors and not output.exists()
    if number != signal.SIGKILL:
        assert f"lines are in {partial / 'lines.txt'}; the same command with --resume" in errors

    # What is there is not written over by accident.
    assert translate_main([*arguments, "--output", str(output)]) == 1
    message = "Go on with --resume-output, or replace it with --overwrite"
    assert message in capsys.readouterr().err

    assert translate_main([*arguments, "--output", str(output), "--resume-output"]) == 0
    assert output.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.en", "in", "whole.en"]


@pytest.mark.slow
def test_two_commands_do_not_write_one_output(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "a.en"
    first = start("--input", source, "--output", output)
    wait_for_lines(tmp_path / "a.en.partial" / "lines.txt", first)
    first.send_signal(signal.SIGSTOP)  # or it might end meanwhile
    for more in ([], ["--resume-output"]):
        second = start("--input", source, "--output", output, *more)
        _, errors = second.communicate(timeout=60)
        assert second.returncode == 1
        assert f"another process is writing {output}; wait for it" in errors
    first.send_signal(signal.SIGCONT)
    assert first.wait(timeout=120) == 0
    assert len(output.read_text(encoding="utf-8").splitlines()) == 100
    assert not (tmp_path / "a.en.partial").exists()


@pytest.mark.slow
def test_closed_streams(tmp_path: Path) -> None:
    def shell(redirection: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", f'"$@" {redirection}', "-", *PYTHON, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
        )

    done = shell(">&-", "Guten Morgen!")
    assert done.returncode == 1 and "error: standard output is closed" in done.stderr
    done = shell(">&-", "--output", str(tmp_path / "a"), "Guten Morgen!")
    assert done.returncode == 0 and (tmp_path / "a").read_text() == "Good morning!\n"
    # What is for standard error must not turn up among the translations.
    done = shell("2>&-", "--input", str(tmp_path / "nowhere"))
    assert done.returncode == 1 and done.stdout == ""
    done = shell("<&-")
    assert done.returncode == 1 and "error: there is no standard input" in done.stderr


def write(request: Request, rows: list[str], **how: Any) -> int:
    with open_output(request, ABOUT, **how) as output:
        for row in rows:
            print(row, file=output.file)
        return output.n_done


def interrupted(path: Path, rows: list[str], **how: Any) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        open_output(Request(str(path)), ABOUT, **how) as output,
    ):
        output.file.write("\n".join(rows))
        raise KeyboardInterrupt


def test_half_a_row_is_written_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a"
    interrupted(path, ["one", "two", "thr"])
    assert "stopped: 2 lines are in" in capsys.readouterr().err
    assert write(Request(str(path), resume=True), ["three"]) == 2
    assert path.read_text() == "one\ntwo\nthree\n"


def test_a_line_whose_rows_may_be_missing_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "a"
    # Line 1 gave nothing; line 2 may have more.
    interrupted(path, ["0 ||| a ||| -1", "0 ||| b ||| -2", "2 ||| c ||| -1", ""], numbered=input_of)
    rows = ["2 ||| c ||| -1", "2 ||| d ||| -3"]
    assert write(Request(str(path), resume=True), rows, numbered=input_of) == 2
    assert path.read_text().splitlines() == ["0 ||| a ||| -1", "0 ||| b ||| -2", *rows]


def test_nothing_written_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    interrupted(tmp_path / "a", ["half a line"])
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({**ABOUT, "model": "c"}, "was written with another model, so it cannot be resumed"),
        ({"input": "c", "model": "c"}, "was written with another input and another model"),
        ({**ABOUT, "input": None}, "cannot tell whether the input is the same as before"),
    ],
)
def test_only_the_same_is_gone_on_with(about: dict[str, Any], message: str, tmp_path: Path) -> None:
    interrupted(tmp_path / "a", ["one", ""])
    request = Request(str(tmp_path / "a"), resume=True)
    with pytest.raises(UserError, match=message), open_output(request, about):
        pass
    assert (tmp_path / "a.partial" / "lines.txt").read_text() == "one\n"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"input": "a"}', "\0"])
def test_an_unfinished_output_that_says_nothing_of_itself(content: str, tmp_path: Path) -> None:
    interrupted(tmp_path / "a", ["one", ""])
    (tmp_path / "a.partial" / "about.json").write_text(content)
    with pytest.raises(UserError, match="does not say how its lines were made; start over"):
        write(Request(str(tmp_path / "a"), resume=True), [])


def test_nothing_to_go_on_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match=r"there is no a\.partial beside .*; leave out --resume-"):
        write(Request(str(tmp_path / "a"), resume=True), [])
    assert translate_main(["--resume-output", "x"]) == 1
    assert "goes on with a file; name it with --output" in capsys.readouterr().err


def test_a_file_that_appears_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with (
        pytest.raises(UserError, match="has appeared meanwhile and is kept as it is; the output"),
        open_output(Request(str(path)), ABOUT) as output,
    ):
        print("mine", file=output.file)
        path.write_text("theirs")
    assert path.read_text() == "theirs"
    assert (tmp_path / "a.partial" / "lines.txt").read_text() == "mine\n"


def test_a_full_disk_names_the_file(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match=r"cannot write .*lines\.txt: No space .*; make room on"),
        open_output(Request(str(tmp_path / "a")), ABOUT) as output,
    ):
        print("one", file=output.file)
        raise OSError(errno.ENOSPC, "No space left on device")


def test_resuming_checks_model_input_and_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = tmp_path / "a.de", tmp_path / "a.en"
    source.write_text("Guten Morgen!\nWo ist der Bahnhof?\n" * 2)
    arguments = ["--input", str(source), "--output", str(output)]
    monkeypatch.setattr("transformer.cli.translate.FILE_WINDOW", 2)
    printed = print

    def stops_at_third(text: object, **how: Any) -> None:
        if how.get("file") is not sys.stderr:
            calls.append(text)
            if len(calls) == 3:
                raise KeyboardInterrupt
        printed(text, **how)

    calls: list[object] = []
    monkeypatch.setattr("transformer.cli.translate.print", stops_at_third, raising=False)
    assert translate_main(arguments) == 130
    monkeypatch.undo()
    assert json.loads((tmp_path / "a.en.partial" / "about.json").read_text())["input"]
    monkeypatch.setattr("transformer.runs.directory.SHIPPED", QUICKSTART)
    assert translate_main([*arguments, "--resume-output", "--beam-size", "2"]) == 1
    assert "was written with another search" in capsys.readouterr().err
    source.write_text("Guten Abend!\nWo ist der Bahnhof?\n" * 2)
    assert translate_main([*arguments, "--resume-output"]) == 1
    assert "was written with another input" in capsys.readouterr().err
    source.write_text("Guten Morgen!\nWo ist der Bahnhof?\n" * 2)
    assert translate_main([*arguments, "--resume-output"]) == 0
    assert output.read_text() == "Good morning!\nWhere is the station?\n" * 2
