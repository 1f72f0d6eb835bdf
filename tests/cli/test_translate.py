"""`transformer-translate` as people use it, mistakes included, and what all commands share."""

import gzip
import io
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest
import torch

from transformer.cli import evaluate_main, train_main, translate_main
from transformer.cli.command import run_command
from transformer.config import DecodingConfig
from transformer.data.builtin.corpus import sample_pairs

PIZZA = "Die Pizza kam aus dem Ofen"


class Stdin(io.TextIOWrapper):
    """Standard input with bytes behind it, as the real one."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="utf-8")


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_a_text_is_translated_by_the_shipped_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert translate_main([PIZZA]) == 0
    assert lines_of(capsys) == ["The pizza came out of the oven"]


def test_several_texts_several_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert translate_main(["Guten Morgen!", "", "Wo ist der Bahnhof?"]) == 0
    assert lines_of(capsys) == ["Good morning!", "", "Where is the station?"]


def test_a_document_keeps_its_structure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, output = tmp_path / "a.html", tmp_path / "b.html"
    page.write_text("<h1>Guten Morgen!</h1>\n<p id=x>Wo ist\nder Bahnhof?</p>\n")
    assert translate_main(["--input", str(page), "--output", str(output)]) == 0
    expected = "<h1>Good morning!</h1>\n<p id=x>Where is the station?</p>\n"
    assert output.read_text() == expected
    assert translate_main(["--format", "html", page.read_text().rstrip()]) == 0
    assert capsys.readouterr().out == expected
    assert translate_main(["--input", str(page), "--format", "text"]) == 0
    assert len(lines_of(capsys)) == 3


@pytest.mark.parametrize("option", ["--json", "--resume-output"])
def test_a_document_is_one_piece(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "a.html"
    page.write_text("<p>Guten Morgen!</p>")
    options = ["--input", str(page), "--format", "html", "--output", str(tmp_path / "b"), option]
    assert translate_main(options) == 1
    assert "--format html gives one document: leave out --json" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [
        "Guten Morgen!\n\nWo ist der Bahnhof?\n",
        "Guten Morgen!\r\n\r\nWo ist der Bahnhof?\r\n",
        "Guten Morgen!\n\nWo ist der Bahnhof?",
        "\ufeffGuten Morgen!\n   \nWo ist der Bahnhof?\n",
    ],
    ids=["plain", "crlf", "no line feed at the end", "byte order mark"],
)
def test_a_pipe_gives_line_for_line(
    content: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(content.encode()))
    assert translate_main([]) == 0
    assert lines_of(capsys) == ["Good morning!", "", "Where is the station?"]


def test_an_empty_pipe_gives_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(b""))
    assert translate_main([]) == 0
    assert lines_of(capsys) == []


def test_a_bad_byte_costs_a_warning_not_the_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(b"Guten Morgen!\nGr\xfc\xdfe\nGuten Morgen!\n"))
    assert translate_main([]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 3
    assert "standard input, line 2 is not UTF-8" in captured.err


def test_a_file_of_another_encoding_is_not_warned_of_without_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(b"\xfc\n" * 30))
    assert translate_main(["--beam-size", "1"]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 30
    warnings = captured.err.splitlines()
    assert len(warnings) == 10 and warnings[-1].endswith("there may be more such lines")


def test_utf16_is_named_and_not_translated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "my text.de"
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        path.write_text("Guten Morgen!\nWo ist der Bahnhof?\n", encoding=encoding)
        assert translate_main(["--input", str(path)]) == 1
        captured = capsys.readouterr()
        assert captured.out == "" and f"{path} is UTF-16" in captured.err
        assert f"UTF-8 '{path}' > '{tmp_path}/my text.utf8.de'" in captured.err
    monkeypatch.setattr(sys, "stdin", Stdin("Guten Morgen!\n".encode("utf-16")))
    assert translate_main([]) == 1
    assert "standard input is UTF-16, not UTF-8; convert it with" in capsys.readouterr().err


def test_latin1_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.de"
    path.write_text("Guten Morgen!\nGrüße\n", encoding="latin-1")
    assert translate_main(["--input", str(path)]) == 0
    assert "warning: it looks like WINDOWS-1252; convert it: `iconv" in capsys.readouterr().err


def test_a_hyphen_is_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(b"Guten Morgen!\n"))
    assert translate_main(["--input", "-"]) == 0
    assert lines_of(capsys) == ["Good morning!"]


def test_no_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert translate_main([]) == 1
    assert "there is no standard input; give text or --input" in capsys.readouterr().err


def test_a_pipe_that_nobody_reads_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert translate_main(["Guten Morgen!"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
def test_a_disk_that_is_full_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(OSError, match="No space"), open("/dev/full", "w") as full:  # as it closes
        monkeypatch.setattr(sys, "stdout", full)
        code = translate_main(["Guten Morgen!"])
    message = "error: No space left on device; make room on the disk"
    assert code == 1 and message in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"),
        torch.OutOfMemoryError("CUDA out of memory."),
    ],
)
def test_too_little_memory_is_an_error(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> int:
        raise error

    assert run_command(work) == 1
    assert "error: out of memory" in capsys.readouterr().err


def test_a_bug_shows_itself() -> None:
    def work() -> int:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        run_command(work)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
@pytest.mark.slow
def test_termination_unwinds(name: str, tmp_path: Path) -> None:
    number, path = getattr(signal, name), tmp_path / "temporary"

    def work() -> int:
        path.touch()
        try:
            os.kill(os.getpid(), number)
            time.sleep(10)
        finally:
            path.unlink()
        return 0

    assert run_command(work) == 128 + number and not path.exists()
    before = signal.signal(number, signal.SIG_IGN)  # as nohup does
    try:
        assert run_command(lambda: os.kill(os.getpid(), number) or 0) == 0
    finally:
        signal.signal(number, before)


def test_files_in_and_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "a.de.gz", tmp_path / "a.en"
    with gzip.open(source, "wt", encoding="utf-8") as file:
        file.write(f"{PIZZA}\n\nGuten Morgen!\n" * 20)
    assert translate_main(["--input", str(source), "--output", str(target)]) == 0
    expected = "The pizza came out of the oven\n\nGood morning!\n" * 20
    assert target.read_text() == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.de.gz", "a.en"]

    assert translate_main(["--input", str(source), "--output", str(target)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert target.read_text() == expected
    arguments = ["--input", str(source), "--output", str(target), "--overwrite"]
    assert translate_main([*arguments, "--beam-size", "1"]) == 0


def test_output_to_a_device_a_link_and_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert translate_main(["--output", "/dev/null", "Guten Morgen!"]) == 0
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    assert translate_main(["--output", str(link), "Guten Morgen!"]) == 1
    assert target.read_text() == "old" and "exists already" in capsys.readouterr().err
    assert translate_main(["--output", str(link), "--overwrite", "Guten Morgen!"]) == 0
    assert target.read_text() == "Good morning!\n" and link.is_symlink()
    assert translate_main(["--output", str(tmp_path), "Guten Morgen!"]) == 1
    assert "is a folder; name a file" in capsys.readouterr().err
    missing = tmp_path / "nowhere" / "a.en"
    assert translate_main(["--output", str(missing), "Guten Morgen!"]) == 1
    assert (
        f"cannot write {missing}: there is no folder {missing.parent}; make"
        in capsys.readouterr().err
    )


def test_an_argument_that_is_not_utf8(capsys: pytest.CaptureFixture[str]) -> None:
    assert translate_main([os.fsdecode(b"Gr\xfc\xdfe"), "Guten Morgen!"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[1] == "Good morning!"
    assert "the text, line 1 is not UTF-8" in captured.err


def test_a_failure_leaves_no_half_written_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "a.gz"
    damaged.write_bytes(gzip.compress(b"Guten Morgen!\n" * 1000)[:-10])
    assert translate_main(["--input", str(damaged), "--output", str(tmp_path / "b")]) == 1
    assert "cannot read" in capsys.readouterr().err
    packed = bytearray(gzip.compress(b"Guten Morgen!\n" * 1000))
    packed[10] ^= 0xFF
    damaged.write_bytes(packed)
    assert translate_main(["--input", str(damaged), "--output", str(tmp_path / "b")]) == 1
    assert "cannot read" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.gz"]


def test_the_locale_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = tmp_path / "größer"
    reference.write_text("Crème .\n", encoding="utf-8")
    out, err = io.BytesIO(), io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="ascii"))
    monkeypatch.setattr(
        sys, "stderr", io.TextIOWrapper(err, encoding="ascii", errors="backslashreplace")
    )
    assert translate_main(["--json", "Grüße"]) == 0
    assert evaluate_main(["--hypotheses", str(reference), "--reference", str(reference)]) == 0
    assert train_main(["--settings"]) == 0
    sys.stdout.flush()
    sys.stderr.flush()
    assert '"source": "Grüße"' in out.getvalue().decode()
    assert "R-Drop, Liang et al. 2021, whose α" in " ".join(out.getvalue().decode().split())
    assert "größer looks tokenised" in err.getvalue().decode()


def test_what_the_model_is_not_sure_of_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    strange = "Ypsilon Quark Zwölffingerdarm."
    assert translate_main(["--json", "--min-confidence", "0.5", PIZZA, strange]) == 0
    out, err = capsys.readouterr()
    sure, unsure = (json.loads(row)["translations"][0]["confidence"] for row in out.splitlines())
    assert 0 < unsure < 0.5 < sure <= 1
    assert err == f"warning: line 2: confidence {unsure:.2f}, which is below 0.5\n"


def test_json_and_n_best(capsys: pytest.CaptureFixture[str]) -> None:
    assert translate_main(["--json", "--n-best", "3", PIZZA, "Guten Morgen!"]) == 0
    rows = [json.loads(line) for line in lines_of(capsys)]
    assert [row["source"] for row in rows] == [PIZZA, "Guten Morgen!"]
    for row in rows:
        scores = [t["score"] for t in row["translations"]]
        assert len(scores) == 3 and scores == sorted(scores, reverse=True)
    # More than the beam holds: the beam grows.
    assert translate_main(["--n-best", "7", PIZZA]) == 0
    found = lines_of(capsys)
    assert len(found) == 7 and all(line.startswith("0 ||| ") for line in found)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "nowhere", "x"], "nowhere does not exist"),
        (["--input", "nowhere.de"], "cannot read nowhere.de"),
        (["--device", "gpu", "x"], "cannot compute on device 'gpu'; choose auto, cpu, cuda or mps"),
    ],
)
def test_what_is_missing_is_named(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert translate_main(arguments) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--beam-size", "0", "x"], "must be a whole number from 1 to 256; found '0'"),
        (
            ["--beam-size", "9" * 5000, "x"],
            f"from 1 to 256; found '{'9' * 60}...'",
        ),
        (["--threads", "40000", "x"], "must be a whole number from 1 to 512; found '40000'"),
        (["--n-best", "two", "x"], "must be a whole number from 1 to 1,000; found 'two'"),
        (["--alpha", "-1", "x"], "must be a number from 0 to 10; found '-1'"),
        (["--alpha", "1000", "x"], "must be a number from 0 to 10; found '1000'"),
        (["--alpha", "nan", "x"], "must be a number from 0 to 10; found 'nan'"),
        (["--input", "a.de", "x"], "give text or --input, not both"),
    ],
)
def test_bad_arguments_are_explained(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        translate_main(arguments)
    assert message in capsys.readouterr().err


# Ways to search, and what else a model can say ---------------------------------------------------


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The shipped model for CTranslate2, in int8."""
    pytest.importorskip("ctranslate2")
    from transformer.cli import export_main

    folder = tmp_path_factory.mktemp("export") / "int8"
    arguments = ["--format", "ctranslate2", "--quantization", "int8", "--output", str(folder)]
    assert export_main(arguments) == 0
    return str(folder)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
