"""`transformer-generate`, and the export of what it generates with."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from transformer.cli import export_main, generate_main, train_main, translate_main
from transformer.data.builtin.corpus import sample_pairs
from transformer.inference.generator import Generator

SETTINGS = [
    "task=language_modeling",
    "data.holdout=0.1",
    "model.d_model=16",
    "model.d_ff=32",
    "model.n_heads=2",
    "model.n_decoder_layers=1",
    "model.context=16",
    "model.positions=learned",
    "model.scale_embedding=false",
    "model.norm_first=true",
    "training.batch_tokens=64",
    "training.max_steps=3",
    "training.warmup_steps=1",
    "training.validate_every=3",
    "training.checkpoint_every=3",
    "training.average_checkpoints=0",
    "training.tensorboard=false",
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A run of three updates for each kind of tokenizer."""
    folder = tmp_path_factory.mktemp("runs")
    text = folder / "text.txt"
    lines = [de for de, _ in sample_pairs("train", 200)]
    text.write_text("\n".join(["Ein Hund läuft. Wer singt?", *lines]), encoding="utf-8")
    config = folder / "gpt.yaml"
    config.write_text("{}\n")
    found = {}
    for kind in ("characters", "unigram", "byte_bpe"):
        found[kind] = str(folder / kind)
        arguments = [f"run_dir={found[kind]}", f"data.train={text}", f"tokenizer.kind={kind}"]
        sizes = ["tokenizer.vocab_size=400"] if kind != "characters" else []
        assert train_main(["--config", str(config), *SETTINGS, *arguments, *sizes]) == 0
    return found


