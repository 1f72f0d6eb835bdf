"""Handwritten digits, read by the Transformer's encoder: every row of pixels is a token.

A linear layer makes d_model numbers of a row of pixels, as the embedding does of a word. After
that there is no difference any more between a row of pixels and a word: positions and encoder are
those that translate, and cannot tell.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..config import ModelConfig
from ..model.embedding import sinusoidal_positions
from ..model.encoder_decoder import Encoder
from ..model.initialisation import initialise
from ..model.layout import Padded
from .digits import N_CLASSES, AfterEpoch, Digits, Progress

SMALL = ModelConfig(d_model=64, d_ff=128, n_heads=4, n_encoder_layers=2)

BATCH_SIZE, LEARNING_RATE = 32, 2e-3


class DigitReader(nn.Module):
    """Embedding of rows + positions, encoder, mean over the rows, linear.

    Args:
        config: sizes and choices of the encoder.
        n_columns: pixels in a row.
    """

    def __init__(self, config: ModelConfig, n_columns: int) -> None:
        super().__init__()
        self.embedding = nn.Linear(n_columns, config.d_model)
        self.encoder = Encoder(config)
        self.output = nn.Linear(config.d_model, N_CLASSES)
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, rows, columns) → logits, (batch, 10)."""
        n_rows = images.size(1)
        x = self.embedding(images)  # (batch, rows, columns) → (batch, rows, d_model)
        x = x + sinusoidal_positions(n_rows, x.size(2))
        x = self.encoder(x, Padded(n_rows))  # without a mask: no digit has fewer rows
        return self.output(x.mean(dim=1))  # (batch, rows, d_model) → (batch, 10)

    @torch.no_grad()
    def read(self, images: Tensor) -> list[int]:
        """What each image, (n, rows, columns), is taken for."""
        before = self.training
        self.eval()
        digits = [digit for part in images.split(1000) for digit in self(part).argmax(1).tolist()]
        self.train(before)
        return digits


def train_reader(
    digits: Digits,
    *,
    epochs: int,
    seed: int,
    config: ModelConfig = SMALL,
    after_epoch: AfterEpoch = lambda progress: None,
) -> tuple[DigitReader, Progress]:
    """A reader learns, by cross-entropy and by Adam, whose learning rate falls to zero.

    Args:
        digits: to train on, and to test with.
        epochs: how often it sees each training image.
        seed: for torch, which draws the first weights, the order of the images, and dropout.
        config: sizes and choices of the encoder.
        after_epoch: hears how well it reads by now.
    """
    torch.manual_seed(seed)
    images, labels = torch.from_numpy(digits.train_images), torch.from_numpy(digits.train_labels)
    test_images = torch.from_numpy(digits.test_images)
    model, progress = DigitReader(config, images.size(2)), Progress()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    n_steps = epochs * math.ceil(len(images) / BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, n_steps)
    for _ in range(epochs):
        loss_sum = 0.0
        for chosen in torch.randperm(len(images)).split(BATCH_SIZE):
            loss = F.cross_entropy(model(images[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            loss_sum += loss.item() * len(chosen)
        progress.losses.append(loss_sum / len(images))
        progress.read = model.read(test_images)
        progress.accuracies.append(float(np.mean(digits.test_labels == progress.read)))
        after_epoch(progress)
    return model, progress
