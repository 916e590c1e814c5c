"""Tasks whose relatedness is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from sklearn.utils import check_random_state

Kind: TypeAlias = Literal["regression", "binary", "multiclass"]

N_WAVES = 4
N_CLASSES = 3


def make_related_tasks(
    n_samples: int = 1000,
    n_features: int = 20,
    n_tasks: int = 4,
    *,
    relatedness: float = 0.5,
    noise: float = 0.1,
    missing: float | Sequence[float] = 0.0,
    kinds: Kind | Sequence[Kind] = "regression",
    groups: int | Sequence[int] = 1,
    drift: float = 0.0,
    return_coef: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[np.ndarray, ...]:
    """Make tasks of which every two are related to a known degree.

    Each target is a wave over its own direction in the space of the features,

        y_t = w_t.x + sum_i sin(a_i w_t.x + b_i) + noise,    w_t = sqrt(p) u_0 + sqrt(1 - p) u_t,

    with orthonormal u and features from a standard normal distribution, so that the directions of any two tasks have
    cosine p, the ``relatedness``. The waves (a, b) are common to all tasks. At relatedness 1 all targets are the same
    function, and a label of one is as good as a label of any other: sharing helps, the more so the fewer labels a task
    has. At relatedness 0 the tasks have no direction in common, and shared layers are only in each other's way.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.
    n_features : int, default=20
        Number of features; at least the number of tasks and groups together (and once more the groups with a drift).
    n_tasks : int, default=4
        Number of tasks.
    relatedness : float, default=0.5
        Cosine of the directions of two tasks of a group, in [0, 1]; it is 0 between groups.
    noise : float, default=0.1
        Standard deviation of the noise, beside targets of standard deviation between 1 and 2.
    missing : float or sequence of float of length n_tasks, default=0.0
        Share of the labels that is missing, in [0, 1), of all tasks or of each.
    kinds : {"regression", "binary", "multiclass"} or sequence of these, default="regression"
        Kind of all tasks or of each. Classes are equally frequent slices of the number: 2, or 3 for "multiclass".
    groups : int or sequence of int of length n_tasks, default=1
        Number of groups, to which the tasks are dealt in turn, or the group of each task. A group has a u_0 of its own.
    drift : float, default=0.0
        Angle in radians by which u_0 has turned into a new direction at the last row, steadily from row to row.
    return_coef : bool, default=False
        Whether to return the directions too.
    random_state : int, RandomState or None, default=None
        Seed. With the same seed, features, waves and noise stay the same whatever the relatedness.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        Features.
    Y : ndarray of shape (n_samples, n_tasks)
        Numbers, or codes of classes; NaN where the label is missing.
    coef : ndarray of shape (n_tasks, n_features)
        The directions w_t at the first row; only with ``return_coef``.

    Raises
    ------
    ValueError
        If a parameter is out of its range; the message names it.

    References
    ----------
    Ma, J., Zhao, Z., Yi, X., Chen, J., Hong, L. and Chi, E. H. (2018). Modeling task relationships in multi-task
    learning with multi-gate mixture-of-experts. KDD, section 3.

    Examples
    --------
    >>> from skmtl.datasets import make_related_tasks
    >>> X, Y, coef = make_related_tasks(relatedness=0.9, n_tasks=2, missing=0.25, return_coef=True, random_state=0)
    >>> X.shape, Y.shape, round(float(coef[0] @ coef[1]), 9)
    ((1000, 20), (1000, 2), 0.9)
    """
    group = _read_groups(groups, n_tasks)
    n_groups = int(group.max()) + 1
    turns = drift != 0
    _check(n_samples, n_features, n_tasks + n_groups * (2 if turns else 1), relatedness, noise)
    shares = _per_task("missing", missing, n_tasks)
    kind_of_task = _per_task("kinds", kinds, n_tasks)
    random = check_random_state(random_state)
    X = random.standard_normal((n_samples, n_features))
    basis = _orthonormal(random, n_features)
    own, common, ahead = (basis[start:] for start in (0, n_tasks, n_tasks + n_groups))
    apart = np.sqrt(1 - relatedness) * own[:n_tasks]
    coef = np.sqrt(relatedness) * common[group] + apart
    angle = drift * np.arange(n_samples)[:, None] / max(n_samples - 1, 1)  # (n_samples, 1)
    u_0 = X @ common[:n_groups].T
    turned = np.cos(angle) * u_0 + np.sin(angle) * (X @ ahead[:n_groups].T) if turns else u_0
    numbers = _waves(random, np.sqrt(relatedness) * turned[:, group] + X @ apart.T)
    numbers += noise * random.standard_normal(numbers.shape)
    columns = [_slice(kind, column) for kind, column in zip(kind_of_task, numbers.T, strict=True)]
    Y = np.column_stack([_with_holes(random, column, share) for column, share in zip(columns, shares, strict=True)])
    return (X, Y, coef) if return_coef else (X, Y)


def _check(n_samples: int, n_features: int, directions: int, relatedness: float, noise: float) -> None:
    if n_samples < 1:
        raise ValueError(f"n_samples must be at least 1; got {n_samples!r}.")
    if n_features < directions:
        raise ValueError(
            f"n_features must be at least {directions}, one for every orthogonal direction of tasks and groups; got "
            f"{n_features!r}. Ask for more features, or for fewer tasks or groups."
        )
    if not 0 <= relatedness <= 1:
        raise ValueError(f"relatedness is a cosine between 0 and 1; got {relatedness!r}.")
    if not noise >= 0:
        raise ValueError(f"noise must be at least 0; got {noise!r}.")


def _read_groups(groups: int | Sequence[int], n_tasks: int) -> np.ndarray:
    """Group of each task."""
    if n_tasks < 1:
        raise ValueError(f"n_tasks must be at least 1; got {n_tasks!r}.")
    if isinstance(groups, int):
        if groups not in range(1, n_tasks + 1):
            raise ValueError(f"groups must be a number between 1 and n_tasks={n_tasks}; got {groups!r}.")
        return np.arange(n_tasks) % groups
    if len(groups) != n_tasks:
        raise ValueError(f"groups must name the group of each of {n_tasks} tasks; got {groups!r}.")
    found: np.ndarray = np.unique(np.asarray(groups), return_inverse=True)[1]
    return found


def _per_task(name: str, value: Any, n_tasks: int) -> list[Any]:
    values = [value] * n_tasks if isinstance(value, str) or np.ndim(value) == 0 else list(value)
    if len(values) != n_tasks:
        raise ValueError(f"{name} must be one value or one for each of {n_tasks} tasks; got {len(values)}.")
    return values


def _orthonormal(random: np.random.RandomState, n: int) -> np.ndarray:
    """Rows of a random rotation."""
    q, r = np.linalg.qr(random.standard_normal((n, n)))
    rotation: np.ndarray = (q * np.sign(np.diag(r))).T
    return rotation


def _waves(random: np.random.RandomState, along: np.ndarray) -> np.ndarray:
    """Numbers from positions ``(n_samples, n_tasks)`` along each task's direction."""
    frequency, phase = random.uniform(1, 2, N_WAVES), random.uniform(0, 2 * np.pi, N_WAVES)
    waves: np.ndarray = along + np.sin(along[:, :, None] * frequency + phase).sum(axis=2)
    return waves


def _quantile_codes(n_classes: int) -> Callable[[np.ndarray], np.ndarray]:
    def codes(column: np.ndarray) -> np.ndarray:
        ranks = column.argsort().argsort()
        sliced: np.ndarray = (ranks * n_classes // len(column)).astype(float)
        return sliced

    return codes


KINDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "regression": np.copy,
    "binary": _quantile_codes(2),
    "multiclass": _quantile_codes(N_CLASSES),
}


def _slice(kind: str, column: np.ndarray) -> np.ndarray:
    if kind not in KINDS:
        raise ValueError(f"kinds must be among {', '.join(map(repr, KINDS))}; got {kind!r}.")
    return KINDS[kind](column)


def _with_holes(random: np.random.RandomState, column: np.ndarray, share: float) -> np.ndarray:
    if not 0 <= share < 1:
        raise ValueError(f"missing is a share of the labels, at least 0 and below 1; got {share!r}.")
    holes = random.permutation(len(column)) < round(share * len(column))
    return np.where(holes, np.nan, column)
