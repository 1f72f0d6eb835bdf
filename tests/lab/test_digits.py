"""Digits: whole or refused, read by both models, and the command as people use it."""

import gzip
import json
import re
import struct
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from transformer.cli import lab_main
from transformer.config import ModelConfig
from transformer.errors import UserError
from transformer.lab import digit_reader
from transformer.lab.digit_reader import SMALL, DigitReader, train_reader
from transformer.lab.digits import (
    Digits,
    as_columns,
    confusions,
    draw,
    draw_misread,
    mnist_digits,
    one_hot,
    read_idx,
    small_digits,
    train_network,
)

TINY = ModelConfig(d_model=32, d_ff=64, n_heads=2, n_encoder_layers=1, dropout=0.0)

IMAGES, LABELS = bytes([0, 0, 8, 3]), bytes([0, 0, 8, 1])


def idx(magic: bytes, numbers: NDArray[Any]) -> bytes:
    """A file as LeCun's page describes it."""
    return magic + struct.pack(f">{numbers.ndim}I", *numbers.shape) + numbers.tobytes()


def drawn(n: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images of 6 × 5 pixels, each with a bright one at a place that only its label has."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(10, size=n, dtype=np.uint8)
    images = rng.integers(50, size=(n, 6, 5), dtype=np.uint8)
    images[np.arange(n), labels // 5 + 2, labels % 5] = 255
    return images, labels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The four files of a small MNIST, in all spellings."""
    (images, labels), (test_images, test_labels) = drawn(200, 1), drawn(40, 2)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(IMAGES, images))
    (tmp_path / "train-labels.idx1-ubyte").write_bytes(idx(LABELS, labels))
    packed = gzip.compress(idx(IMAGES, test_images), mtime=0)
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(packed)
    packed = gzip.compress(idx(LABELS, test_labels), mtime=0)
    (tmp_path / "t10k-labels.idx1-ubyte.gz").write_bytes(packed)
    return tmp_path


# Where they come from -----------------------------------------------------------------------------


def test_the_small_digits_are_split_once_and_for_all() -> None:
    digits = small_digits()
    assert digits.train_images.shape == (1437, 8, 8) and digits.test_images.shape == (360, 8, 8)
    images = np.concatenate((digits.train_images, digits.test_images)).reshape(1797, 64)
    labels = np.concatenate((digits.train_labels, digits.test_labels))
    assert images.min() == 0 and images.max() == 1
    from sklearn.datasets import load_digits

    found = load_digits()
    theirs = np.column_stack((found.target, found.data))
    ours = np.column_stack((labels, images * 16))
    assert sorted(map(tuple, ours)) == sorted(map(tuple, theirs))
    assert set(digits.test_labels.tolist()) == set(range(10))
    again = small_digits()
    assert (again.test_images == digits.test_images).all()


def test_without_scikit_learn_the_error_names_two_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(UserError, match=r"attention-transformer\[lab\].*--mnist FOLDER"):
        small_digits()


def test_mnist_is_read_plain_or_packed_and_in_both_spellings(folder: Path) -> None:
    digits = mnist_digits(folder)
    images, labels = drawn(200, 1)
    np.testing.assert_allclose(digits.train_images * 255, images, rtol=1e-6)
    assert digits.train_labels.tolist() == labels.tolist()
    images, labels = drawn(40, 2)
    np.testing.assert_allclose(digits.test_images * 255, images, rtol=1e-6)
    assert digits.test_labels.tolist() == labels.tolist()
    assert digits.source == str(folder)


def test_a_file_that_was_unpacked_may_still_be_called_gz(folder: Path) -> None:
    packed = folder / "t10k-labels.idx1-ubyte.gz"
    packed.write_bytes(gzip.decompress(packed.read_bytes()))
    assert len(mnist_digits(folder).test_labels) == 40


WHOLE = idx(IMAGES, np.zeros((2, 3, 3), np.uint8))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an idx file of images, .* 00 00 08 03; found an empty file"),
        (b"<html>", "begins with the bytes 00 00 08 03; found 3c 68 74 6d"),
        (idx(LABELS, np.zeros(5, np.uint8)), "an idx file of images, .* found 00 00 08 01"),
        (WHOLE[:10], "is truncated: its head takes 16 bytes, and the file has 10"),
        (WHOLE[:-1], "is truncated: 2 × 3 × 3 images would take 34 bytes, and the file has 33"),
        (WHOLE + b"\0", "is longer than it says: 2 × 3 × 3 images would take 34 .* has 35"),
        # 2⁶⁴ pixels, which 64 bits would count as none.
        (
            IMAGES + struct.pack(">3I", 2**31, 2**31, 4),
            "is truncated: 2,147,483,648 × 2,147,483,648 × 4 images would take 18,446,744,073,",
        ),
        (gzip.compress(WHOLE, mtime=0)[:-9], "cannot be unpacked: .*. Download it again"),
        (gzip.compress(WHOLE, mtime=0)[:-6] + b"\0" * 6, "cannot be unpacked: CRC check failed"),
        (b"\x1f\x8b\x08\0" + b"\xff" * 20, "cannot be unpacked"),
    ],
)
def test_a_damaged_file_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"^{re.escape(str(path))} .*{message}"):
        read_idx(path, "images")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-images-idx3-ubyte", None, "has no file train-images-idx3-ubyte, nor train-images-"),
        ("t10k-labels.idx1-ubyte.gz", None, "has no file t10k-labels-idx1-ubyte, nor"),
        (
            "train-labels.idx1-ubyte",
            idx(LABELS, np.zeros(199, np.uint8)),
            "has 200 images and .* has 199 labels; each image needs one label",
        ),
        (
            "train-labels.idx1-ubyte",
            idx(LABELS, np.full(200, 26, np.uint8)),
            "a label must be a digit, 0 to 9; found 26",
        ),
        (
            "train-images-idx3-ubyte",
            idx(IMAGES, np.zeros((200, 8, 8), np.uint8)),
            "train has images of 8 × 8 pixels and t10k of 6 × 5; take all four",
        ),
        (
            "train-images-idx3-ubyte",
            idx(IMAGES, np.zeros((200, 0, 0), np.uint8)),
            "has no pixels; take the files of MNIST",
        ),
    ],
)
def test_files_that_do_not_fit_are_refused(
    name: str, content: bytes | None, message: str, folder: Path
) -> None:
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        mnist_digits(folder)


def test_columns_and_ones() -> None:
    images = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    assert as_columns(images).T.tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    assert one_hot(np.array([3, 0])).T.tolist() == [[0, 0, 0, 1] + [0] * 6, [1] + [0] * 9]


# Learning -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cost", ["cross-entropy", "quadratic"])
def test_the_network_learns_what_is_easy(cost: str, folder: Path) -> None:
    digits = mnist_digits(folder)
    network, progress = train_network(digits, epochs=20, seed=1, cost=cost)
    assert len(progress.losses) == len(progress.accuracies) == 20
    assert progress.accuracies[-1] == 1 and progress.read == digits.test_labels.tolist()
    x, y = as_columns(digits.test_images), one_hot(digits.test_labels)
    assert network.evaluate(x, y) == 1


def test_the_encoder_learns_what_is_easy(folder: Path) -> None:
    digits = mnist_digits(folder)
    model, progress = train_reader(digits, epochs=20, seed=2, config=TINY)
    assert len(progress.losses) == len(progress.accuracies) == 20
    assert progress.losses[-1] < progress.losses[0] / 4
    assert progress.accuracies[0] < 0.5 and progress.accuracies[-1] >= 0.9
    assert model.read(torch.from_numpy(digits.test_images)) == progress.read
    right = np.mean(digits.test_labels == np.array(progress.read))
    assert progress.accuracies[-1] == pytest.approx(right)


def test_same_seed_same_numbers(folder: Path) -> None:
    digits = mnist_digits(folder)
    for of in (
        lambda seed: train_network(digits, epochs=2, seed=seed)[1],
        lambda seed: train_reader(digits, epochs=2, seed=seed)[1],
    ):
        assert of(1) == of(1)
        assert of(1).losses != of(2).losses


def test_the_test_part_teaches_nothing(folder: Path) -> None:
    digits = mnist_digits(folder)
    other = replace(digits, test_images=1 - digits.test_images, test_labels=digits.test_labels * 0)
    first, second = (train_network(d, epochs=2, seed=1)[1] for d in (digits, other))
    assert first.losses == second.losses and first.accuracies != second.accuracies
    first, second = (train_reader(d, epochs=2, seed=1, config=TINY)[1] for d in (digits, other))
    assert first.losses == second.losses and first.accuracies != second.accuracies


def test_rows_are_words_whose_order_only_the_positions_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(1)
    model, images = DigitReader(SMALL, 8).eval(), torch.rand(5, 8, 8)
    upside_down = images.flip(1)
    assert (model(images) - model(upside_down)).abs().max() > 0.01
    monkeypatch.setattr(
        digit_reader, "sinusoidal_positions", lambda length, d_model: torch.zeros(length, d_model)
    )
    torch.testing.assert_close(model(images), model(upside_down), rtol=1e-4, atol=1e-5)


def test_every_row_may_look_at_every_row() -> None:
    torch.manual_seed(1)
    model = DigitReader(SMALL, 8).eval()
    images = torch.rand(1, 8, 8, requires_grad=True)
    rows = model.encoder(model.embedding(images), digit_reader.Padded(8))
    for i in range(8):
        (gradient,) = torch.autograd.grad(rows[0, i, 0], images, retain_graph=True)
        assert (gradient[0].abs().sum(dim=1) > 0).all()


def test_reading_is_without_dropout_and_leaves_the_model_as_it_was() -> None:
    torch.manual_seed(1)
    model, images = DigitReader(SMALL, 8), torch.rand(1500, 8, 8)
    assert model.read(images) == model.read(images) and model.training
    assert model.eval()(images).argmax(1).tolist() == model.read(images) and not model.training


@pytest.mark.slow
@pytest.mark.parametrize(("cost", "least"), [("cross-entropy", 0.96), ("quadratic", 0.95)])
def test_the_network_reads_the_small_digits(cost: str, least: float) -> None:
    _, progress = train_network(small_digits(), epochs=30, seed=1, cost=cost)
    assert progress.accuracies[-1] >= least


@pytest.mark.slow
@pytest.mark.exhaustive
def test_the_encoder_reads_the_small_digits() -> None:
    _, progress = train_reader(small_digits(), epochs=30, seed=1)
    assert progress.accuracies[-1] >= 0.96


# Misreading ---------------------------------------------------------------------------------------


def test_confusions_are_counted_the_most_frequent_first() -> None:
    labels, read = [4, 8, 4, 1, 8, 8, 3], [9, 1, 9, 1, 3, 1, 5]
    assert confusions(labels, read) == [(4, 9, 2), (8, 1, 2), (3, 5, 1), (8, 3, 1)]
    assert confusions(labels, labels) == []


def test_a_pixel_of_a_small_image_is_two_characters() -> None:
    image = np.array([[0, 0.25, 0.5], [0.75, 1, 0.1]], np.float32)
    assert draw(image) == ["  ░░▒▒", "▓▓██  "]


def test_two_rows_of_a_large_image_share_a_line() -> None:
    image = np.zeros((5, 17), np.float32)
    image[0] = image[1] = image[2, :5] = image[4] = 1
    assert draw(image) == ["█" * 17, "▒" * 5 + " " * 12]


def test_misread_digits_stand_side_by_side_in_the_order_of_their_number() -> None:
    labels = np.array([3, 8, 4, 4, 0, 7, 6])
    images = np.zeros((7, 8, 8), np.float32)
    images[2] = 1
    digits = Digits("here", images, labels, images, labels)
    head, *lines = draw_misread(digits, [5, 8, 9, 9, 6, 7, 6]).splitlines()
    captions = ["4, read as 9", "4, read as 9", "0, read as 6", "3, read as 5"]
    assert re.split(" {2,}", head) == captions
    assert lines == ["█" * 16] * 8
    assert draw_misread(digits, labels.tolist()) == ""


# The command --------------------------------------------------------------------------------------


def test_the_command_tells_of_both_models(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab_main(["digits", "--mnist", str(folder), "--epochs", "2"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"240 digits of 6 × 5 pixels, from {folder}: 200 to train, 40 to test\n")
    network, encoder = out.split("\nthe Transformer's encoder, 2 layers; every row of 5 pixels is")
    for part in (network, encoder):
        assert len(re.findall(r"^epoch +\d  loss \d\.\d+  right [\d.]+%$", part, re.M)) == 2
        told = re.search(r"weights read (\d+) of 40 test digits right, ([\d.]+)%", part)
        assert told and float(told[2]) == pytest.approx(100 * int(told[1]) / 40, abs=0.05)
        assert re.search(r"^\d, read as \d", part, re.M)


def test_json_is_one_object_and_the_rest_is_on_stderr(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab_main(["digits", "--mnist", str(folder), "--epochs", "2", "--json"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["n_train"] == 200 and found["n_test"] == 40 and found["size"] == [6, 5]
    assert found["network"]["n_weights"] == 30 * 64 + 64 + 64 * 10 + 10
    for part in ("network", "encoder"):
        wrong = sum(each["times"] for each in found[part]["confusions"])
        assert found[part]["accuracies"][-1] == pytest.approx(1 - wrong / 40)
    assert "epoch  2" in captured.err


@pytest.mark.parametrize("only", ["network", "encoder"])
def test_one_of_the_two(only: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--mnist", str(folder), "--epochs", "1", "--only", only, "--json"]
    assert lab_main(["digits", *options]) == 0
    assert {"network", "encoder"} & set(json.loads(capsys.readouterr().out)) == {only}


def test_the_cost_and_the_seed_make_a_difference(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for options in ([], ["--cost", "quadratic"], ["--seed", "2"], ["--seed", "1"]):
        common = ["--mnist", str(folder), "--epochs", "1", "--only", "network", "--json"]
        assert lab_main(["digits", *common, *options]) == 0
        found.append(json.loads(capsys.readouterr().out)["network"])
    assert found[0] == found[3] and found[0]["cost"] == "cross-entropy"
    assert found[1]["cost"] == "quadratic"
    assert len({each["losses"][0] for each in found}) == 3


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--only", "encoder", "--cost", "quadratic"], 2, "--cost is for the network"),
        (["--epochs", "0"], 2, "must be a whole number from 1 to 10,000; found '0'"),
        (["--cost", "cubic"], 2, "invalid choice: 'cubic'"),
        (["--mnist", "nowhere"], 1, "nowhere: there is no such folder"),
    ],
)
def test_mistakes_are_explained(
    options: list[str], status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        assert lab_main(["digits", *options]) == status
    except SystemExit as stop:
        assert stop.code == status
    assert message in capsys.readouterr().err
