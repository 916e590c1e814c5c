"""How long it is learned which inputs matter, and how many of them are read."""

from __future__ import annotations

from collections.abc import Sequence

EPOCHS_FRACTION = 0.2  # of the epochs, in each round
REFERENCE_WIDTH = 256  # of two layers or more, which find in this time what matters
READ_FRACTION, MIN_READ = 0.25, 100  # of many inputs, those that matter most


def relevance_epochs(max_iter: int, hidden_layer_sizes: Sequence[int]) -> int:
    """Epochs of each of the runs ahead: more for networks that learn slowly, where inputs may matter late."""
    fraction = EPOCHS_FRACTION
    if hidden_layer_sizes:
        slowness = REFERENCE_WIDTH / max(hidden_layer_sizes) * (2 if len(hidden_layer_sizes) == 1 else 1)
        fraction = min(EPOCHS_FRACTION * max(slowness, 1.0), 1.0)
    return max(round(fraction * max_iter), 1)


def n_inputs_read(n_inputs: int) -> int | None:
    """How many inputs are worth reading; None for all. The same for every member, so that it is what it is alone."""
    n_read = max(round(READ_FRACTION * n_inputs), MIN_READ)
    return n_read if n_read < n_inputs else None