@pytest.mark.parametrize("kind", ["characters", "unigram", "byte_bpe"])
def test_a_text_goes_on_from_its_prompt(
    runs: dict[str, str], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--model", runs[kind], "--max-tokens", "40", "Ein Hund"]
    assert generate_main(arguments) == 0
    first = capsys.readouterr().out
    assert first.startswith("Ein Hund") and len(first) > len("Ein Hund\n")
    assert generate_main(arguments) == 0
    assert capsys.readouterr().out == first
    assert generate_main([*arguments, "--seed", "2"]) == 0
    assert capsys.readouterr().out != first


def test_without_a_prompt(runs: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    for model in runs.values():
        assert generate_main(["--model", model, "--max-tokens", "20"]) == 0
        assert capsys.readouterr().out.strip("\n")


def test_several_texts_are_numbered(
    runs: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--model", runs["characters"], "--max-tokens", "5", "Wer"]
    assert generate_main([*arguments, "--n", "3"]) == 0
    lines = capsys.readouterr().out
    for number in (1, 2, 3):
        assert f"--- {number} ---\nWer" in lines
    one = [*arguments, "--temperature", "0"]
    assert generate_main([*one, "--n", "2"]) == 0
    greedy = capsys.readouterr().out.split("--- 2 ---\n")[1]
    assert generate_main(one) == 0
    assert capsys.readouterr().out == greedy


def test_the_likelihood_of_a_text(runs: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert generate_main(["--model", runs["characters"], "--score", "Ein Hund"]) == 0
    out = capsys.readouterr().out
    assert out.endswith(" bits per character\n") and "for 8 tokens" in out
    assert generate_main(["--model", runs["characters"], "--score", ""]) == 1
    assert "a text to score must have at least 2 tokens; found 0" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        generate_main(["--model", runs["characters"], "--score", "--n", "2", "--compile", "Ein"])
    assert "--score takes no --n, --compile; leave" in capsys.readouterr().err


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_every_precision_writes(
    runs: dict[str, str], precision: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--model", runs["characters"], "--precision", precision, "--max-tokens", "30"]
    assert generate_main([*arguments, "Ein"]) == 0
    assert capsys.readouterr().out.startswith("Ein")


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.skipif(not shutil.which("g++"), reason="there is no C++ compiler")
def test_compiling_changes_no_text(
    runs: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--model", runs["characters"], "--max-tokens", "40", "--n", "2", "Ein"]
    assert generate_main(arguments) == 0
    expected = capsys.readouterr().out
    assert generate_main([*arguments, "--compile"]) == 0
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--model", "MODEL", "--compile", "--precision", "int8", "E"],
            "a compiled step is for fp32 and bf16; found int8",
        ),
        (["--model", "MODEL", "λ"], "has no character 'λ' (U+03BB)"),
        (["--model", "nowhere", "a"], "nowhere does not exist; name the directory"),
        (
            ["--model", "MODEL", "--top-p", "0", "E"],
            "top_p must be above 0 and at most 1; found",
        ),
    ],
)
def test_mistakes_are_explained(
    runs: dict[str, str],
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert generate_main([runs["characters"] if a == "MODEL" else a for a in arguments]) == 1
    assert message in capsys.readouterr().err


def test_a_model_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        generate_main(["Ein Hund"])
    assert "--model" in capsys.readouterr().err


def test_a_language_model_does_not_translate(
    runs: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert translate_main(["--model", runs["unigram"], "Ein Hund"]) == 1
    assert "holds a language model; use transformer-generate" in capsys.readouterr().err


@torch.no_grad()
@pytest.mark.parametrize("kind", ["characters", "unigram", "byte_bpe"])
def test_an_export_is_loaded_by_hugging_face_and_by_us(
    runs: dict[str, str], kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    transformers: Any = pytest.importorskip("transformers")
    folder = tmp_path / "gpt2"
    arguments = ["--model", runs[kind], "--format", "huggingface", "--output", str(folder)]
    # Trained with relu and without biases in attention: neither matters to GPT-2.
    assert export_main(arguments) == 0
    ours = Generator.load(runs[kind])
    ids = torch.tensor([ours.tokenizer.encode("Ein Hund läuft")])
    theirs = transformers.GPT2LMHeadModel.from_pretrained(folder).eval()
    torch.testing.assert_close(theirs(ids).logits, ours.gpt(ids), rtol=1e-4, atol=1e-4)
    if kind == "byte_bpe":
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        assert tokenizer("Ein Hund läuft")["input_ids"] == ids[0].tolist()
    back = Generator.load(folder)
    assert back.generate("Ein", max_tokens=10) == ours.generate("Ein", max_tokens=10)


def test_what_cannot_be_exported(
    runs: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = ["--output", str(tmp_path / "out")]
    assert export_main(["--model", runs["unigram"], "--format", "ctranslate2", *output]) == 1
    assert "holds a language model, and only huggingface has a format" in capsys.readouterr().err
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in Path(runs["characters"]).glob("*.*"):
        (copy / path.name).write_bytes(path.read_bytes())
    config = (copy / "config.yaml").read_text()
    (copy / "config.yaml").write_text(config.replace("norm_first: true", "norm_first: false"))
    assert export_main(["--model", str(copy), "--format", "huggingface", *output]) == 1
    assert not (tmp_path / "out").exists()
    assert json.dumps(capsys.readouterr().err)


def test_a_prompt_of_several_lines(runs: dict[str, str]) -> None:
    for model in runs.values():
        generator = Generator.load(model)
        prompt = "Ein Hund läuft.\nWer"
        [text] = generator.generate(prompt, max_tokens=30)
        assert text.startswith(prompt)
        assert "".join(generator.stream(prompt, max_tokens=30)) == text
        assert generator.score(prompt).n_characters == len(prompt)


def test_an_argument_that_is_not_utf8(
    runs: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    prompt = os.fsdecode(b"Gr\xfc\xdfe")
    assert generate_main(["--model", runs["unigram"], "--max-tokens", "5", prompt]) == 1
    assert "the prompt is not UTF-8 (invalid start byte at byte 3)" in capsys.readouterr().err