def test_every_precision_translates(precision: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert translate_main(["--precision", precision, PIZZA]) == 0
    assert lines_of(capsys) == ["The pizza came out of the oven"]


def test_workers_write_what_one_process_writes(
    tmp_path: Path, threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformer.cli.translate.FILE_WINDOW", 16)
    lines = [de for de, _ in sample_pairs("val", 40)]
    source, one, two = (tmp_path / name for name in ("a.de", "one.en", "two.en"))
    source.write_text("".join(f"{line}\n" for line in [*lines, "", *lines]), encoding="utf-8")
    arguments = ["--input", str(source), "--threads", "1"]
    assert translate_main([*arguments, "--output", str(one)]) == 0
    assert translate_main([*arguments[:2], "--output", str(two), "--workers", "2"]) == 0
    assert two.read_bytes() == one.read_bytes()
    assert one.read_text().count("\n") == 81


def test_a_prefix_is_gone_on_with(capsys: pytest.CaptureFixture[str]) -> None:
    assert translate_main(["--prefix", "A pizza", PIZZA, PIZZA]) == 0
    assert lines_of(capsys) == ["A pizza came out of the oven"] * 2
    assert translate_main(["--prefix", os.fsdecode(b"Gr\xfc\xdfe"), PIZZA]) == 0
    assert lines_of(capsys)[0].startswith("Gr??e")


def test_alternatives(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--prefix", "The", "--alternatives", "3"]
    assert translate_main([*arguments, PIZZA, "", "Guten Morgen!"]) == 0
    rows = [line.split(" ||| ") for line in lines_of(capsys)]
    assert [row[0] for row in rows] == ["0"] * 3 + ["2"] * 3
    assert rows[0][1] == "The pizza came out of the oven"
    assert len({row[1] for row in rows}) == 6 and all(row[1].startswith("The") for row in rows)
    assert translate_main([*arguments, "--json", PIZZA, ""]) == 0
    first, second = (json.loads(line) for line in lines_of(capsys))
    assert [t["text"] for t in first["translations"]] == [row[1] for row in rows[:3]]
    assert second == {"source": "", "translations": []}


def test_score_of_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    english = "The pizza came out of the oven"
    assert translate_main(["--score", english, PIZZA]) == 0
    [line] = lines_of(capsys)
    total, _, pieces = line.partition(" ||| ")
    by_piece = pieces.split(" ")
    assert "".join(by_piece[::2]) == "▁" + english.replace(" ", "▁") + "</s>"
    assert sum(map(float, by_piece[1::2])) == pytest.approx(float(total), abs=0.1)
    assert translate_main(["--score", english, "--json", PIZZA]) == 0
    row = json.loads(lines_of(capsys)[0])
    assert (row["source"], row["translation"]) == (PIZZA, english)
    assert row["log_prob"] == float(total)
    assert [piece for piece, _ in row["pieces"]] == by_piece[::2]
    for strange in ("", "\udcff", "🐕"):
        assert translate_main(["--score", strange, "--json", strange]) == 0
        assert json.loads(lines_of(capsys)[0])["log_prob"] < 0


def test_score_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target, output = (tmp_path / name for name in ("a.de", "a.en", "scores"))
    source.write_text(f"{PIZZA}\nGuten Morgen!\n")
    target.write_text("The pizza came out of the oven\nGood morning!\n")
    arguments = ["--input", str(source), "--score", str(target)]
    assert translate_main([*arguments, "--output", str(output)]) == 0
    assert len(output.read_text().splitlines()) == 2
    target.write_text("The pizza came out of the oven\n")
    assert translate_main(arguments) == 1
    message = f"{source} has 2 lines and {target} has 1; they must be aligned"
    assert message in capsys.readouterr().err
    assert translate_main(["--input", str(source), "--score", "nowhere.en"]) == 1
    assert "cannot read nowhere.en" in capsys.readouterr().err


def test_samples_depend_on_the_seed(capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> list[str]:
        assert translate_main(["--sample", *arguments, PIZZA, "Wo ist der Bahnhof?"]) == 0
        return lines_of(capsys)

    first = run("--seed", "3", "--n-best", "4")
    assert len(first) == 8 and first[4].startswith("1 ||| ")
    assert run("--seed", "3", "--n-best", "4") == first
    assert run("--seed", "4", "--n-best", "4") != first
    assert run() == run("--seed", "1")
    assert run("--seed", str(10**30))
    greedy = ["The pizza came out of the oven", "Where is the station?"]
    assert run("--temperature", "0") == run("--top-k", "1") == run("--top-p", "0.001") == greedy


def test_ctranslate2_translates_too(exported: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--engine", "ctranslate2", "--model", exported, "--threads", "1"]
    assert translate_main([*arguments, PIZZA]) == 0
    assert lines_of(capsys) == ["The pizza came out of the oven"]
    assert translate_main([*arguments[2:], PIZZA]) == 0  # the folder tells the engine
    assert lines_of(capsys) == ["The pizza came out of the oven"]
    for precision in ("fp32", "int8"):
        assert translate_main([*arguments, "--precision", precision, "--prefix", "A", PIZZA]) == 0
        assert lines_of(capsys) == ["A pizza came out of the oven"]


def test_ctranslate2_computes_as_it_was_exported(
    exported: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ctranslate2

    made = []
    translator = ctranslate2.Translator

    def noted(*args: object, **options: object) -> object:
        made.append(translator(*args, **options))
        return made[-1]

    monkeypatch.setattr(ctranslate2, "Translator", noted)
    arguments = ["--engine", "ctranslate2", "--model", exported, "--threads", "1"]
    assert translate_main([*arguments, PIZZA]) == 0
    assert translate_main([*arguments, "--precision", "fp32", PIZZA]) == 0
    assert [t.compute_type for t in made] == ["int8_float32", "float32"]


CTRANSLATE2 = ["--engine", "ctranslate2"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shortlist"], "shortlist.safetensors does not exist; scripts/build_shortlist.py makes"),
        (["--workers", "2", "--threads", "1"], "give --workers or --threads, not both: a worker"),
        (["--sample", "--top-p", "0"], "top_p must be above 0 and at most 1; found 0.0"),
        (CTRANSLATE2, "--engine ctranslate2 needs --model, a folder of transformer-export"),
        (
            [*CTRANSLATE2, "--model", "nowhere"],
            "nowhere is not a model for CTranslate2; transformer-",
        ),
        ([*CTRANSLATE2, "--model", "x", "--workers", "2"], "ctranslate2 takes --threads"),
        ([*CTRANSLATE2, "--model", "x", "--shortlist"], "--shortlist is for --engine torch; leave"),
    ],
)
def test_what_does_not_go_together_is_explained(
    arguments: list[str], message: str, threads: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert translate_main([*arguments, PIZZA]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sample"], "sample needs a run directory; this engine only translates"),
        (["--score", "x"], "score needs a run directory; this engine only translates"),
        (["--alternatives", "2"], "alternatives needs a run directory; this engine only"),
    ],
)
def test_what_ctranslate2_cannot_do_is_explained(
    arguments: list[str], message: str, exported: str, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = [*CTRANSLATE2, "--model", exported, "--threads", "1"]
    assert translate_main([*engine, *arguments, PIZZA]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--temperature", "1", "x"], "--temperature is for --sample"),
        (["--top-k", "2", "--seed", "1", "x"], "--top-k, --seed are for --sample"),
        (
            ["--sample", "--temperature", "-1", "x"],
            "must be a number from 0 to 100; found '-1'",
        ),
        (["--sample", "--seed", "-1", "x"], "must be a whole number from 0 to 340"),
        (
            ["--sample", "--top-k", "0", "x"],
            "must be a whole number from 1 to 1,000,000; found '0'",
        ),
        (["--sample", "--score", "y", "x"], "not allowed with argument"),
        (["--score", "y"], "--score is for one text, or for --input and a file with its trans"),
        (["--score", "y", "x", "z"], "--score is for one text, or for --input and a file with"),
        (["--workers", "0", "x"], "must be a whole number from 1 to 64; found '0'"),
        (["--alternatives", "1000000", "x"], "must be a whole number from 1 to 100; found"),
        (["--n-best", "300", "x"], "--n-best must be at most 256, the widest beam; found 300"),
        (["--sample", "--beam-size", "2", "x"], "--sample takes no --beam-size; leave it out"),
        (["--score", "y", "--n-best", "2", "x"], "--score takes no --n-best; leave it out"),
        (["--overwrite", "--resume-output", "x"], "not allowed with argument"),
        (["--patience", "0", "x"], "must be a number above 0 and at most 1000; found '0'"),
        (["--precision", "fp16", "x"], "invalid choice: 'fp16'"),
    ],
)
def test_bad_arguments_of_these_are_explained(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        translate_main(arguments)
    assert message in capsys.readouterr().err


# Evaluation --------------------------------------------------------------------------------------


def test_a_long_translation_tells_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("transformer.cli.decoding.SECONDS_BETWEEN_LINES", 0.01)
    source = tmp_path / "a.de"
    source.write_text("Guten Morgen!\n" * 50)
    assert translate_main(["--input", str(source)]) == 0
    told = capsys.readouterr().err.splitlines()
    assert len(told) > 1 and re.fullmatch(r"50 lines in \d+ s, [\d.]+ lines/s", told[-1])


@pytest.mark.parametrize("name", DecodingConfig.model_fields)
def test_every_setting_of_a_search_has_an_option(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    option = f"--{name.replace('_', '-')}"
    with pytest.raises(SystemExit):
        translate_main([option, "none of these", "x"])
    assert f"argument {option}: " in capsys.readouterr().err


def test_an_option_of_a_search_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert translate_main(["--max-extra-tokens", "0", "Ja"]) == 0
    [short] = lines_of(capsys)
    assert translate_main(["Ja"]) == 0
    assert len(short) < len(lines_of(capsys)[0])


@pytest.mark.parametrize("model", ["~nosuchuser/x", "x" * 300])
@pytest.mark.parametrize("more", [["Hallo"], ["--score", "a", "b"]])
def test_a_model_that_cannot_be_called_so(
    model: str, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert translate_main(["--model", model, *more]) == 1
    assert "error: a run directory cannot be called" in capsys.readouterr().err
