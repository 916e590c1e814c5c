"""What test rows make of the differences of a task's errors: closed forms, groups and weights."""

from dataclasses import replace

import numpy as np
import pytest

from skmtl.inspection._row_noise import NO_ROW_NOISE, row_noise
from skmtl.model_selection._subset_measurements import SubsetMeasurements

N_ROWS, N_SPLITS = 24, 4
RANDOM = np.random.default_rng(0)
LOSSES = RANDOM.gamma(2, size=(3, 1, 2 * N_ROWS))  # both tasks in turn


def measure(losses=LOSSES, degree=1, n_rows=N_ROWS):
    """Of two tasks alone and together, the rows dealt to the splits in turn."""
    parts = [np.arange(n_rows)[start::N_SPLITS] for start in range(N_SPLITS)]
    matrix = losses[:, 0].reshape(3, n_rows, 2)
    return SubsetMeasurements(
        task_names=["a", "b"],
        subsets=[(0,), (1,), (0, 1)],
        scores=np.stack([matrix[:, part].mean(axis=1) for part in parts], axis=1) ** (1 / degree),
        greater_is_better=np.zeros(2, dtype=bool),
        repeat_of_split=np.zeros(N_SPLITS, dtype=int),
        n_train=np.full((N_SPLITS, 2), n_rows - len(parts[0])),
        n_test=np.full((N_SPLITS, 2), len(parts[0])),
        cells=(np.repeat(np.arange(n_rows), 2), np.tile([0, 1], n_rows)),
        cell_weights=np.ones(2 * n_rows),
        cell_losses=losses,
        degrees=np.full(2, degree),
        test_rows=parts,
        unit_of_row=np.arange(n_rows),
    )


@pytest.mark.parametrize("degree", [1, 2])
def test_it_is_the_variance_of_a_ratio_of_means_by_first_derivatives(degree):
    measured = measure(degree=degree)
    alone, together = LOSSES[0, 0, ::2], LOSSES[2, 0, ::2]
    reference, other = measured.scores[[0, 2], :, 0].mean(axis=1)
    variances = []
    for part in measured.test_rows:
        slopes = [losses[part].mean() ** (1 / degree - 1) / degree for losses in (together, alone)]
        linear = (slopes[0] * together[part] - other / reference * slopes[1] * alone[part]) / reference
        variances.append(linear.var(ddof=1) / len(part))
    noise = row_noise(measured, 0, 0, 2)
    assert noise.variance == pytest.approx(np.mean(variances))
    assert noise.parts == N_SPLITS


def test_networks_with_the_same_losses_have_no_noise():
    assert row_noise(measure(LOSSES[[0, 1, 0]]), 0, 0, 2).variance == pytest.approx(0, abs=1e-30)
    assert row_noise(measure(np.broadcast_to([[[1.0]], [[1.0]], [[0.0]]], LOSSES.shape)), 0, 0, 2).variance == 0


def test_a_row_twice_is_a_group_or_a_weight_of_2():
    once = measure()
    twice = measure(np.repeat(LOSSES.reshape(3, 6, 4, 2), 2, axis=1).reshape(3, 1, -1), n_rows=2 * N_ROWS)
    groups = np.repeat(np.arange(6), 2)[:, None] * 4 + np.arange(4)
    grouped = replace(twice, unit_of_row=groups.ravel())
    assert row_noise(grouped, 1, 1, 2) == pytest.approx(row_noise(once, 1, 1, 2))
    weights = np.where(np.arange(N_ROWS) % 3 == 0, 2.0, 1.0)
    weighted = replace(once, cell_weights=np.repeat(weights, 2))
    rows = np.repeat(np.arange(N_ROWS), weights.astype(int))
    repeated = replace(
        once,
        cells=(np.repeat(np.arange(len(rows)), 2), np.tile([0, 1], len(rows))),
        cell_weights=np.ones(2 * len(rows)),
        cell_losses=LOSSES.reshape(3, 1, N_ROWS, 2)[:, :, rows].reshape(3, 1, -1),
        test_rows=[np.flatnonzero(np.isin(rows, part)) for part in once.test_rows],
        unit_of_row=rows,
    )
    assert row_noise(repeated, 0, 0, 2) == pytest.approx(row_noise(weighted, 0, 0, 2))


def test_one_row_a_split_tells_nothing():
    measured = measure()
    assert row_noise(replace(measured, test_rows=[np.array([k]) for k in range(N_SPLITS)]), 0, 0, 2) == NO_ROW_NOISE
