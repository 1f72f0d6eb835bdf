"""Text to pieces and back: sentencepiece behind one small interface."""

import hashlib
import io
import random
import re
import stat
import threading
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import sentencepiece

from ..config import ConfigError, TokenizerConfig, expand_path
from ..errors import UserError


class TokenizerError(UserError):
    """A tokenizer that cannot be trained or loaded; the message says what to do."""


class Tokenizer:
    """A sentencepiece model, shared by both languages.

    The four special ids are read from the model, whatever trained it. With byte fallback no
    character is unknown: what has no piece of its own is spelled in UTF-8 bytes.

    Args:
        model: the bytes of a sentencepiece model.
        sampling_alpha: see `TokenizerConfig.sampling_alpha`; used by `sample_batch` only.

    Raises:
        TokenizerError: not a sentencepiece model, or one without padding, BOS or EOS.
    """

    file_name = "sentencepiece.model"
    by_line = True  # a line feed is a blank like others to sentencepiece

    def __init__(self, model: bytes, *, sampling_alpha: float = 0.0) -> None:
        self.model = model
        self.sampling_alpha = sampling_alpha
        self._pieces = sentencepiece.SentencePieceProcessor()
        try:
            self._pieces.LoadFromSerializedProto(model)
            self._pieces.id_to_piece(list(range(self._pieces.vocab_size())))
        except UnicodeDecodeError:  # of a piece, or of one within a message
            raise TokenizerError("not a sentencepiece model: a piece is not UTF-8") from None
        except RuntimeError as error:
            raise TokenizerError(f"not a sentencepiece model: {error}") from None
        self.pad_id: int = self._pieces.pad_id()
        self.bos_id: int = self._pieces.bos_id()
        self.eos_id: int = self._pieces.eos_id()
        self.unk_id: int = self._pieces.unk_id()
        missing = [n for n in ("pad_id", "bos_id", "eos_id") if getattr(self, n) < 0]
        if missing:
            raise TokenizerError(
                f"the sentencepiece model has no {' and no '.join(missing)}; train it with "
                f"{' '.join(f'--{name}=N' for name in missing)}"
            )

    @classmethod
    def load(cls, path: str | Path, *, sampling_alpha: float = 0.0) -> "Tokenizer":
        """Reads a `.model` file of sentencepiece."""
        content = read_model(path, "sentencepiece model")
        try:
            return cls(content, sampling_alpha=sampling_alpha)
        except TokenizerError as error:
            raise TokenizerError(f"{path}: {error}") from None

    @property
    def vocab_size(self) -> int:
        """Pieces, special ones and bytes included."""
        return self._pieces.vocab_size()

    @property
    def fingerprint(self) -> str:
        """Names the model's content, so that text encoded with another is never reused."""
        return hashlib.sha256(self.model).hexdigest()[:16]

    @property
    def forbidden_ids(self) -> list[int]:
        """What a translation never holds: padding, BOS, and the unknown piece if there is one."""
        return [i for i in (self.pad_id, self.bos_id, self.unk_id) if i >= 0]

    @property
    def separator(self) -> list[int]:
        """What follows each line in a stream of running text."""
        return [self.eos_id]

    def encode(self, line: str) -> list[int]:
        """The best segmentation, without BOS and EOS."""
        return self._pieces.encode(line)

    def encode_batch(self, lines: Sequence[str]) -> list[list[int]]:
        """`encode` for many lines."""
        return self._pieces.encode(list(lines))

    def sample_batch(self, lines: Sequence[str], *, seed: int) -> list[list[int]]:
        """A random segmentation of each line: subword regularisation (Kudo 2018).

        A pure function of its arguments. sentencepiece seeds a thread's generator once, when the
        thread first samples, so every call samples in a thread of its own.
        """
        sampled: list[list[int]] = []

        def work() -> None:
            sampled.extend(
                self._pieces.encode(
                    line, enable_sampling=True, alpha=self.sampling_alpha, nbest_size=-1
                )
                for line in lines
            )

        with _SAMPLING:
            sentencepiece.set_random_generator_seed(seed % 2**32)
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        return sampled

    def spells_in_bytes(self, character: str) -> bool:
        """True if the vocabulary has no piece that holds this character."""
        ids = self._pieces.encode(character)
        return any(self._pieces.is_byte(i) for i in ids) or not ids

    def log_prob(self, text: str) -> float:
        """Of the best segmentation, in nats, by the unigram model that a vocabulary is (Kudo 2018).

        A byte counts as the rarest piece. Of a vocabulary of the kind bpe, it means nothing.
        """
        scores = map(self._pieces.get_score, self._pieces.encode(text))
        return sum(score if score < 0 else self._rarest for score in scores)

    @cached_property
    def _rarest(self) -> float:
        return min(map(self._pieces.get_score, range(self.vocab_size)))

    def decode(self, ids: Sequence[int]) -> str:
        """Pieces to text; special tokens vanish."""
        return self._pieces.decode(list(ids))

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The pieces as sentencepiece writes them, ▁ marking a space."""
        return [self._pieces.id_to_piece(i) for i in ids]


_SAMPLING = threading.Lock()


def read_model(path: str | Path, what: str = "tokenizer") -> bytes:
    """The content of a tokenizer's file, which messages call `what`.

    Raises:
        TokenizerError: it cannot be read, or is another kind of file.
    """
    try:
        path = expand_path(path)
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise TokenizerError(f"cannot read the {what} {path}: it is a folder; name the file")
        if not stat.S_ISREG(status.st_mode):
            raise TokenizerError(f"cannot read the {what} {path}: it is a pipe or a device")
        if status.st_size > _LARGEST_MODEL:
            raise TokenizerError(
                f"{path} cannot be a {what}: it has {status.st_size:,} bytes, and none has more "
                f"than {_LARGEST_MODEL:,}"
            )
        return path.read_bytes()
    except ConfigError as error:
        raise TokenizerError(str(error)) from None
    except OSError as error:
        raise TokenizerError(f"cannot read the {what} {path}: {error.strerror or error}") from None
    except (UnicodeError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise TokenizerError(f"no file can be called {str(path)!r}: {error}") from None


# In bytes. A million pieces take a tenth of that.
_LARGEST_MODEL = 2**28


def train_tokenizer(lines: Iterable[str], config: TokenizerConfig, *, seed: int = 1) -> Tokenizer:
    """Trains a sentencepiece model on lines of both languages together.

    Args:
        lines: the training split, source and target sides; read once.
        config: kind, size and how many lines to draw at most.
        seed: of that draw.

    Raises:
        TokenizerError: too little text for a vocabulary of this size.
    """
    drawn = draw(lines, config.max_training_sentences, seed)
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(drawn),
            model_writer=model,
            model_type=config.kind,
            vocab_size=config.vocab_size,
            byte_fallback=True,
            split_digits=True,
            character_coverage=0.9995,
            required_chars=config.required_characters,
            max_sentence_length=_LONGEST_LINE,
            pad_id=0,
            unk_id=1,
            bos_id=2,
            eos_id=3,
            num_threads=2,  # fixed: the sums it makes depend on it in the last bits
            minloglevel=2,
        )
    except RuntimeError as error:
        raise TokenizerError(
            f"sentencepiece cannot make {config.vocab_size} pieces of "
            f"{len(drawn):,} lines; {_advice(str(error))} ({error})"
        ) from None
    return Tokenizer(model.getvalue(), sampling_alpha=config.sampling_alpha)


def _advice(error: str) -> str:
    """What to do about an error of sentencepiece's training."""
    # Bytes, special pieces and letters alone may be more than were asked for.
    if least := re.search(r"required_chars\. \d+ vs (\d+)", error):
        return f"raise tokenizer.vocab_size to more than {least[1]}"
    most = re.search(r"value <= (\d+)", error)
    if most and int(most[1]) >= _FEWEST_PIECES:
        return f"lower tokenizer.vocab_size to {most[1]} or less, or add data"
    return (
        f"the text is too small, since even {_FEWEST_PIECES} pieces, the fewest there can be, need "
        f"more lines (of at most {_LONGEST_LINE:,} bytes); add data, or name an existing model "
        "(tokenizer.path=FILE)"
    )


_FEWEST_PIECES = 300  # the least value of tokenizer.vocab_size
_LONGEST_LINE = 16_384  # in bytes: sentencepiece does not learn from longer ones


def draw(lines: Iterable[str], n: int, seed: int) -> list[str]:
    """At most n lines, every one as likely; only n are in memory (reservoir sampling)."""
    generator = random.Random(seed)
    drawn: list[str] = []
    for i, line in enumerate(lines):
        if i < n:
            drawn.append(line)
        elif (j := generator.randint(0, i)) < n:
            drawn[j] = line
    return drawn
