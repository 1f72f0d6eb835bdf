"""Handwritten digits: where they come from, how a network learns them, and what it misreads."""

import gzip
import math
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .network import Array, Cost, CrossEntropyCost, Network, QuadraticCost

N_CLASSES = 10

Images = NDArray[np.float32]
Labels = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Digits:
    """Images (n, rows, columns), from 0 (paper) to 1 (ink), and what they show, (n,)."""

    source: str
    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels


# From scikit-learn --------------------------------------------------------------------------------

N_TEST, SPLIT_SEED = 360, 0


def small_digits() -> Digits:
    """The 1,797 digits of 8 × 8 pixels that scikit-learn ships, a fixed fifth of them to test.

    They are one part of "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak 1998,
    doi 10.24432/C50P49). The split is random, so those who wrote the test digits wrote training
    digits too: a score says less about the hands of strangers.

    Raises:
        UserError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise UserError(
            "these digits come with scikit-learn: pip install 'attention-transformer[lab]'. "
            "Without it, --mnist FOLDER reads the files of MNIST"
        ) from None
    found = load_digits()
    order = np.random.default_rng(SPLIT_SEED).permutation(len(found.images))
    images, labels = (found.images[order] / 16).astype(np.float32), found.target[order]
    return Digits(
        "scikit-learn's load_digits",
        train_images=images[N_TEST:],
        train_labels=labels[N_TEST:],
        test_images=images[:N_TEST],
        test_labels=labels[:N_TEST],
    )


# From the files of MNIST --------------------------------------------------------------------------

N_DIMENSIONS = {"images": 3, "labels": 1}


def mnist_digits(folder: Path) -> Digits:
    """MNIST (LeCun, Cortes and Burges), or another data set in the same four files.

    Args:
        folder: has train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
            t10k-labels-idx1-ubyte, or the same with .idx for -idx, each with or without .gz.

    Raises:
        UserError: a file is missing, is not what its name says, or does not fit another.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; name the one with MNIST's four files")
    train_images, train_labels = _part(folder, "train")
    test_images, test_labels = _part(folder, "t10k")
    if train_images.shape[1:] != test_images.shape[1:]:
        raise UserError(
            f"{folder}: train has images of {size(train_images)} pixels and t10k of "
            f"{size(test_images)}; take all four files from one data set"
        )
    return Digits(str(folder), train_images, train_labels, test_images, test_labels)


def size(images: Images) -> str:
    """Rows and columns of an image, for a message."""
    return f"{images.shape[1]} × {images.shape[2]}"


def _part(folder: Path, part: str) -> tuple[Images, Labels]:
    of_images = _find(folder, f"{part}-images", "idx3-ubyte")
    of_labels = _find(folder, f"{part}-labels", "idx1-ubyte")
    images, labels = read_idx(of_images, "images"), read_idx(of_labels, "labels")
    if len(images) != len(labels):
        raise UserError(
            f"{of_images} has {len(images):,} images and {of_labels} has {len(labels):,} labels; "
            f"each image needs one label"
        )
    if images.size == 0:
        raise UserError(f"{of_images} has no pixels; take the files of MNIST")
    if labels.max() >= N_CLASSES:
        raise UserError(f"{of_labels}: a label must be a digit, 0 to 9; found {labels.max()}")
    return images / np.float32(255), labels.astype(np.int64)


