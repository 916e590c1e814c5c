"""Laws of the training loop, in float64."""

import numpy as np
import pytest
import torch

from skmtl.sharing import SHARINGS
from skmtl.tasks import Binary, Multiclass, SquaredError
from skmtl.training import Validation
from tests import _builders as build
from tests._builders import make_config, make_streams, tensor, train

N, D = 50, 6
RNG = np.random.default_rng(3)
X = RNG.normal(size=(N, D))
COLUMNS = [X[:, 0] + X[:, 1] ** 2, (X[:, 2] > 0).astype(int), RNG.integers(0, 3, N), X[:, 1] - X[:, 3]]
OBSERVED = RNG.random((N, 4)) < 0.7
KINDS = [SquaredError(), Binary(), Multiclass(), SquaredError()]


def make_layout(columns=COLUMNS, kinds=KINDS):
    return build.make_layout(columns, kinds)


def make_data(layout, rows=slice(None), columns=COLUMNS, observed=OBSERVED, kept=None):
    targets = layout.encode([c[rows] for c in columns], observed[rows])
    return build.make_data(X[rows], targets, observed[rows][:, layout.order], kept)


def make_training(layout, data, settings, sharing="hard", dropout=0.0, members=(0,), validation=None):
    streams = make_streams(members)
    network = build.make_network(sharing, D, (8, 7), layout.n_outputs, seeds=streams.initial, dropout=dropout)
    return build.make_training(network, layout, data, settings, streams, validation)


@pytest.mark.parametrize(
    ("sharing", "dropout", "patience"), [("hard", 0.0, float("inf")), *((name, 0.3, 1) for name in SHARINGS)]
)
def test_stacked_members_equal_separate_fits(sharing, dropout, patience):
    layout = make_layout()
    rates, decays = [0.003, 0.05, 1e-5], [0.0, 0.1, 0.01]
    loss_weights = tensor([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1], [0.25] * 4])
    kept = tensor(np.random.default_rng(8).random((3, N)) < 0.8)

    def fit(members):
        data = make_data(layout, kept=kept[members])
        every = torch.arange(N).expand(len(members), N)
        validation = Validation(build.make_objective(layout), data, every, 1 - kept[members])
        settings = make_config(
            len(members),
            4,
            learning_rate=tensor([rates[m] for m in members]),
            weight_decay=tensor([decays[m] for m in members]),
            loss_weights=loss_weights[members],
            patience=patience,
            tol=0.003,
            max_iter=10,
        )
        training = make_training(layout, data, settings, sharing, dropout, members, validation)
        history, stopping = train(training)
        return training.network, history.arrays(), stopping

    stacked, history, stopping = fit([0, 1, 2])
    for member in range(3):
        alone, own_history, own_stopping = fit([member])
        for name, block in alone.buffer.arrays().items():
            np.testing.assert_allclose(block[0], stacked.buffer.arrays()[name][member], rtol=0, atol=1e-10)
        assert own_stopping.best_epoch[0] == stopping.best_epoch[member]
        epochs = len(own_history["loss"])
        np.testing.assert_allclose(own_history["loss"][:, 0], history["loss"][:epochs, member], rtol=0, atol=1e-10)
        assert np.isnan(history["loss"][epochs:, member]).all()
    if patience == 1:
        assert np.isnan(history["loss"]).any(), "no member stopped early: the test would show nothing"


def objective_values(layout, data, rows):
    training = make_training(layout, data, make_config(1, 4))
    batch = data.take(rows)
    sums, gradient = training.step.objective(training.network(batch.x), batch)
    training.step.passes.forward(batch.x)
    training.step.passes.backward(gradient * training.step._scales(batch, batch.x.shape[1])[1])
    return sums, training.network.buffer.gradient.clone()


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
    loss_weights = tensor([[0.5, 0.3, 0.2]])

    def fit(layout, columns, observed, loss_weights, like=None):
        data = make_data(layout, columns=columns, observed=observed)
        training = make_training(layout, data, make_config(1, 3, loss_weights=loss_weights))
        if like is not None:
            arrays = like | {name: like[name][:, :, order] for name in ("head.weight", "head.bias")}
            training.network.buffer.load(arrays)
        initial = training.network.buffer.arrays()
        train(training)
        return initial, training.network(tensor(X)[None])

    initial, outputs = fit(layout, columns, observed, loss_weights)
    _, permuted_outputs = fit(
        permuted, [columns[k] for k in order], observed[:, order], loss_weights[:, order], initial
    )
    torch.testing.assert_close(permuted_outputs, outputs[:, :, order], rtol=0, atol=1e-10)


def test_independent_equals_single_task_fits():
    columns, layout = [COLUMNS[0], COLUMNS[3]], make_layout([COLUMNS[0], COLUMNS[3]], [SquaredError()] * 2)
    observed = np.ones((N, 2), dtype=bool)
    data = make_data(layout, columns=columns, observed=observed)
    loss_weights = torch.ones(1, 2, dtype=torch.float64)
    joint = make_training(layout, data, make_config(1, 2, loss_weights=loss_weights), "independent")
    start = joint.network.buffer.arrays()
    train(joint)
    for k in range(2):
        single_layout = make_layout([columns[k]], [SquaredError()])
        single_data = make_data(single_layout, columns=[columns[k]], observed=observed[:, [k]])
        settings = make_config(1, 1, loss_weights=loss_weights[:, [k]])
        single = make_training(single_layout, single_data, settings, "independent")
        single.network.buffer.load({name: block[:, [k]] for name, block in start.items()})
        train(single)
        for name, block in single.network.buffer.arrays().items():
            np.testing.assert_allclose(block[:, 0], joint.network.buffer.arrays()[name][:, k], rtol=0, atol=1e-10)


def test_training_lowers_every_loss():
    layout, data = make_layout(), make_data(make_layout())
    history, _ = train(make_training(layout, data, make_config(1, 4, max_iter=40)))
    loss = history.arrays()["loss"][:, 0]
    assert (loss[-1] < 0.8 * loss[0]).all()
