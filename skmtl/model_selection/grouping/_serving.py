"""Which network serves each task: chosen on some folds and judged on the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skmtl.model_selection.grouping._choice import choose_task_groups
from skmtl.model_selection.grouping._gains import FoldGains, lower_bound
from skmtl.model_selection.grouping._smoothing import smoothed_gains


@dataclass(frozen=True)
class Verification:
    """A proposed group and what other folds say of it.

    Attributes
    ----------
    subset : int
        Index of the subset.
    served : ndarray of int
        Indices of the tasks that its network would serve.
    gain : float
        Mean gain of these tasks over the nets that would serve them else, on folds that did not choose.
    low : float
        Lower confidence bound of the gain.
    """

    subset: int
    served: np.ndarray
    gain: float
    low: float


@dataclass(frozen=True)
class Decision:
    """Networks that serve the tasks.

    Attributes
    ----------
    serving : ndarray of shape (n_tasks,), int
        Index of the subset whose network serves each task.
    predicted_gain : ndarray of shape (n_tasks,)
        Smoothed gain of each task over the task alone, on the folds that chose its network.
    verified_gain : ndarray of shape (n_tasks,)
        The same of the choice repeated without each fold and judged on that fold.
    verifications : list of Verification
        Of the groups that were proposed.
    """

    serving: np.ndarray
    predicted_gain: np.ndarray
    verified_gain: np.ndarray
    verifications: list[Verification]


def decide(table: FoldGains, pools: np.ndarray, n_networks: int, min_gain: float, confidence: float) -> Decision:
    """Choose groups, verify them on folds that did not choose them, and fall back where they fail.

    Every choice is made once with all folds and once without each of them. The first is one kind of net for all tasks,
    single nets or the net of all tasks. The better of the two for each task, then 1 to ``n_networks`` groups beside
    them, take its place where they gain on the folds left out with this confidence. Tasks of groups that are not
    verified, and those that lose by theirs with this confidence, keep the net that they had before.

    Parameters
    ----------
    table : FoldGains
        Of all subsets that were measured.
    pools : ndarray of shape (n_folds + 1, n_subsets), bool
        Subsets that may be chosen without each fold and, in the last row, with all.
    n_networks : int
        Most groups.
    min_gain : float
        What the lower bound of a group's gain must exceed.
    confidence : float
        Of the lower bounds of all groups together (Bonferroni).
    """

    def gains_on(more: _Judged, less: _Judged) -> bool:
        return lower_bound(_mean(more.gains - less.gains), table.test_ratio, confidence) > 0

    expected = _expected(table, pools)
    single, joint, mixed = (
        _Judged.choose(table, np.where(own[:, None], expected, np.nan), 0)
        for own in (table.is_single, table.is_joint, table.is_reference)
    )
    before = joint if np.nanmean(joint.gains) > np.nanmean(single.gains) else single
    before = mixed if gains_on(mixed, before) else before
    best = before
    for k in range(1, min(n_networks, int((pools[-1] & ~table.is_reference).sum())) + 1):
        more = _Judged.choose(table, expected, k)
        best = more if gains_on(more, best) else best
    serving, gains = before.serving.copy(), before.gains.copy()
    proposed = np.setdiff1d(best.serving, np.flatnonzero(table.is_reference))
    verifications = []
    for subset in proposed:
        served = np.flatnonzero(best.serving == subset)
        gain = _mean(best.gains[:, served] - before.gains[:, served])
        low = lower_bound(gain, table.test_ratio, 1 - (1 - confidence) / len(proposed))
        verifications.append(Verification(int(subset), served, float(gain.mean()), low))
        for task in served.tolist() if low > min_gain else ():
            if not lower_bound(_known(before.gains - best.gains, task), table.test_ratio, confidence) > 0:
                serving[task], gains[:, task] = subset, best.gains[:, task]
    predicted = expected[-1, serving, np.arange(len(serving))]
    return Decision(serving, predicted, np.nanmean(gains, axis=0), verifications)


@dataclass(frozen=True)
class _Judged:
    """A choice with all folds, and what each fold says of the choice without it.

    Attributes
    ----------
    serving : ndarray of shape (n_tasks,), int
        Index of the subset that serves each task.
    gains : ndarray of shape (n_folds, n_tasks)
        Gain on each fold by the subset that was chosen without it.
    """

    serving: np.ndarray
    gains: np.ndarray

    @classmethod
    def choose(cls, table: FoldGains, expected: np.ndarray, n_groups: int) -> _Judged:
        """Choose by the gains expected without each fold and by all, ``(n_folds + 1, n_subsets, n_tasks)``."""
        *servings, serving = (_serve(gains, table.is_reference, n_groups) for gains in expected)
        folds, tasks = np.indices((table.n_folds, len(serving)))
        return cls(serving, table.gains[np.array(servings), folds, tasks])


def _expected(table: FoldGains, pools: np.ndarray) -> np.ndarray:
    """Smoothed gains without each fold and by all, ``(n_folds + 1, n_subsets, n_tasks)``; NaN outside the pools."""
    expected = np.full((len(pools), *table.members.shape), np.nan)
    parts = [*(table.without(fold) for fold in range(table.n_folds)), table]
    for gains, part, pool in zip(expected, parts, pools, strict=True):
        gains[pool] = smoothed_gains(part.of_subsets(pool))
    return expected


def _serve(gains: np.ndarray, is_reference: np.ndarray, n_groups: int) -> np.ndarray:
    """Index of the subset that serves each task, ``(n_tasks,)``, with at most ``n_groups`` groups.

    Single tasks and all tasks are no groups: they serve wherever they are best. Subsets without gains serve no one.
    """
    if n_groups == 0:
        best: np.ndarray = np.where(is_reference[:, None] & ~np.isnan(gains), gains, -np.inf).argmax(axis=0)
        return best
    return choose_task_groups(-gains, n_groups, np.where(is_reference, 0.0, 1.0)).serving


def _mean(gains: np.ndarray) -> np.ndarray:
    """Mean over the tasks that have labels on a fold, ``(n_folds, n_tasks) -> (n_folds,)``."""
    means: np.ndarray = np.nanmean(gains, axis=1)
    return means


def _known(gains: np.ndarray, task: int) -> np.ndarray:
    """Gains of a task on the folds that have labels of it, ``(n_folds, n_tasks) -> (n_known,)``."""
    known: np.ndarray = gains[~np.isnan(gains[:, task]), task]
    return known