def _find(folder: Path, stem: str, kind: str) -> Path:
    names = [f"{stem}{joint}{kind}{end}" for joint in "-." for end in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise UserError(
        f"{folder} has no file {names[0]}, nor {', '.join(names[1:])}; MNIST is images and labels "
        f"of train and of t10k, four files"
    )


def read_idx(path: Path, kind: Literal["images", "labels"]) -> NDArray[np.uint8]:
    """The numbers of an idx file, plain or compressed by gzip.

    The format: 0, 0, 8 for unsigned bytes, and the number of dimensions; then the dimensions, of
    four bytes each, the most significant first; then the numbers.

    Returns:
        (n, rows, columns) of images, (n,) of labels.

    Raises:
        UserError: it is another kind of file, or shorter or longer than it says.
    """
    content = path.read_bytes()
    if content.startswith(b"\x1f\x8b"):  # not by name: some browsers unpack what they download
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{path} cannot be unpacked: {error}. Download it again") from None
    magic = bytes([0, 0, 8, N_DIMENSIONS[kind]])
    if content[:4] != magic:
        raise UserError(
            f"{path} is not an idx file of {kind}, which begins with the bytes {magic.hex(' ')}; "
            f"found {content[:4].hex(' ') or 'an empty file'}. Download it again"
        )
    start = 4 + 4 * N_DIMENSIONS[kind]
    if len(content) < start:
        raise UserError(
            f"{path} is truncated: its head takes {start} bytes, and the file has {len(content)}. "
            f"Download it again"
        )
    shape = [int(n) for n in np.frombuffer(content[4:start], ">u4")]
    expected = start + math.prod(shape)
    if len(content) != expected:
        wrong = "is truncated" if len(content) < expected else "is longer than it says"
        raise UserError(
            f"{path} {wrong}: {' × '.join(f'{n:,}' for n in shape)} {kind} would take "
            f"{expected:,} bytes, and the file has {len(content):,}. Download it again"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


# Learning -----------------------------------------------------------------------------------------


@dataclass
class Progress:
    """How well a model reads, epoch after epoch."""

    losses: list[float] = field(default_factory=list)  # on the training part
    accuracies: list[float] = field(default_factory=list)  # on the test part
    read: list[int] = field(default_factory=list)  # what each test image was last taken for


AfterEpoch = Callable[[Progress], None]

N_HIDDEN, BATCH_SIZE = 64, 10

COSTS: dict[str, tuple[Cost, float]] = {
    "cross-entropy": (CrossEntropyCost(), 1.0),
    "quadratic": (QuadraticCost(), 3.0),
}
"""By name, each with a learning rate that suits it."""


def train_network(
    digits: Digits,
    *,
    epochs: int,
    seed: int,
    cost: str = "cross-entropy",
    after_epoch: AfterEpoch = lambda progress: None,
) -> tuple[Network, Progress]:
    """A network with one hidden layer learns to read.

    Args:
        digits: to train on, and to test with.
        epochs: how often it sees each training image.
        seed: of the first weights, and of the order of the images.
        cost: one of `COSTS`.
        after_epoch: hears how well it reads by now.
    """
    rng = np.random.default_rng(seed)
    function, learning_rate = COSTS[cost]
    x, y = as_columns(digits.train_images), one_hot(digits.train_labels)
    x_test, y_test = as_columns(digits.test_images), one_hot(digits.test_labels)
    network, progress = Network([len(x), N_HIDDEN, N_CLASSES], function, rng), Progress()

    def test(epoch: int) -> None:
        progress.losses.append(function.value(network.feed_forward(x), y))
        progress.accuracies.append(network.evaluate(x_test, y_test))
        progress.read = network.feed_forward(x_test).argmax(axis=0).tolist()
        after_epoch(progress)

    network.train(
        x,
        y,
        epochs=epochs,
        batch_size=BATCH_SIZE,
        learning_rate=learning_rate,
        rng=rng,
        after_epoch=test,
    )
    return network, progress


def as_columns(images: Images) -> Array:
    """(n, rows, columns) → (rows · columns, n): all pixels of an image in one column."""
    return images.reshape(len(images), -1).T


def one_hot(labels: Labels) -> Array:
    """(n,) → (10, n): in each column a 1 in the row of its digit, and 0 elsewhere."""
    return np.eye(N_CLASSES)[:, labels]


# Misreading ---------------------------------------------------------------------------------------

INK = " ░▒▓█"
LINE_WIDTH = 80


def confusions(labels: Sequence[int], read: Sequence[int]) -> list[tuple[int, int, int]]:
    """(what it is, what it was taken for, how often) of all mistakes, the most frequent first."""
    wrong = Counter((a, b) for a, b in zip(labels, read, strict=True) if a != b)
    return [(a, b, n) for (a, b), n in sorted(wrong.items(), key=lambda pair: (-pair[1], pair[0]))]


def draw(image: Images) -> list[str]:
    """Lines of characters that show an image, (rows, columns).

    Characters are twice as high as they are wide. So a pixel takes two of them; or, in an image
    wider than 16 pixels, two rows share a line.
    """
    if image.shape[1] <= 16:
        image = image.repeat(2, axis=1)
    else:
        image = image[: len(image) // 2 * 2].reshape(-1, 2, image.shape[1]).mean(axis=1)
    shades = np.rint(image * (len(INK) - 1)).astype(int)
    return ["".join(INK[shade] for shade in row) for row in shades]


def draw_misread(digits: Digits, read: Sequence[int]) -> str:
    """Misread digits side by side, as many as fit; first those that are most often misread so."""
    labels = digits.test_labels.tolist()
    rank = {(a, b): i for i, (a, b, _) in enumerate(confusions(labels, read))}
    wrong = [i for i in range(len(read)) if read[i] != labels[i]]
    wrong.sort(key=lambda i: rank[labels[i], read[i]])
    pictures = [[f"{labels[i]}, read as {read[i]}", *draw(digits.test_images[i])] for i in wrong]
    if not pictures:
        return ""
    width = max(map(len, pictures[0])) + 2
    lines = zip(*pictures[: max(1, LINE_WIDTH // width)], strict=True)
    return "\n".join("".join(part.ljust(width) for part in line).rstrip() for line in lines)
