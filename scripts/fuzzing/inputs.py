"""What every case finds ready: texts, two trained runs, exports, and what they ought to give."""

import gzip
import json
import shutil
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from transformer import Translator, load_config, train
from transformer.cli import export
from transformer.data.builtin.corpus import sample_pairs

QUICKSTART = Path(__file__).parents[2] / "tests" / "quickstart"

_OF_BOTH = {
    "tokenizer.vocab_size": "400",
    "model.d_model": "16",
    "model.d_ff": "32",
    "model.n_heads": "2",
    "model.n_decoder_layers": "1",
    "training.batch_tokens": "300",
    "training.max_steps": "4",
    "training.warmup_steps": "10",
    "training.checkpoint_every": "2",
    "training.validate_every": "3",
    "training.average_checkpoints": "2",
    "training.log_every": "1",
    "training.tensorboard": "false",
    "training.threads": "1",
    "training.precision": "fp32",
}

TINY = _OF_BOTH | {
    "data.cleaning.max_tokens": "100",
    "model.n_encoder_layers": "1",
    "training.val_bleu_sentences": "5",
}
"""The settings of a run of less than a second."""

LANGUAGE_MODEL = _OF_BOTH | {
    "task": "language_modeling",
    "tokenizer.kind": "characters",
    "model.context": "16",
    "training.label_smoothing": "0.0",
}
"""Those of a language model."""

ABSURD = [
    *("", " ", "0", "-1", "-0", "1e9", "1e400", "nan", "-inf", "0x10", "1_000", "½", "٣", "²"),
    *("1" * 30, "1" * 5000, "9" * 4000 + ".5", "True", "null", "None", "[]", "{}", "-", "=", "a=b"),
    *("🎉", "\udcff\udcfe", "e\u0301\u202e", "a" * 300, "ä" * 200, "a/" * 1500, "../..", "/proc"),
    *("/dev/null", "/dev/full", "/proc/self/mem", "~", "~nosuchuser/x", "*", "'", '"', "%s", "{0}"),
    *("\n", "a\nb", "\x1b[31m", "x" * 20_000),
]
"""As the value of anything; the surrogates stand for bytes that are not UTF-8, as in sys.argv."""

GOOD = [german for german, _ in sample_pairs("val", 12)]
ODD: list[str | bytes] = [
    *(b"", b" ", b"\t", b".", b"...", b"@1", b"@1 @2 @3", b"||| 1 ||| 2", b"<s> </s> <unk>", b"\r"),
    *(b"\0", b"\x00\x01\x1b[31m", b"\xff\xfe\xfd", b"caf\xe9", b"\xed\xa0\x80", b"a\x85b\xe2\x80"),
    *("\u2028", "\u2581", "🎉🎉", "👩‍👩‍👧", "e\u0301" * 30, "日本語の文。", "שלום", "\ufeffHallo"),
    *(
        "ICH HABE HUNGER.",
        "Gruess Gott, Muenchen!",
        "z. B. " * 60,
        "a" * 400,
        "1" * 60,
        "äöüß" * 50,
    ),
    *("Siehe https://example.org/a?b=c und mail@example.org.", "20 Euro", "Das kostet 1.234,56 €."),
    *("<b>Hallo</b> & tschüss", "Hallo.\x0bWelt.\x0c", "-", "--", "\\n", "$HOME", '"', "'"),
    *("Er kam. Sie ging! Wer blieb? " * 6, "((((((((((", "Ein\u00a0Hund\u200b.", "\u202eabc"),
]
LINES = [line.encode() if isinstance(line, str) else line for line in [*GOOD, *ODD]]
"""Of files, texts and pipes, without their ends."""


def lines_in(raw: bytes) -> list[str]:
    """How a command ought to read its input."""
    lines = raw.split(b"\n")
    if not lines[-1]:
        lines.pop()
    texts = [line.decode(errors="replace").rstrip("\r") for line in lines]
    return [text.removeprefix("\ufeff") if n == 0 else text for n, text in enumerate(texts)]


