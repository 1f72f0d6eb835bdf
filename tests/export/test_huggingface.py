"""Marian with our weights computes what we compute."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from transformer.data.batching import pad_ids
from transformer.data.tokenizer import Tokenizer
from transformer.export.huggingface import export_huggingface
from transformer.export.trained import ExportError, Trained
from transformer.inference.translator import Translator

pytest.importorskip("transformers")


def load(folder: Path) -> Any:
    from transformers import MarianMTModel

    return MarianMTModel.from_pretrained(folder).eval()


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of the package, exported."""
    folder = tmp_path_factory.mktemp("huggingface")
    export_huggingface(Trained.load(), folder)
    return folder


@pytest.mark.parametrize("tie", ["all", "target", "none"])
@pytest.mark.parametrize(
    ("activation", "attention_bias"), [("relu", False), ("gelu", True), ("silu", False)]
)
@torch.inference_mode()
def test_logits_are_ours(
    tie: str,
    activation: str,
    attention_bias: bool,
    make: Callable[..., Trained],
    sources: list[list[int]],
    tmp_path: Path,
) -> None:
    trained = make(tie=tie, activation=activation, attention_bias=attention_bias)
    export_huggingface(trained, tmp_path)
    model, marian = trained.model, load(tmp_path)
    src = pad_ids(sources[:40], model.pad_id)
    tgt_in = pad_ids([[trained.tokenizer.bos_id, *ids] for ids in sources[40:80]], model.pad_id)
    theirs = marian(
        input_ids=src, attention_mask=src != model.pad_id, decoder_input_ids=tgt_in
    ).logits
    ours, real = model(src, tgt_in), tgt_in != model.pad_id
    assert ours[real].std() > 0.5
    torch.testing.assert_close(theirs[real], ours[real], atol=1e-4, rtol=0)


@torch.inference_mode()
def test_positions_are_ours_up_to_the_last(make: Callable[..., Trained], tmp_path: Path) -> None:
    trained = make()
    export_huggingface(trained, tmp_path)
    src = torch.full((1, trained.n_positions), 9)
    tgt_in = torch.full((1, trained.n_positions), 8)
    theirs = load(tmp_path)(input_ids=src, decoder_input_ids=tgt_in).logits
    torch.testing.assert_close(theirs, trained.model(src, tgt_in), atol=5e-3, rtol=0)


@pytest.mark.parametrize("quantization", ["float16", "bfloat16"])
def test_half_precision_takes_half_the_space(
    quantization: str, make: Callable[..., Trained], tmp_path: Path
) -> None:
    sizes = []
    for name in ("float32", quantization):
        (tmp_path / name).mkdir()
        export_huggingface(make(), tmp_path / name, quantization=name)
        sizes.append((tmp_path / name / "model.safetensors").stat().st_size)
    assert sizes[1] < 0.7 * sizes[0]


def test_pre_norm_is_refused(make: Callable[..., Trained], tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"norm_first=true.*--format ctranslate2"):
        export_huggingface(make(norm_first=True), tmp_path)


def test_int8_is_refused(make: Callable[..., Trained], tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"must be one of float32, .*found 'int8'"):
        export_huggingface(make(), tmp_path, quantization="int8")


TEXTS = [
    "Die Pizza kam aus dem Ofen und schmeckte gut.",
    "  zwei   Leerzeichen\tund ein Tabulator ",
    "Groß, größer; „am größten“ – 3,14 %?",
    "未知の言語 Ωμέγα 🐕‍🦺 ﬁ ½ ",
    "don't  stop ... now !",
    "",
]


def test_tokenizer_gives_our_ids(shipped: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer, ours = AutoTokenizer.from_pretrained(shipped), Translator.load().tokenizer
    for text in TEXTS:
        ids = ours.encode(text)
        assert tokenizer(text)["input_ids"] == [*ids, ours.eos_id]
        assert tokenizer.decode([ours.bos_id, *ids, ours.eos_id], skip_special_tokens=True) == (
            ours.decode(ids).strip()
        )
    [_, short] = tokenizer(["Guten Morgen!", "Ja."], padding=True)["input_ids"]
    assert short[-1] == ours.pad_id


def test_readme_translates_as_we_do(
    shipped: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(shipped)
    [code] = re.findall(r"```python\n(.*?)```", Path("README.md").read_text(), flags=re.DOTALL)
    exec(code, {})
    assert capsys.readouterr().out == "['Good morning!']\n"


def test_generate_says_what_we_say(shipped: Path, lines: list[str]) -> None:
    from transformers import MarianTokenizer

    german = lines[::2]
    tokenizer = MarianTokenizer.from_pretrained(shipped)
    batch = tokenizer(german, padding=True, return_tensors="pt")
    ids = load(shipped).generate(**batch)
    found = tokenizer.batch_decode(ids, skip_special_tokens=True)
    ours = [best[0].text for best in Translator.load().translate_batch(german)]
    assert sum(a == b for a, b in zip(found, ours, strict=True)) >= len(german) - 1


def test_what_is_forbidden_is_not_generated(
    make: Callable[..., Trained], sources: list[list[int]], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    trained = make()
    with torch.no_grad():
        trained.model.output.weight[trained.tokenizer.forbidden_ids] = 5.0
    export_huggingface(trained, tmp_path)
    src = pad_ids(sources[:8], tokenizer.pad_id)
    ids = load(tmp_path).generate(src, attention_mask=src != tokenizer.pad_id, max_new_tokens=9)
    first = (ids[:, 1:] == tokenizer.eos_id).int().cumsum(dim=1) == 0  # before EOS
    assert not torch.isin(ids[:, 1:][first], torch.tensor(trained.tokenizer.forbidden_ids)).any()
