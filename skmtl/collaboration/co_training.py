"""Peers that see different columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from skmtl.collaboration.mutual_learning import MutualLearning


class CoTraining(MutualLearning):
    """Each peer sees columns of its own, and peers learn from one another's predictions (Blum and Mitchell, 1998).

    Where each of several views of a row is enough to predict its labels, and they err apart, one view can teach the
    others on rows without labels. The peers exchange predictions by the agreement of :class:`MutualLearning`, which is
    co-regularisation (Sindhwani, Niyogi and Belkin, 2005), in place of rounds of labelling. Views are to be real ones,
    such as measurements and text about the same thing; a table cut in two at random gains little from few labels.

    Predictions are the mean over all views. Inputs are not scaled by relevance (``input_scaling``).

    Parameters
    ----------
    views : sequence of sequences of str or int
        Columns of each peer, by name or position; they may overlap. There are as many peers as views.
    strength : float, default=1.0
        Weight of the agreement on labelled cells, beside a loss of weight 1.
    unlabeled_strength : float, default=1.0
        The same on cells without a label, of which each counts one over the number of rows. Where it is not 0, rows
        without any label are kept.
    temperature : float, default=1.0
        Divisor of the outputs of classes: above 1 the unlikely classes count more.
    ramp : float in [0, 1], default=0.25
        Fraction of the training in which the strengths rise to their values.

    References
    ----------
    Blum, A. and Mitchell, T. (1998). Combining labeled and unlabeled data with co-training. COLT.

    Sindhwani, V., Niyogi, P. and Belkin, M. (2005). A co-regularization approach to semi-supervised learning with
    multiple views. ICML Workshop on Learning with Multiple Views.
    """

    target = "mean"

    def __init__(
        self,
        views: Any = None,
        strength: float = 1.0,
        unlabeled_strength: float = 1.0,
        temperature: float = 1.0,
        ramp: float = 0.25,
    ) -> None:
        self.views = views
        self.strength, self.unlabeled_strength = strength, unlabeled_strength
        self.temperature, self.ramp = temperature, ramp

    @property
    def peers(self) -> int:
        """Number of views."""
        return len(self.views)

    def check(self) -> None:
        """Check the settings; see :meth:`Collaboration.check`."""
        views = () if isinstance(self.views, str) or not hasattr(self.views, "__len__") else self.views
        if len(views) < 2 or not all(isinstance(view, Iterable) for view in views):
            raise ValueError(
                f"{self.label('views')} must be two lists of columns or more, such as [['a', 'b'], ['c', 'd']]; got "
                f"{self.views!r}."
            )
        super().check()

    def check_peers(self, n_peers: int) -> None:
        """Check that there is a peer for each view; see :meth:`Collaboration.check_peers`."""
        if n_peers != self.peers:
            raise ValueError(
                f"collaboration=CoTraining needs a peer for each of its {self.peers} views; got n_peers={n_peers}. "
                f"Leave it 'auto'."
            )

    def columns_seen(self, n_columns: int, names: Sequence[Any] | None) -> np.ndarray:
        """Columns of each view; see :meth:`Collaboration.columns_seen`."""
        positions: dict[Any, int] = {} if names is None else {name: k for k, name in enumerate(names)}
        seen = np.zeros((self.peers, n_columns), dtype=bool)
        for peer, view in enumerate(self.views):
            for column in [view] if isinstance(view, str) else view:
                seen[peer, self._position(column, n_columns, positions)] = True
        empty = np.flatnonzero(~seen.any(axis=1))
        if len(empty):
            raise ValueError(f"{self.label('views')} must hold a column or more each; view {empty[0]} is empty.")
        return seen

    def _position(self, column: Any, n_columns: int, positions: Mapping[Any, int]) -> int:
        if column in positions:
            return positions[column]
        if isinstance(column, int | np.integer) and -n_columns <= column < n_columns:
            return int(column)
        names = f"names of columns such as {next(iter(positions))!r}, or " if positions else ""
        raise ValueError(
            f"{self.label('views')} names {column!r}, which is no column of X. Give {names}positions from 0 to "
            f"{n_columns - 1}."
        )
