"""The commands as people use them, mistakes included."""

import gzip
import io
import json
import os
import sys
from pathlib import Path

import pytest

from transformer.cli import evaluate_main, train_main, translate_main
from transformer.data.sample_corpus import sample_pairs

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
    assert code == 1 and "error: [Errno 28] No space left" in capsys.readouterr().err


def test_too_little_memory_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert translate_main(["--beam-size", str(10**17), "Guten Morgen!"]) == 1
    assert "error: out of memory: " in capsys.readouterr().err


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
    assert f"cannot write {missing}: No such file or directory" in capsys.readouterr().err


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
        (["--beam-size", "0", "x"], "must be a whole number of at least 1; found '0'"),
        (["--n-best", "two", "x"], "must be a whole number of at least 1; found 'two'"),
        (["--alpha", "-1", "x"], "must be a number between 0 and 10; found '-1'"),
        (["--alpha", "1000", "x"], "must be a number between 0 and 10; found '1000'"),
        (["--alpha", "nan", "x"], "must be a number between 0 and 10; found 'nan'"),
        (["--input", "a.de", "x"], "give text or --input, not both"),
    ],
)
def test_bad_arguments_are_explained(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        translate_main(arguments)
    assert message in capsys.readouterr().err


def test_evaluation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, reference, output = (tmp_path / name for name in ("a.de", "a.en", "out.en"))
    source.write_text(f"{PIZZA}.\nGuten Morgen!\nWo ist der Bahnhof?\n")
    reference.write_text("The pizza came out of the oven.\nGood morning!\nWhere is the station?\n")
    arguments = ["--input", str(source), "--reference", str(reference)]
    assert evaluate_main([*arguments, "--output", str(output)]) == 0
    text = capsys.readouterr().out
    assert "BLEU 100.00" in text and "chrF2 100.00" in text
    assert "nrefs:1|" in text and "beam 4, length penalty paper 0.6" in text
    assert output.read_text() == reference.read_text()

    assert (
        evaluate_main(["--hypotheses", str(output), "--reference", str(reference), "--json"]) == 0
    )
    report = json.loads(capsys.readouterr().out)
    assert report["lines"] == 3 and report["scores"][0]["value"] == pytest.approx(100)


def test_evaluation_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    three, two = tmp_path / "three", tmp_path / "two"
    three.write_text("A b .\nC d .\nE f .\n")
    two.write_text("A b .\nC d .\n")
    assert evaluate_main(["--input", str(three), "--reference", str(two)]) == 1
    assert "3 lines and" in capsys.readouterr().err
    assert evaluate_main(["--hypotheses", str(three), "--reference", str(two)]) == 1
    assert "found 3 and 2" in capsys.readouterr().err
    assert evaluate_main(["--hypotheses", str(two), "--reference", str(two)]) == 0
    assert "looks tokenised" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        evaluate_main(["--reference", str(two)])
    assert "--hypotheses" in capsys.readouterr().err
    for resamples in ("1", "-5", "many"):
        with pytest.raises(SystemExit):
            evaluate_main(["--reference", "x", "--input", "x", "--bootstrap", resamples])
        assert f"at least 2; found '{resamples}'" in capsys.readouterr().err


def test_hypotheses_are_not_translated(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--hypotheses", "a.en", "--reference", "b.en", "--output", "c.en"]
    with pytest.raises(SystemExit):
        evaluate_main([*arguments, "--model", "runs/a", "--beam-size", "1", "--alpha", "0"])
    assert "leave out --model, --beam-size, --alpha, --output\n" in capsys.readouterr().err


@pytest.mark.parametrize("main", [train_main, translate_main, evaluate_main])
def test_help_has_examples(main: object, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])  # type: ignore[operator]
    assert stop.value.code == 0
    assert "examples:" in capsys.readouterr().out


def test_all_settings_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert train_main(["--settings"]) == 0
    text = capsys.readouterr().out
    assert "training.warmup_steps=4000\n" in text and "model.d_model=512\n" in text


def test_training_mistakes_are_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "a.yaml"
    config.write_text("training: {max_steps: 1}\n")
    assert train_main(["--config", str(config), "trainin.max_steps=1"]) == 1
    assert "did you mean 'training.max_steps'" in capsys.readouterr().err
    assert train_main(["--config", str(tmp_path / "b.yaml")]) == 1
    assert "no configuration file" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        train_main([])
    assert "configs/quickstart.yaml" in capsys.readouterr().err


def test_settings_that_are_called_config_are_no_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "config.yaml"
    mine.write_text(f"run_dir: {tmp_path / 'run'}\n")
    (tmp_path / "precious").touch()
    assert train_main(["--config", str(mine), "--resume"]) == 1
    assert f"there is no run to resume in {tmp_path / 'run'}" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yaml", "precious"]


def test_a_run_that_was_moved_is_resumed_where_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "".join(f"{de}\t{en}\n" for de, en in sample_pairs("train", 200))
    (tmp_path / "pairs.tsv").write_text(text)
    config = tmp_path / "a.yaml"
    config.write_text(
        f"""
        run_dir: {tmp_path / "a"}
        data: {{train: {tmp_path / "pairs.tsv"}, val: {tmp_path / "pairs.tsv"}}}
        tokenizer: {{vocab_size: 400}}
        model: {{d_model: 8, d_ff: 8, n_heads: 1, n_encoder_layers: 1, n_decoder_layers: 1}}
        training: {{batch_tokens: 500, max_steps: 2, val_bleu_sentences: 2, tensorboard: false}}
        """
    )
    assert train_main(["--config", str(config)]) == 0
    moved = (tmp_path / "a").rename(tmp_path / "b")
    more = "training.max_steps=3"
    assert train_main(["--config", str(moved / "config.yaml"), "--resume", more]) == 0
    assert (moved / "checkpoints" / "step-00000003").is_dir() and not (tmp_path / "a").exists()
    assert f"transformer-translate --model {moved}" in capsys.readouterr().err
