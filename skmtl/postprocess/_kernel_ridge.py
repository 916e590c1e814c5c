"""Kernel ridge regression in closed form, with what it would say of each row without it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple, Self

import numpy as np
import torch
from scipy.spatial.distance import cdist

LINEAR, LAPLACE, GAUSS = "linear", "laplace", "gauss"
KERNELS = ((LINEAR, 1.0), (LAPLACE, 0.7), (LAPLACE, 2.8), (GAUSS, 0.7))  # width in mean distances from the mean
STRENGTHS = (0.003, 0.05, 1.0, 20.0, 400.0)  # of penalties; the mean diagonal of a kernel is 1


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
        Predictions of the rows, each by the others that are not of its unit.
    """

    strength: float
    dual: np.ndarray
    intercept: np.ndarray
    left_out: np.ndarray

    def of_columns(self, columns: slice) -> Self:
        """Some of the regressions."""
        return self._replace(
            dual=self.dual[:, columns], intercept=self.intercept[columns], left_out=self.left_out[:, columns]
        )


def kernel_ridge(
    kernel: np.ndarray, targets: np.ndarray, weights: np.ndarray, units: np.ndarray, strength: float
) -> Ridge:
    """Minimise weighted squared errors plus ``strength`` times the squared norm of the function.

    With G = (K + strength W^-1)^-1 and P = G - G 1 1' G / (1' G 1) the dual coefficients are P y. The errors about the
    rows u of a unit, by the regression on all others, are P_uu^-1 (P y)_u.

    Parameters
    ----------
    kernel : ndarray of shape (n, n)
        Of the rows.
    targets : ndarray of shape (n, n_columns)
        Numbers.
    weights : ndarray of shape (n,)
        Positive.
    units : ndarray of shape (n,)
        Equal for rows that are left out together.
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
    errors = dual / np.diag(projection)[:, None]
    numbers, counts = np.unique(units, return_inverse=True, return_counts=True)[1:]
    for unit in np.flatnonzero(counts > 1):
        own = np.flatnonzero(numbers == unit)
        errors[own] = np.linalg.solve(projection[np.ix_(own, own)], dual[own])
    return Ridge(strength, dual, intercept, targets - errors)
