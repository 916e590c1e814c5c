"""Laws of the training loop, in float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from skmtl.balancing import Static
from skmtl.network import Architecture, Network
from skmtl.sharing import SHARINGS
from skmtl.tasks import Binary, Multiclass, SquaredError, TaskLayout
from skmtl.training import (
    SCHEDULES,
    AdamW,
    DenseRows,
    Objective,
    Run,
    Settings,
    Streams,
    TrainingData,
    Validation,
    train,
)

CPU = torch.device("cpu")
N, D = 50, 6
RNG = np.random.default_rng(3)
X = RNG.normal(size=(N, D))
COLUMNS = [X[:, 0] + X[:, 1] ** 2, (X[:, 2] > 0).astype(int), RNG.integers(0, 3, N), X[:, 1] - X[:, 3]]
OBSERVED = RNG.random((N, 4)) < 0.7
KINDS = [SquaredError(), Binary(), Multiclass(), SquaredError()]


def make_layout(columns=COLUMNS, kinds=KINDS):
    return TaskLayout(
        [kind.fit(f"t{k}", c, np.ones(len(c))) for k, (kind, c) in enumerate(zip(kinds, columns, strict=True))]
    )


def tensor(values):
    return torch.tensor(np.asarray(values, dtype=float))


def make_data(layout, rows=slice(None), columns=COLUMNS, observed=OBSERVED, members=None):
    targets = layout.encode([c[rows] for c in columns], observed[rows])
    weights = tensor(observed[rows][:, layout.order])
    return TrainingData(DenseRows(X[rows], torch.float64, CPU), tensor(targets), weights, members)


def make_settings(layout, members, **changes):
    ones = torch.ones(members, dtype=torch.float64)
    defaults = Settings(
        optimizer=AdamW(),
        learning_rate=0.01 * ones,
        weight_decay=0.01 * ones,
        schedule=SCHEDULES["cosine"],
        balancer=Static(),
        importance=torch.full((members, len(layout.tasks)), 1 / len(layout.tasks), dtype=torch.float64),
        batch_size=16,
        max_iter=6,
        patience=None,
        tol=1e-4,
    )
    return replace(defaults, **changes)


def make_run(layout, data, streams, settings, sharing="hard", dropout=0.0, sizes=(8, 7)):
    members = len(streams.initial)
    bias = np.zeros(sum(layout.n_outputs))
    architecture = Architecture(
        SHARINGS[sharing](), D, sizes, "tanh", layout.n_outputs, members, "float64", bias, (dropout,) * members
    )
    network = Network(architecture, CPU)
    network.initialise(streams.initial)
    return Run(network, Objective(layout.groups, layout.n_outputs, CPU), data, settings, streams)


def streams_of(members):
    parent = np.random.SeedSequence(5)
    return Streams(parent, [np.random.SeedSequence(5, spawn_key=(k,)) for k in members])


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("patience", [None, 1])
def test_stacked_members_equal_separate_fits(sharing, dropout, patience):
    layout = make_layout()
    rates, decays = [0.01, 0.05, 1e-5], [0.0, 0.1, 0.01]
    importance = tensor([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1], [0.25] * 4])
    kept = tensor(np.random.default_rng(8).random((3, N)) < 0.8)

    def fit(members):
        data = make_data(layout, members=kept[members])
        objective = Objective(layout.groups, layout.n_outputs, CPU)
        every = torch.arange(N).expand(len(members), N)
        validation = Validation(objective, data, every, 1 - kept[members])
        settings = make_settings(
            layout,
            len(members),
            learning_rate=tensor([rates[m] for m in members]),
            weight_decay=tensor([decays[m] for m in members]),
            importance=importance[members],
            patience=patience,
            tol=0.01,
            max_iter=15,
        )
        run = make_run(layout, data, streams_of(members), settings, sharing, dropout)
        history, stopping = train(run, data, validation)
        return run.network, history.arrays(), stopping

    stacked, history, stopping = fit([0, 1, 2])
    for member in range(3):
        alone, own_history, own_stopping = fit([member])
        for name, block in alone.buffer.arrays().items():
            np.testing.assert_allclose(block[0], stacked.buffer.arrays()[name][member], rtol=0, atol=1e-10)
        assert own_stopping.best_epoch[0] == stopping.best_epoch[member]
        epochs = len(own_history["loss"])
        np.testing.assert_allclose(own_history["loss"][:, 0], history["loss"][:epochs, member], rtol=0, atol=1e-10)
        assert np.isnan(history["loss"][epochs:, member]).all()
    if patience is not None:
        assert np.isnan(history["loss"]).any(), "no member stopped early: the test would show nothing"


def objective_values(layout, data, rows):
    run = make_run(layout, data, streams_of([0]), make_settings(layout, 1))
    batch = data.take(rows)
    sums, gradient = run.step.objective(run.network(batch.x), batch)
    run.step.passes.forward(batch.x)
    run.step.passes.backward(gradient * run.step._scale(batch, batch.x.shape[1]))
    return sums, run.network.buffer.gradient.clone()


def test_a_missing_cell_equals_an_absent_one():
    layout = make_layout()
    filled = [c.copy() for c in COLUMNS]
    for k in (0, 3):
        filled[k][~OBSERVED[:, k]] = 1e6
    reference = objective_values(layout, make_data(layout), slice(None))
    other = objective_values(layout, make_data(layout, columns=filled), slice(None))
    for a, b in zip(reference, other, strict=True):
        assert torch.equal(a, b)


def test_a_row_without_labels_equals_no_row():
    layout = make_layout()
    observed = OBSERVED.copy()
    observed[::5] = False
    rows = np.flatnonzero(observed.any(axis=1))
    with_empty = objective_values(layout, make_data(layout, observed=observed), slice(None))
    without = objective_values(layout, make_data(layout, rows, observed=observed), slice(None))
    for a, b in zip(with_empty, without, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-10)


def test_batch_gradients_are_unbiased_under_missing_labels():
    """The mean over a partition's batches, weighted by their sizes, is the gradient of the whole."""
    layout, data = make_layout(), make_data(make_layout())
    whole = objective_values(layout, data, slice(None))[1]
    order = torch.from_numpy(np.random.default_rng(0).permutation(N))
    parts = order.split(13)
    mean = sum(objective_values(layout, data, part)[1] * (len(part) / N) for part in parts)
    torch.testing.assert_close(mean, whole, rtol=0, atol=1e-10)


