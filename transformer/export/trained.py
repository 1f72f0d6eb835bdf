"""Where an export starts, with a finished run, and where it ends, in a folder that is whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .. import files
from ..config import Config
from ..data.tokenizer import Tokenizer
from ..errors import UserError
from ..model.encoder_decoder import Transformer
from ..runs.directory import TOKENIZERS, RunDirectory
from ..runs.loading import load_run

INSTALL = 'pip install "attention-transformer[export]"'


class ExportError(UserError):
    """A format cannot hold the model, or the folder cannot be written; says what to do."""


@dataclass(frozen=True)
class Trained:
    """A finished run: everything that it takes to translate with it elsewhere."""

    model: Transformer
    tokenizer: Tokenizer
    config: Config
    longest_src: int | None  # pieces of the longest source seen in training, EOS included

    @classmethod
    def load(cls, path: str | Path | None = None) -> "Trained":
        """Loads a run directory or a model in the package; see `RunDirectory.find`.

        Raises:
            CheckpointError: not a run directory, or one without usable weights.
        """
        run = RunDirectory.find(path)
        loaded = load_run(run, "translation")
        return cls(loaded.model, loaded.tokenizer, loaded.config, loaded.longest_src)

    @property
    def n_positions(self) -> int:
        """How many positions an engine gets that needs a table of them; we have no limit.

        Twice the longest source, since an output may be longer than its source.
        """
        return max(512, 2 * (self.longest_src or self.config.data.cleaning.max_tokens))

    def write_origin(self, folder: Path) -> None:
        """Writes settings and vocabulary under the names that they have in a run directory."""
        inside = RunDirectory(folder)
        inside.config.write_text(self.config.to_yaml(), encoding="utf-8")
        inside.tokenizer.write_bytes(self.tokenizer.model)


@contextmanager
def new_folder(path: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """An empty folder to write into, which takes its name when the block ends without an error.

    Args:
        path: that name. Folders above it are made.
        overwrite: replace an earlier export, and nothing else.

    Raises:
        ExportError: the name is taken, or the folder cannot be written.
    """
    try:
        final = Path(path).expanduser().resolve()  # through a link, which stays
    except (OSError, RuntimeError, ValueError) as error:
        raise ExportError(f"cannot write {str(path)!r}: {error}") from None
    _require_free(final, path, overwrite=overwrite)
    try:
        with files.new_folder(final, replace=overwrite) as folder:
            yield folder
            _require_free(final, path, overwrite=overwrite)  # something may have come meanwhile
    except files.FileError as error:
        _require_free(final, path, overwrite=overwrite)
        raise ExportError(str(error).replace(str(final), str(path), 1)) from None


def _require_free(final: Path, path: str | Path, *, overwrite: bool) -> None:
    if final.exists() and not overwrite:
        raise ExportError(f"{path} exists already; choose another name or add --overwrite")
    if final.exists() and not _is_export(final):
        raise ExportError(
            f"{path} is not an earlier export, and --overwrite replaces nothing else; choose "
            f"another name"
        )


def _is_export(path: Path) -> bool:
    # A run directory has no config.json, and other people's models have no config.yaml.
    groups = (["config.json"], ["config.yaml"], TOKENIZERS, ["model.safetensors", "model.bin"])
    return all(any((path / name).is_file() for name in names) for names in groups)
