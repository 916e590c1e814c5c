"""Kernel ridge regression in closed form, with what it would say of each row without it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from scipy.spatial.distance import cdist

LINEAR, LAPLACE, GAUSS = "linear", "laplace", "gauss"
KERNELS = ((LINEAR, 1.0), (LAPLACE, 0.7), (LAPLACE, 2.8), (GAUSS, 0.7))  # width in mean distances from the mean
NEARNESS = 2  # position of the kernel that says which rows are near: the wide one of Laplace
STRENGTHS = (0.003, 0.05, 1.0, 20.0, 400.0)  # of penalties; the mean diagonal of a kernel is 1

LeftOut: TypeAlias = Mapping[tuple[int, int], np.ndarray]  # rows (set, row) of sets by (n predicted, n left out)


class RowKernels:
    """Kernels between rows and references.

    With the mean of the references subtracted from rows x and z, the linear kernel is x'z / s^2 with s^2 the mean of
    the references' |x|^2; that of Gauss is exp(-|x - z|^2 / (c s)^2); that of Laplace is exp(-|x - z|_1 / (c t)), with
    sums of absolute differences and t the mean of the references' |x|_1.

    Parameters
    ----------
    rows : ndarray of shape (n, n_inputs)
        References.
    weights : ndarray of shape (n,)
        What each counts in means; their scale does not matter.
    """

    def __init__(self, rows: np.ndarray, weights: np.ndarray) -> None:
        shares = weights / weights.sum()
        self.center = shares @ rows
        self.rows = (rows - self.center).astype(rows.dtype)
        centred = self.rows.astype(np.float64)
        self.mean_square = float(shares @ np.square(centred).sum(axis=1)) or 1.0
        self.mean_sum = float(shares @ np.abs(centred).sum(axis=1)) or 1.0

    def among(self) -> list[np.ndarray]:
        """Kernels ``(n, n)`` of the references, in double precision."""
        return [kernel for _, kernel in self._between(self.rows.astype(np.float64), range(len(KERNELS)))]

    def between(self, x: np.ndarray, wanted: Collection[int]) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the position of each kernel that is wanted, and the kernel ``(m, n)`` between ``x`` and references."""
        return self._between((x - self.center).astype(x.dtype), sorted(wanted))

    def _between(self, centred: np.ndarray, wanted: Collection[int]) -> Iterator[tuple[int, np.ndarray]]:
        references, distances = self.rows.astype(centred.dtype, copy=False), dict[str, np.ndarray]()
        for j in wanted:
            kind, width = KERNELS[j]
            if kind == LINEAR:
                yield j, centred @ references.T / self.mean_square
            elif kind == GAUSS:
                squares = cdist(centred, references, "sqeuclidean")
                yield j, np.exp(squares / (-(width**2) * self.mean_square))
            else:
                if kind not in distances:
                    distances[kind] = cdist(centred, references, "cityblock")
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
    reach = near.max(axis=1)
    sets = defaultdict(list)
    for own in np.split(order, starts[1:]):
        row = own[reach[own].argmax()]
        copies = np.flatnonzero((units == units[nearest[row]]) & (nearness[row] == reach[row]))
        sets[len(own), len(own) + len(copies)].append(np.append(own, copies))
    return {sizes: np.stack(of_sizes) for sizes, of_sizes in sets.items()}


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
    penalised = torch.from_numpy(kernel + np.diag(strength / weights))
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(penalised)).numpy()
    sums = inverse.sum(axis=0)
    intercept = sums @ targets / sums.sum()
    dual = inverse @ (targets - intercept)
    projection = inverse - np.outer(sums, sums / sums.sum())
    errors = np.empty_like(dual)
    for (n_predicted, _), sets in left_out.items():
        solved = np.linalg.solve(projection[sets[:, :, None], sets[:, None, :]], dual[sets])
        errors[sets[:, :n_predicted]] = solved[:, :n_predicted]
    return Ridge(strength, dual, intercept, targets - errors)
