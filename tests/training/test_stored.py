"""Fits that look at the stored cells of a sparse y only are fits to all its cells, most of which have no label."""

import numpy as np
import pytest
import scipy.sparse as sp

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor, layers
from skmtl.estimators import _fit_inputs
from skmtl.fitting import _result
from skmtl.inputs import _stored
from skmtl.network import _output_layers
from skmtl.training import StoredData, _epochs, _loop

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5))
N_TASKS = 20
HAS_LABEL = RNG.random((60, N_TASKS)) < 0.2
HAS_LABEL[RNG.integers(0, 60, 2 * N_TASKS), np.tile(np.arange(N_TASKS), 2)] = True
NUMBERS = X @ RNG.normal(size=(5, N_TASKS))
CLASSES = (NUMBERS > 0).astype(float)
CLASSES[np.arange(N_TASKS) * 3, np.arange(N_TASKS)] = 2.0
SMALL = {
    "hidden_layer_sizes": (6,), "max_iter": 3, "n_estimators": 2, "batch_size": 16, "effort": "fixed",
    "dtype": "float64", "random_state": 0, "input_scaling": False, "kernel_blend": False, "local_correction": False,
}  # fmt: skip


def sparse(values, format="csr"):
    rows, columns = np.nonzero(HAS_LABEL)
    return sp.coo_array((values[rows, columns], (rows, columns)), shape=values.shape).asformat(format)


def test_stored_cells_are_kept_of_tasks_that_a_network_computes_singly():
    assert _stored.MANY_TASKS >= layers.WIDE


@pytest.fixture
def seen(monkeypatch):
    """Make small data large; the data that runs learn from."""
    kinds = []
    made = _loop.Training.__init__
    monkeypatch.setattr(_output_layers, "WIDE", 16)
    monkeypatch.setattr(_stored, "MANY_TASKS", 16)
    monkeypatch.setattr(
        _loop.Training, "__init__", lambda own, *a, **given: (kinds.append(type(a[2])), made(own, *a, **given))[1]
    )

    def of(net, *data, large=True, **given):
        monkeypatch.setattr(_stored, "MANY_CELLS", 0 if large else 1 << 30)
        net.set_params(missing_label="unstored").fit(X, *data, **given)
        assert (kinds[-1] is StoredData) == large
        return net

    return of


MIXED = np.where(np.arange(N_TASKS) < 10, NUMBERS, (NUMBERS > 0))
KINDS = {f"task{k}": "regression" if k % 3 else "huber" for k in range(10)}
KINDS |= {f"task{k}": "binary" for k in range(10, N_TASKS)}
NETS = [
    (MultiTaskNetRegressor(**SMALL), NUMBERS, {}),
    (MultiTaskNetClassifier(**SMALL, class_weight="balanced"), CLASSES % 2, {}),
    (MultiTaskNet(tasks=KINDS, **SMALL, early_stopping=False), MIXED, {"sample_weight": RNG.uniform(0.5, 2.0, 60)}),
]


@pytest.mark.filterwarnings("ignore:Task .* has labels of one class only")
@pytest.mark.parametrize(("net", "y", "given"), NETS)
def test_a_fit_to_stored_cells_is_the_fit_to_all_cells(net, y, given, seen):
    few = seen(net, sparse(y), **given)
    values, history = few.network_.buffer.values.clone(), few.history_
    all_cells = seen(net, sparse(y, "csc"), large=False, **given)
    np.testing.assert_allclose(values, all_cells.network_.buffer.values, rtol=0, atol=1e-12)
    for name, expected in all_cells.history_.items():
        np.testing.assert_allclose(history[name], expected, rtol=0, atol=1e-12)


def test_validation_rows_are_read_by_their_stored_cells_too(seen):
    net = MultiTaskNetRegressor(**SMALL)
    given = {"X_val": X[::2], "y_val": sparse(NUMBERS)[::2]}
    few = seen(net, sparse(NUMBERS), **given).history_["validation_loss"]
    expected = seen(net, sparse(NUMBERS), large=False, **given).history_["validation_loss"]
    np.testing.assert_allclose(few, expected, rtol=0, atol=1e-12)


def test_of_many_tasks_the_mean_history_is_kept(seen, monkeypatch, capsys):
    y, net = sparse(NUMBERS), MultiTaskNetRegressor(**SMALL, verbose=1)
    each = seen(net, y).history_
    monkeypatch.setattr(_epochs, "MOST_TASKS", 19)
    monkeypatch.setattr(_result, "MANY_TASKS", 19)
    capsys.readouterr()
    mean = seen(net, y).history_
    for name, values in each.items():
        np.testing.assert_allclose(mean[name], np.nanmean(values, 2, keepdims=True), rtol=0, atol=1e-12)
    assert set(net.history_frame()["task"]) == {"mean of 20"}
    assert capsys.readouterr().out.startswith("epoch 1: 20 tasks ")


def test_of_many_tasks_a_few_warnings_are_shown(seen, monkeypatch):
    monkeypatch.setattr(_fit_inputs, "MANY_TASKS", 19)
    with pytest.warns(UserWarning, match="labels of one class only|further warnings about tasks") as told:
        seen(MultiTaskNetClassifier(**SMALL), sparse(np.ones(NUMBERS.shape)))
    assert len(told) == 6
    assert "labels of one class only" in str(told[0].message)
    assert str(told[-1].message) == "There are 15 further warnings about tasks."


def test_that_settings_are_not_tried_is_told_with_the_reason(seen):
    net = seen(MultiTaskNetRegressor(**SMALL | {"effort": "default"}), sparse(NUMBERS))
    assert net.auto_params_["effort"].value == "fixed"
    assert "stored cells" in net.auto_params_["effort"].reason


def test_what_looks_at_all_outputs_is_refused(seen):
    with pytest.raises(ValueError, match="takes tasks with one output each, sharing='hard'"):
        seen(MultiTaskNetRegressor(**SMALL, balancing="dwa"), sparse(NUMBERS))
    with pytest.raises(ValueError, match="takes tasks with one output each"):
        seen(MultiTaskNetClassifier(**SMALL), sparse(CLASSES))


@pytest.mark.parametrize(("net", "y", "given"), NETS[1:])
def test_cells_are_predicted_and_scored_as_the_matrix_of_all_is(net, y, given, seen):
    net = seen(net, sparse(y), **given)
    whole = net.predict(X)
    few = net.predict(X, cells=sparse(y, "coo"))
    assert few.nnz == HAS_LABEL.sum()
    np.testing.assert_allclose(few.toarray(), np.where(HAS_LABEL, whole, 0.0), rtol=0, atol=1e-12)
    scores = net.score_tasks(X, sparse(y))
    expected = net.score_tasks(X, np.where(HAS_LABEL, y, np.nan))
    np.testing.assert_allclose(list(scores.values()), list(expected.values()), rtol=0, atol=1e-10)


def test_cells_of_few_tasks_are_cut_from_the_matrix_of_all():
    net = MultiTaskNetRegressor(**SMALL).fit(X, NUMBERS[:, :3])
    cells = sp.csr_array(HAS_LABEL[:, :3])
    assert np.array_equal(net.predict(X, cells=cells).toarray(), np.where(HAS_LABEL[:, :3], net.predict(X), 0.0))
    with pytest.raises(ValueError, match=r"cells must have the shape \(60, 3\)"):
        net.predict(X, cells=cells[:, :2])
    with pytest.raises(TypeError, match="cells must be a sparse matrix"):
        net.predict(X, cells=HAS_LABEL)
