"""Kernel ridge regression in closed form, with what it would say of each row without it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from scipy.spatial.distance import cdist

from skmtl.encoders._scaling import unclip

LINEAR, LAPLACE, GAUSS, UNCLIPPED = "linear", "laplace", "gauss", "unclipped"
# Width in mean distances from the mean
KERNELS = ((LINEAR, 1.0), (LAPLACE, 0.7), (LAPLACE, 2.8), (GAUSS, 0.7), (UNCLIPPED, 1.0))
SCALED = tuple(j for j, (kind, _) in enumerate(KERNELS) if kind in (LAPLACE, GAUSS))  # positions of those with a scale
STRENGTHS = (0.003, 0.05, 1.0, 20.0, 400.0)  # of penalties; the mean diagonal of a kernel is 1

LeftOut: TypeAlias = Mapping[tuple[int, int], np.ndarray]  # rows (set, row) of sets by (n predicted, n left out)


class RowKernels:
    """Kernels between rows and references.

    With the mean of the references subtracted from rows x and z, the linear kernel is x'z / s^2 with s^2 the mean of
    the references' |x|^2. There is a second one for numbers that are clipped: they are standardised as they were
    before, no further than the references go. In the others, inputs are multiplied by a scale: that of Gauss is
    exp(-|x - z|^2 / (c s)^2); that of Laplace is exp(-|x - z|_1 / (c t)), with sums of absolute differences and t the
    mean of the references' |x|_1.

    Parameters
    ----------
    rows : ndarray of shape (n, n_inputs)
        References.
    weights : ndarray of shape (n,)
        What each counts in means; their scale does not matter.
    bounds : ndarray of shape (n_inputs,), optional
        Of the inputs, see :meth:`Encoder.plain_bounds`; by default none is clipped.
    scale : ndarray of shape (n_inputs,), optional
        Factors of the inputs, up to a common one; by default all are alike.
    """

    scale: np.ndarray | float = 1.0  # by which the mean of |x|^2 stays the same

    def __init__(
        self,
        rows: np.ndarray,
        weights: np.ndarray,
        bounds: np.ndarray | None = None,
        scale: np.ndarray | None = None,
    ) -> None:
        shares = weights / weights.sum()
        self.center = shares @ rows
        self.rows = (rows - self.center).astype(rows.dtype)
        centred = self.rows.astype(np.float64)
        self.mean_square = float(shares @ np.square(centred).sum(axis=1)) or 1.0
        if scale is not None:
            scaled_square = float(shares @ np.square(centred * scale).sum(axis=1)) or 1.0
            self.scale = scale * np.sqrt(self.mean_square / scaled_square)
        self.mean_sum = float(shares @ np.abs(centred * self.scale).sum(axis=1)) or 1.0
        self.bounds = np.full(rows.shape[1], np.inf) if bounds is None else bounds
        straight = unclip(centred + self.center, self.bounds)
        self.low, self.high, self.mean = straight.min(axis=0), straight.max(axis=0), shares @ straight
        deviation = np.sqrt(shares @ np.square(straight - self.mean))
        self.deviation = np.where(np.isfinite(self.bounds) & (deviation > 0), deviation, 1.0)
        self.mean_straight_square = float(shares @ np.square(self._straight(centred)).sum(axis=1)) or 1.0

    @property
    def scaled(self) -> np.ndarray:
        """References with all inputs in the scale, ``(n, n_inputs)``, in double precision."""
        scaled: np.ndarray = self.rows * self.scale
        return scaled

    @property
    def straight(self) -> np.ndarray:
        """References with numbers as they were before they were clipped, ``(n, n_inputs)``, in double precision."""
        return self._straight(self.rows.astype(np.float64))

    def _straight(self, centred: np.ndarray) -> np.ndarray:
        straight = unclip(centred + self.center, self.bounds).clip(self.low, self.high)
        standardised: np.ndarray = (straight - self.mean) / self.deviation
        return standardised

    def nearness(self) -> np.ndarray:
        """Minus the sums ``(n, n)`` of absolute differences between references, all inputs alike."""
        rows = self.rows.astype(np.float64)
        nearness: np.ndarray = -cdist(rows, rows, "cityblock")
        return nearness

    def among(self, wanted: Collection[int] = range(len(KERNELS))) -> list[np.ndarray]:
        """Kernels ``(n, n)`` of the references, in double precision."""
        return [kernel for _, kernel in self._between(self.rows.astype(np.float64), wanted)]

    def between(self, x: np.ndarray, wanted: Collection[int]) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the position of each kernel that is wanted, and the kernel ``(m, n)`` between ``x`` and references."""
        return self._between((x - self.center).astype(x.dtype), sorted(wanted))

    def _between(self, centred: np.ndarray, wanted: Collection[int]) -> Iterator[tuple[int, np.ndarray]]:
        references, distances = self.rows.astype(centred.dtype, copy=False), dict[str, np.ndarray]()
        x, z = ((rows * self.scale).astype(centred.dtype) for rows in (centred, references))
        for j in wanted:
            kind, width = KERNELS[j]
            if kind == LINEAR:
                yield j, centred @ references.T / self.mean_square
            elif kind == UNCLIPPED:
                yield j, self._straight(centred) @ self.straight.T / self.mean_straight_square
            elif kind == GAUSS:
                yield j, np.exp(cdist(x, z, "sqeuclidean") / (-(width**2) * self.mean_square))
            else:
                if kind not in distances:
                    distances[kind] = cdist(x, z, "cityblock")
                yield j, np.exp(distances[kind] / (-width * self.mean_sum))