@dataclass(frozen=True)
class Inputs:
    """A folder with models, files, and in references.json what the models translate lines to."""

    folder: Path

    @cached_property
    def references(self) -> dict[str, dict[str, str]]:
        """For each model, the translations of lines by the default search."""
        loaded: dict[str, dict[str, str]] = json.loads(
            (self.folder / "references.json").read_text(encoding="utf-8")
        )
        return loaded

    def export(self, model: str, format: str) -> dict[str, bytes]:
        """The files that an export of a model has."""
        folder = self.folder / f"{model}.{format}"
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    def settings(self, tiny: dict[str, str] = TINY) -> list[str]:
        """The overrides of a tiny run on a few pairs."""
        data = {f"data.{split}": str(self.folder / f"{split}.tsv") for split in ("train", "val")}
        return [f"{name}={value}" for name, value in (data | tiny).items()]

    def yaml(self) -> str:
        """The same as a file."""
        tree: dict[str, Any] = {}
        for setting in self.settings():
            place, _, value = setting.partition("=")
            *sections, name = place.split(".")
            section = tree.setdefault(sections[0], {}) if sections else tree
            for inner in sections[1:]:
                section = section.setdefault(inner, {})
            section[name] = yaml.safe_load(value)
        return yaml.safe_dump(tree)

    def prepare(self) -> None:
        """Makes everything; call it in a process of its own, since it computes."""
        folder = self.folder
        for split, n in (("train", 200), ("val", 12)):
            rows = "".join(f"{de}\t{en}\n" for de, en in sample_pairs(split, n))
            (folder / f"{split}.tsv").write_text(rows, encoding="utf-8")
        shutil.copytree(QUICKSTART, folder / "quickstart")
        other = {"tokenizer.kind": "bpe", "seed": "2"}
        for name, tiny in (("tiny", TINY), ("other", TINY | other), ("gpt", LANGUAGE_MODEL)):
            settings = [*self.settings(tiny), f"run_dir={folder / name}"]
            train(load_config(None, settings))
        self._prepare_ends()
        for model in ("quickstart", "tiny"):
            for format in ("ctranslate2", "huggingface"):
                path = str(folder / f"{model}.{format}")
                command = ["--model", str(folder / model), "--format", format, "--output", path]
                if export.main(command):
                    raise RuntimeError(f"{model} cannot be exported to {format}")
        texts = {
            text for line in LINES for first in (b"", b"a\n") for text in lines_in(first + line)
        }
        texts |= {line.decode(errors="replace") for line in LINES}
        references = {}
        for model in ("quickstart", "tiny"):
            translator = Translator.load(folder / model)
            found = translator.translate_batch(sorted(texts))
            best = [translations[0].text for translations in found]
            references[model] = dict(zip(sorted(texts), best, strict=True))
        (folder / "references.json").write_text(json.dumps(references), encoding="utf-8")

    def _prepare_ends(self) -> None:
        # What an undamaged run leads to: gone on with, and started from.
        going_on = self.folder / "tiny gone on"
        shutil.copytree(self.folder / "tiny", going_on)
        longer = ["training.max_steps=8", f"run_dir={going_on}"]
        train(load_config(going_on / "config.yaml", longer), resume=True)
        start = {"training.start_from": str(self.folder / "tiny"), "training.max_steps": "2"}
        ending = self.folder / "tiny started from"
        train(load_config(None, [*self.settings(TINY | start), f"run_dir={ending}"]))

    def write_files(self, folder: Path, text: bytes) -> None:
        """The files that commands are given, among them `text` in several dresses."""
        (folder / "in.txt").write_bytes(text)
        (folder / "in.txt.gz").write_bytes(gzip.compress(text, mtime=0))
        (folder / "short.gz").write_bytes(gzip.compress(text * 9, mtime=0)[:-12])
        (folder / "not.gz").write_bytes(text)
        (folder / "utf-16.txt").write_bytes(text.decode(errors="replace").encode("utf-16"))
        (folder / "latin.txt").write_bytes("Die Tür ist grün.\n".encode("latin-1"))
        (folder / "empty.txt").touch()
        (folder / "random.bin").write_bytes(bytes(range(256)) * 3)
        (folder / "existing.txt").write_bytes(b"kept\n")
        (folder / "folder").mkdir()
        (folder / "folder" / "in it").touch()
        (folder / "🎉 \udcff.txt").write_bytes(text)
        (folder / "link.txt").symlink_to("in.txt")
        (folder / "dangling").symlink_to("nowhere/at/all")
        (folder / "stale.txt.partial").mkdir()
        (folder / "stale.txt.partial" / "lines.txt").write_bytes(b"kept\n")
        (folder / "stale.txt.partial" / "about.json").write_bytes(b"{}")
        (folder / "tiny.yaml").write_text(self.yaml(), encoding="utf-8")
        for name in ("tiny", "gpt", "other"):
            shutil.copytree(self.folder / name, folder / name)
        for name in ("quickstart", "quickstart.ctranslate2", "quickstart.huggingface"):
            (folder / name).symlink_to(self.folder / name)  # larger, and nothing writes there


FILES = [
    *(
        "in.txt",
        "in.txt",
        "in.txt.gz",
        "short.gz",
        "not.gz",
        "utf-16.txt",
        "latin.txt",
        "empty.txt",
    ),
    *(
        "random.bin",
        "existing.txt",
        "folder",
        "🎉 \udcff.txt",
        "link.txt",
        "dangling",
        "missing.txt",
    ),
    *("/dev/null", "-", "/proc/self/mem", "in.txt/x"),
]
"""To read."""

TARGETS = [
    *(
        "new.txt",
        "new.txt",
        "existing.txt",
        "folder",
        "missing/new.txt",
        "🎉 \udcff.new",
        "stale.txt",
    ),
    *("link.txt", "dangling", "/dev/null", "/dev/full", "in.txt/x", "b" * 250, ".hidden", "-"),
]
"""To write."""


def warm_up() -> None:
    """Imports all that cases use, so that no child has to; computes nothing."""
    import torch

    torch.set_num_threads(1)
    for module in (
        *("transformer.training.loop", "transformer.training.dry_run", "transformer.data.corpus"),
        *("transformer.export.ctranslate2", "transformer.export.huggingface", "ctranslate2"),
        *("transformer.inference.evaluation", "transformer.inference.generator", "datasets"),
        *("transformer.inference.ctranslate2_engine", "transformers", "sentencepiece"),
    ):
        import_module(module)
