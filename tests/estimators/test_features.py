"""What `transform` gives is what the outputs of the tasks are made of."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskNet, MultiTaskNetRegressor
from skmtl.sharing import SHARINGS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = np.column_stack([X[:, 0], np.exp(X[:, 0]), X[:, 1] > 0, X[:, 2] ** 2])
KINDS = ["regression", "huber", "binary", "regression"]  # the network has them in another order
SETTINGS = {"hidden_layer_sizes": (8, 6), "max_iter": 4, "local_correction": False, "random_state": 0}


def fitted(sharing="hard", **settings):
    return MultiTaskNet(tasks=KINDS, sharing=sharing, **SETTINGS, **settings).fit(X, Y)


def numeric_outputs(model, x):
    """What the output layer gives for the tasks, as far as they are numbers and log odds."""
    outputs = model.predict(x)
    odds = model.predict_proba(x)[2].astype(float)
    outputs[:, 2] = np.log(odds[:, 1] / odds[:, 0])
    return outputs


def unexplained(features, outputs):
    """Largest part of the outputs that is no affine function of the features."""
    design = np.column_stack([features, np.ones(len(features))])
    return np.abs(outputs - design @ np.linalg.lstsq(design, outputs, rcond=None)[0]).max()


def test_outputs_are_linear_in_the_features_of_a_shared_trunk():
    model = fitted(n_estimators=1)
    features = model.transform(X)
    assert features.shape == (60, 6)
    assert unexplained(features, numeric_outputs(model, X)) < 1e-3
    by_member = model.transform(X, by_member=True)
    assert_array_equal(by_member, features[None])
    assert unexplained(X, numeric_outputs(model, X)) > 1e-2


def test_the_mean_is_that_of_the_members():
    model = fitted(n_estimators=3)
    by_member = model.transform(X, by_member=True)
    assert by_member.shape == (3, 60, 6)
    assert_allclose(model.transform(X), by_member.mean(axis=0), rtol=1e-6)
    numbers = [0, 1, 3]
    joined = np.concatenate(by_member, axis=1)
    assert unexplained(joined, numeric_outputs(model, X)[:, numbers]) < 1e-3


def test_features_of_single_tasks_stand_in_the_order_of_y():
    model = fitted("independent", n_estimators=1)
    features, outputs = model.transform(X), numeric_outputs(model, X)
    assert features.shape == (60, 24)
    for task, block in enumerate(np.split(features, 4, axis=1)):
        assert unexplained(block, outputs[:, task]) < 1e-3
        assert unexplained(block, outputs[:, (task + 1) % 4]) > 1e-3


@pytest.mark.parametrize("sharing", SHARINGS)
def test_every_sharing_architecture_has_features_with_names(sharing):
    model = MultiTaskNetRegressor(sharing=sharing, **SETTINGS | {"max_iter": 1}, n_estimators=2).fit(X, Y[:, [0, 3]])
    names = model.get_feature_names_out()
    features = model.transform(X)
    assert features.shape == (60, len(names))
    assert names[0] == "multitasknetregressor0"
    n_rows_at_once = model.transform(X[:7])
    assert_allclose(n_rows_at_once, features[:7], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sharing", ["hard", "independent"])
def test_rows_in_pieces_have_the_same_features(sharing, monkeypatch):
    model = fitted(sharing, n_estimators=2)
    expected = model.transform(X, by_member=True)
    monkeypatch.setattr("skmtl.fitting._prediction.CHUNK_CELLS", 8 * 2 * 4 * 7)
    assert_allclose(model.transform(X, by_member=True), expected, rtol=1e-5, atol=1e-6)


def test_a_network_stands_before_another_estimator():
    net = MultiTaskNetRegressor(n_estimators=2, **SETTINGS)
    pipeline = make_pipeline(StandardScaler(), net, Ridge(1e-3)).fit(X, Y[:, 0])
    assert pipeline.score(X, Y[:, 0]) > 0.3
    assert pipeline[:-1].get_feature_names_out().tolist() == [f"multitasknetregressor{k}" for k in range(6)]
    net = pipeline[1].set_output(transform="pandas")
    assert list(net.transform(pipeline[0].transform(X)).columns) == net.get_feature_names_out().tolist()


def test_features_need_a_fit_and_the_columns_of_it():
    with pytest.raises(NotFittedError):
        MultiTaskNet().transform(X)
    with pytest.raises(ValueError, match="3 features"):
        fitted(n_estimators=1).transform(X[:, :2])
