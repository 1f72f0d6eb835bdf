"""Figures for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
TEXTS = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """What is counted: requests, how long they take, texts, batches.

    Args:
        n_waiting: tells how many texts wait.
    """

    def __init__(self, n_waiting: Callable[[], int]) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "transformer_requests",
            "Answered requests.",
            ["path", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "transformer_request_seconds",
            "From the arrival of a request to its answer.",
            ["path"],
            buckets=SECONDS,
            registry=registry,
        )
        self.texts = Counter("transformer_texts", "Translated texts.", registry=registry)
        self.characters = Counter(
            "transformer_characters", "Characters of translated texts.", registry=registry
        )
        self.batch_texts = Histogram(
            "transformer_batch_texts",
            "Texts that are searched for together.",
            buckets=TEXTS,
            registry=registry,
        )
        waiting = Gauge("transformer_waiting_texts", "Texts in the queue.", registry=registry)
        waiting.set_function(n_waiting)

    def written(self) -> bytes:
        """All of it, in the text format."""
        return generate_latest(self._registry)
