"""What an export starts from, a finished run, and where it ends, a folder that is whole."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..checkpoint import TOKENIZERS, CheckpointError, RunDirectory, load_model, read_metadata
from ..config import Config
from ..data.tokenizer import Tokenizer
from ..errors import UserError
from ..model.encoder_decoder import Transformer

INSTALL = 'pip install "attention-transformer[export]"'


class ExportError(UserError):
    """A model that a format cannot hold, or a folder that cannot be written; says what to do."""


@dataclass(frozen=True)
class Trained:
    """A run that is done: everything needed to translate with it elsewhere."""

    model: Transformer
    tokenizer: Tokenizer
    config: Config
    longest_src: int | None  # pieces of the longest source seen in training, EOS included

    @classmethod
    def load(cls, path: str | Path | None = None) -> "Trained":
        """A run directory, or without `path` the model that ships with the package.

        Raises:
            CheckpointError: no run directory, or one without usable weights.
        """
        run = RunDirectory(path) if path else RunDirectory.shipped()
        config = run.load_config("translation")
        if not run.tokenizer.is_file():
            raise CheckpointError(f"{run.tokenizer} is missing; was the run stopped at its start?")
        tokenizer = Tokenizer.load(run.tokenizer)
        model = load_model(
            run.model, config, vocab_size=tokenizer.vocab_size, pad_id=tokenizer.pad_id
        )
        longest = read_metadata(run.model).get("longest_src")
        return cls(model, tokenizer, config, int(longest) if longest else None)

    @property
    def n_positions(self) -> int:
        """Positions for an engine that wants a table of them; we have no limit.

        Twice the longest source, since an output may be longer than what it translates.
        """
        return max(512, 2 * (self.longest_src or self.config.data.cleaning.max_tokens))

    @property
    def forbidden(self) -> list[int]:
        """Ids that a translation never holds: padding, BOS, unknown."""
        ids = (self.tokenizer.pad_id, self.tokenizer.bos_id, self.tokenizer.unk_id)
        return [i for i in ids if i >= 0]

    def write_origin(self, folder: Path) -> None:
        """Settings and vocabulary, under the names that they have in a run directory."""
        inside = RunDirectory(folder)
        inside.config.write_text(self.config.to_yaml(), encoding="utf-8")
        inside.tokenizer.write_bytes(self.tokenizer.model)


@contextmanager
def new_folder(path: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """An empty folder to write into, which gets its name when the block ends without an error.

    Args:
        path: that name; folders above it are made.
        overwrite: replace what an earlier export left there, and nothing else.

    Raises:
        ExportError: there is something already, or the folder cannot be written.
    """
    final = Path(path).expanduser().resolve()  # through a link, which stays
    if final.exists() and not overwrite:
        raise ExportError(f"{path} exists already; choose another name or add --overwrite")
    if final.exists() and not _is_export(final):
        raise ExportError(
            f"{path} is no earlier export, and --overwrite replaces nothing else; choose another "
            f"name"
        )
    temporary = final.with_name(f".{final.name}.tmp")
    replaced = final.with_name(f".{final.name}.old")
    try:
        shutil.rmtree(temporary, ignore_errors=True)  # of an export that was killed
        temporary.mkdir(parents=True)
        yield temporary
        if final.exists():
            shutil.rmtree(replaced, ignore_errors=True)
            final.rename(replaced)
        temporary.rename(final)
        shutil.rmtree(replaced, ignore_errors=True)
    except OSError as error:
        raise ExportError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if replaced.exists() and not final.exists():
            replaced.rename(final)


def _is_export(path: Path) -> bool:
    # A run directory has no config.json, and other people's models no config.yaml.
    groups = (["config.json"], ["config.yaml"], TOKENIZERS, ["model.safetensors", "model.bin"])
    return all(any((path / name).is_file() for name in names) for names in groups)