class Ridge(NamedTuple):
    """Kernel ridge regressions of columns of targets.

    Attributes
    ----------
    strength : float
        Of the penalty.
    dual : ndarray of shape (n, n_columns)
        Coefficients of the kernel.
    intercept : ndarray of shape (n_columns,)
        Not penalised.
    left_out : ndarray of shape (n, n_columns)
        Predictions of the rows, each by those that are not left out with it.
    """

    strength: float
    dual: np.ndarray
    intercept: np.ndarray
    left_out: np.ndarray


def sets_left_out(nearness: np.ndarray, units: np.ndarray) -> LeftOut:
    """Rows of each unit with the nearest row of another unit, which may be nearly a copy.

    Rows of new persons or things have no near copies among the training rows, whatever these have of one another.
    Where no rows are near copies, one more row left out changes little.

    Parameters
    ----------
    nearness : ndarray of shape (n, n)
        The larger, the nearer are two rows.
    units : ndarray of shape (n,)
        Equal for rows that tell of one another. There are two or more units.

    Returns
    -------
    dict of (int, int) to ndarray of shape (n_sets, n_left_out)
        Rows that are left out together, of which the first ones are those of a unit. The keys are the number of these
        and that of all. Copies of the nearest row in its own unit are left out, too.
    """
    order = np.argsort(units, kind="stable")  # by which ties are broken: of equally near units the first is taken
    starts = np.flatnonzero(np.diff(units[order], prepend=units[order[0]] - 1))
    near = np.where(units[:, None] == units[order], -np.inf, nearness[:, order])
    nearest = order[near.argmax(axis=1)]
    if len(starts) == len(units):
        return {(1, 2): np.column_stack([np.arange(len(units)), nearest])}
    nearest, reach = units[nearest], near.max(axis=1)
    rows = np.lexsort((-reach, units))[starts]  # that of each unit which is nearest to another unit
    copies = (units == nearest[rows, None]) & (nearness[rows] == reach[rows, None])
    n_own, n_copies, copied = np.diff(starts, append=len(units)), copies.sum(axis=1), np.nonzero(copies)[1]
    first_copies, sizes = np.cumsum(n_copies) - n_copies, np.column_stack([n_own, n_own + n_copies])
    sets = dict[tuple[int, int], np.ndarray]()
    for n_predicted, n_left_out in set(map(tuple, sizes.tolist())):
        of_size = (sizes == (n_predicted, n_left_out)).all(axis=1)
        own = order[starts[of_size, None] + np.arange(n_predicted)]
        others = copied[first_copies[of_size, None] + np.arange(n_left_out - n_predicted)]
        sets[n_predicted, n_left_out] = np.hstack([own, others])
    return sets


def kernel_ridge(
    kernel: np.ndarray, targets: np.ndarray, weights: np.ndarray, left_out: LeftOut, strength: float
) -> Ridge:
    """Minimise weighted squared errors plus ``strength`` times the squared norm of the function.

    With G = (K + strength W^-1)^-1 and P = G - G 1 1' G / (1' G 1) the dual coefficients are P y. The errors about
    rows u, by the regression on all others, are P_uu^-1 (P y)_u.

    Parameters
    ----------
    kernel : ndarray of shape (n, n)
        Of the rows.
    targets : ndarray of shape (n, n_columns)
        Numbers.
    weights : ndarray of shape (n,)
        Positive.
    left_out : dict of (int, int) to ndarray of shape (n_sets, n_left_out)
        What is left out with each row, as :func:`sets_left_out` gives it.
    strength : float
        Of the penalty, positive.

    Returns
    -------
    Ridge
        The regressions.
    """
    penalised = kernel.copy()
    penalised[np.diag_indices_from(penalised)] += strength / weights
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(torch.from_numpy(penalised))).numpy()
    sums = inverse.sum(axis=0)
    shares = sums / sums.sum()
    intercept = sums @ targets / sums.sum()
    dual = inverse @ (targets - intercept)
    errors = np.empty_like(dual)
    for (n_predicted, _), sets in left_out.items():
        u, v = sets[:, :, None], sets[:, None, :]
        projections = inverse[u, v] - sums[u] * shares[v]
        solved = pseudoinverse(projections) @ dual[sets]  # singular where nothing is left to predict by
        errors[sets[:, :n_predicted]] = solved[:, :n_predicted]
    return Ridge(strength, dual, intercept, targets - errors)


def pseudoinverse(matrices: np.ndarray) -> np.ndarray:
    """Of symmetric positive semidefinite matrices ``(n, k, k)``; pairs, of which there are most, in closed form."""
    if matrices.shape[1] != 2:
        general: np.ndarray = np.linalg.pinv(matrices, hermitian=True)
        return general
    a, b, c = matrices[:, 0, 0], matrices[:, 0, 1], matrices[:, 1, 1]
    determinant, largest = a * c - b * b, (a + c) / 2 + np.hypot((a - c) / 2, b)  # the latter an eigenvalue
    regular = determinant > 1e-15 * largest**2
    adjugate = np.stack([c, -b, -b, a], axis=1).reshape(-1, 2, 2)
    divisor = np.where(regular, determinant, np.where(largest > 0, largest**2, 1.0))
    of_pairs: np.ndarray = np.where(regular[:, None, None], adjugate, matrices) / divisor[:, None, None]
    return of_pairs
