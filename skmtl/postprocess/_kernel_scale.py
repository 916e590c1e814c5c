"""How much each input counts in the distances of kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from skmtl.defaults import MIN_UNITS
from skmtl.postprocess._cross_fitting import N_FOLDS
from skmtl.postprocess._kernel_ridge import KERNELS, LAPLACE, STRENGTHS, Ridge, RowKernels
from skmtl.postprocess._regressions import Strengths, best_of, regressions, systems_left_out, systems_of
from skmtl.postprocess._shares import TaskTargets

NARROW = KERNELS.index((LAPLACE, 0.7))
ROUNDS = 5
N_PRIOR = 60  # labels that say that all inputs count alike
LEARNING_ROWS = 400  # more would take longer, and tell little more of so few factors
MAX_ROWS = 200  # at which derivatives are taken; a mean over more would hardly differ


def learn_scale(rows: np.ndarray, weights: np.ndarray, targets: Sequence[TaskTargets]) -> np.ndarray:
    """Factors of the inputs by which a kernel ridge regression predicts rows left out best.

    A recursive feature machine (Radhakrishnan et al., 2024) with a diagonal matrix: each input is multiplied by the
    root mean square of the regression's derivative by it, and the regression is made anew, as long as that lowers the
    leave-one-out error. Its kernel is the narrow one of Laplace. The fewer labels there are, the nearer to one
    another are the factors. Of many rows, some are drawn.

    Parameters
    ----------
    rows : ndarray of shape (n, n_inputs)
        Inputs.
    weights : ndarray of shape (n,)
        What each row counts in means.
    targets : sequence of TaskTargets
        All tasks count alike, whatever their units.

    Returns
    -------
    ndarray of shape (n_inputs,)
        Factors.

    References
    ----------
    Radhakrishnan, A., Beaglehole, D., Pandit, P. and Belkin, M. (2024). Mechanism for feature learning in neural
    networks and backpropagation-free machine learning models. Science 383, 1461-1467.
    """
    if len(rows) > LEARNING_ROWS:
        return _learned_from(rows, weights, targets, _some_of(len(rows)))
    systems = systems_left_out(RowKernels(rows, weights).nearness(), targets)
    n_labels = sum(target.n_units for target in targets)
    strengths: Strengths = {target.index: [STRENGTHS] for target in targets}
    scale = best = np.ones(rows.shape[1])
    least = np.inf
    for _ in range(1 + ROUNDS):
        kernels = RowKernels(rows, weights, scale=scale)
        kernel = kernels.among([NARROW])[0]
        tried = regressions([kernel], systems, strengths)
        ridges = {target.index: best_of(target, tried[target.index][0]) for target in targets}
        strengths = {index: [[ridge.strength]] for index, ridge in ridges.items()}
        error = sum(t.squared_errors(ridges[t.index].left_out[t.seen]).sum() / t.variance for t in targets)
        if error >= least:
            break
        least, best = error, scale
        squares = np.square(scale * _slopes(kernels.scaled, kernel, targets, ridges))
        if not squares.any():
            break
        scale = np.sqrt((n_labels * squares / squares.mean() + N_PRIOR) / (n_labels + N_PRIOR))
    return best


def choose_strengths(
    rows: np.ndarray, weights: np.ndarray, bounds: np.ndarray, scale: np.ndarray, targets: Sequence[TaskTargets]
) -> Strengths:
    """Penalties of each task and kernel that are worth a regression on all rows.

    Of many rows, some are drawn and tell the best one; a task of which they have too few labels keeps all.
    """
    every: dict[int, list[Sequence[float]]] = {target.index: [STRENGTHS] * len(KERNELS) for target in targets}
    if len(rows) <= LEARNING_ROWS:
        return every
    kept = _some_of(len(rows))
    told, kernels = _told_by(targets, kept), RowKernels(rows[kept], weights[kept], bounds, scale)
    tried = regressions(kernels.among(), systems_left_out(kernels.nearness(), told), every)
    return every | {t.index: [[best_of(t, own).strength] for own in tried[t.index]] for t in told}


def crossed_scales(
    rows: np.ndarray, weights: np.ndarray, targets: Sequence[TaskTargets], folds: np.ndarray
) -> list[np.ndarray]:
    """Factors of the inputs for each of the ``N_FOLDS`` folds of rows, learned from the other ones.

    A scale that has seen a label tells of it: where there are many inputs and few rows, some of them follow any labels.
    """
    return [_learned_from(rows, weights, targets, folds != fold) for fold in range(N_FOLDS)]


def _learned_from(
    rows: np.ndarray, weights: np.ndarray, targets: Sequence[TaskTargets], kept: np.ndarray
) -> np.ndarray:
    """Factors of the inputs that the rows of a mask tell; all 1 where they have too few labels."""
    told = _told_by(targets, kept)
    return learn_scale(rows[kept], weights[kept], told) if told else np.ones(rows.shape[1])


def _told_by(targets: Sequence[TaskTargets], kept: np.ndarray) -> list[TaskTargets]:
    """Targets of the rows of a mask, of tasks of which these have enough labels."""
    among = [target.among(kept) for target in targets if kept[target.seen].any()]
    return [t for t in among if t.n_units >= MIN_UNITS and (t.truth != t.truth[0]).any()]


def _some_of(n_rows: int) -> np.ndarray:
    """Mask of the rows to learn from where they are many."""
    kept: np.ndarray = np.random.default_rng(0).permutation(n_rows) < LEARNING_ROWS
    return kept


def _slopes(
    rows: np.ndarray, kernel: np.ndarray, targets: Sequence[TaskTargets], ridges: Mapping[int, Ridge]
) -> np.ndarray:
    """Root mean square of the regressions' derivatives by each input of scaled rows, ``(n_inputs,)``, in any unit."""
    total = np.zeros(rows.shape[1])
    for system in systems_of(targets):
        seen, weights = system[0].seen, system[0].weights
        few = np.random.default_rng(0).permutation(len(seen))[:MAX_ROWS]
        dual = np.hstack([ridges[target.index].dual / (target.unit * np.sqrt(target.variance)) for target in system])
        own = kernel[np.ix_(seen[few], seen)]
        for k, column in enumerate(rows[seen].T):
            slopes = (np.sign(column[few, None] - column) * own) @ dual
            total[k] += weights[few] / weights[few].sum() @ np.square(slopes).sum(axis=1)
    root: np.ndarray = np.sqrt(total)
    return root
