"""`transformer-evaluate` as people use it, mistakes included."""

import json
from pathlib import Path

import pytest

from transformer.cli import evaluate_main

PIZZA = "Die Pizza kam aus dem Ofen"


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_evaluation_says_how_it_was_translated(
    tmp_path: Path, threads: None, capsys: pytest.CaptureFixture[str]
) -> None:
    source, reference = tmp_path / "a.de", tmp_path / "a.en"
    source.write_text(f"{PIZZA}.\nGuten Morgen!\n" * 3)
    reference.write_text("The pizza came out of the oven.\nGood morning!\n" * 3)
    arguments = ["--input", str(source), "--reference", str(reference), "--bootstrap", "0"]
    how = ["--workers", "2", "--precision", "bf16", "--patience", "1"]
    how += ["--no-repeat-ngram-size", "9"]
    assert evaluate_main([*arguments, *how]) == 0
    text = capsys.readouterr().out
    assert "BLEU 100.00" in text
    assert "length penalty paper 0.6, patience 1, no 9" in text
    assert "no 9 pieces twice; torch, bf16; " in text
    assert text.endswith("; 2 workers\n")
    assert evaluate_main([*arguments, *how, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["workers"] == 2 and report["engine"] == "torch, bf16"
    assert report["decoding"]["patience"] == 1
    assert report["decoding"]["no_repeat_ngram_size"] == 9
    assert report["text"]["split"] == "always" and "split" not in report["decoding"]
    assert report["scores"][0]["value"] == pytest.approx(100)
    with pytest.raises(SystemExit):
        evaluate_main(["--hypotheses", "a", "--reference", "b", "--workers", "2", "--shortlist"])
    assert "takes no --shortlist, --workers; leave them out" in capsys.readouterr().err


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
        assert (
            f"must be 0 or a whole number from 2 to 100,000; found '{resamples}'"
            in capsys.readouterr().err
        )


def test_hypotheses_are_not_translated(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--hypotheses", "a.en", "--reference", "b.en", "--output", "c.en"]
    with pytest.raises(SystemExit):
        evaluate_main([*arguments, "--model", "runs/a", "--beam-size", "1", "--alpha", "0"])
    message = "--hypotheses takes no --model, --beam-size, --alpha, --output; leave them out"
    assert message in capsys.readouterr().err
