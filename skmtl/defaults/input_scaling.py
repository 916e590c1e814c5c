"""How long it is learned which inputs matter, and how many of them are read.

Docstrings name the constants in braces; the page of the defaults fills them in.
"""

from __future__ import annotations

from collections.abc import Sequence

EPOCHS_FRACTION = 0.2
REFERENCE_WIDTH = 256
READ_FRACTION, MIN_READ = 0.25, 100


def relevance_epochs(max_iter: int, hidden_layer_sizes: Sequence[int]) -> int:
    """The scale is learned in two runs ahead of the real one, which take {EPOCHS_FRACTION} of its epochs each.

    More where the widest layer has fewer than {REFERENCE_WIDTH} units or is the only one: networks that learn slowly
    find out late which inputs matter.
    """
    fraction = EPOCHS_FRACTION
    if hidden_layer_sizes:
        slowness = REFERENCE_WIDTH / max(hidden_layer_sizes) * (2 if len(hidden_layer_sizes) == 1 else 1)
        fraction = min(EPOCHS_FRACTION * max(slowness, 1.0), 1.0)
    return max(round(fraction * max_iter), 1)


def n_inputs_read(n_inputs: int) -> int | None:
    """Then each member reads {READ_FRACTION} of its encoded inputs, those that matter most, but at least {MIN_READ}.

    All members read as many, so that a member is what it would be alone.
    """
    n_read = max(round(READ_FRACTION * n_inputs), MIN_READ)
    return n_read if n_read < n_inputs else None