def test_permuting_tasks_permutes_the_result():
    """Regression tasks in another order, their initial weights permuted alike."""
    columns = [COLUMNS[0], COLUMNS[3], X[:, 5]]
    observed, order = OBSERVED[:, :3], np.array([2, 0, 1])
    layout = make_layout(columns, [SquaredError()] * 3)
    permuted = make_layout([columns[k] for k in order], [SquaredError()] * 3)
    importance = tensor([[0.5, 0.3, 0.2]])

    def fit(layout, columns, observed, importance, like=None):
        data = make_data(layout, columns=columns, observed=observed)
        run = make_run(layout, data, streams_of([0]), make_settings(layout, 1, importance=importance))
        if like is not None:
            arrays = like | {name: like[name][:, :, order] for name in ("head.weight", "head.bias")}
            run.network.buffer.load(arrays)
        initial = run.network.buffer.arrays()
        train(run, data, None)
        return initial, run.network(tensor(X)[None])

    initial, outputs = fit(layout, columns, observed, importance)
    _, permuted_outputs = fit(permuted, [columns[k] for k in order], observed[:, order], importance[:, order], initial)
    torch.testing.assert_close(permuted_outputs, outputs[:, :, order], rtol=0, atol=1e-10)


def test_independent_equals_single_task_fits():
    columns, layout = [COLUMNS[0], COLUMNS[3]], make_layout([COLUMNS[0], COLUMNS[3]], [SquaredError()] * 2)
    observed = np.ones((N, 2), dtype=bool)
    data = make_data(layout, columns=columns, observed=observed)
    importance = torch.ones(1, 2, dtype=torch.float64)
    joint = make_run(layout, data, streams_of([0]), make_settings(layout, 1, importance=importance), "independent")
    start = joint.network.buffer.arrays()
    train(joint, data, None)
    for k in range(2):
        single_layout = make_layout([columns[k]], [SquaredError()])
        single_data = make_data(single_layout, columns=[columns[k]], observed=observed[:, [k]])
        settings = make_settings(single_layout, 1, importance=importance[:, [k]])
        single = make_run(single_layout, single_data, streams_of([0]), settings, "independent")
        single.network.buffer.load({name: block[:, [k]] for name, block in start.items()})
        train(single, single_data, None)
        for name, block in single.network.buffer.arrays().items():
            np.testing.assert_allclose(block[:, 0], joint.network.buffer.arrays()[name][:, k], rtol=0, atol=1e-10)


def test_training_lowers_every_loss():
    layout, data = make_layout(), make_data(make_layout())
    history, _ = train(make_run(layout, data, streams_of([0]), make_settings(layout, 1, max_iter=40)), data, None)
    loss = history.arrays()["loss"][:, 0]
    assert (loss[-1] < 0.8 * loss[0]).all()
