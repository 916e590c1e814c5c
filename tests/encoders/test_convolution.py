"""Images: shapes, scaling, bad input, and that convolutions learn."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from skmtl import MultiTaskNetClassifier
from skmtl.encoders import ConvolutionEncoder
from skmtl.model_selection import MultiTaskKFold

IMAGES = np.random.default_rng(0).integers(0, 256, size=(12, 3, 6, 5), dtype=np.uint8)
LABELS = np.column_stack([np.arange(12) % 2, np.arange(12) % 3])
SMALL = {"hidden_layer_sizes": (4,), "n_estimators": 1, "max_iter": 2, "random_state": 0}


def fitted(X=IMAGES, **params):
    return ConvolutionEncoder(**params).fit(X, np.ones(len(X)))


def net(**params):
    return MultiTaskNetClassifier(encoder=ConvolutionEncoder(channels=(3,), **params), **SMALL)


def test_channels_are_standardised_by_weight():
    weights = np.arange(1.0, 13.0)
    encoder = ConvolutionEncoder().fit(IMAGES, weights)
    z = encoder.transform(IMAGES).reshape(IMAGES.shape)
    share = weights / weights.sum()
    np.testing.assert_allclose(share @ z.mean((2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(share @ np.square(z).mean((2, 3)), 1, rtol=1e-12)
    repeated = fitted(IMAGES.repeat(weights.astype(int), axis=0))
    np.testing.assert_allclose(repeated.mean_, encoder.mean_, rtol=1e-12)
    np.testing.assert_allclose(repeated.scale_, encoder.scale_, rtol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 1 / 255, 1e6])
def test_the_unit_of_the_pixels_makes_no_difference(scale):
    np.testing.assert_allclose(fitted(IMAGES * scale).transform(IMAGES * scale), fitted().transform(IMAGES), rtol=1e-9)


def test_a_constant_channel_becomes_zero():
    images = IMAGES.astype(float)
    images[:, 1] = 0.1
    assert not fitted(images).transform(images).reshape(images.shape)[:, 1].any()


@pytest.mark.parametrize("input_shape", [(3, 6, 5), (3, -1, 5), (3, 6, -1)])
@pytest.mark.parametrize("form", [np.asarray, pd.DataFrame, torch.from_numpy, np.ndarray.tolist])
def test_flat_rows_equal_images(input_shape, form):
    flat = IMAGES.reshape(12, -1)
    reference = net().fit(IMAGES, LABELS)
    model = net(input_shape=input_shape).fit(form(flat), LABELS)
    assert model.n_features_in_ == reference.n_features_in_ == 90
    assert model.encoder_.input_shape_ == (3, 6, 5)
    for mine, other in zip(model.predict_proba(form(flat)), reference.predict_proba(IMAGES), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-12)


def test_images_of_one_channel_need_no_axis_for_it():
    grey = IMAGES[:, 0]
    assert fitted(grey).input_shape_ == (1, 6, 5)
    np.testing.assert_array_equal(fitted(grey).transform(IMAGES[:, :1]), fitted(IMAGES[:, :1]).transform(grey))


@pytest.mark.parametrize(
    ("shape", "params", "grid", "width"),
    [
        ((1, 8, 8), {}, (4, 4), 64 * 16),
        ((1, 28, 28), {}, (4, 4), 64 * 16),
        ((1, 3, 3), {}, (2, 2), 64 * 4),
        ((1, 1, 9), {"channels": (8,)}, (1, 4), 8 * 4),
        ((2, 6, 6), {"channels": (4, 6, 8), "blocks": 2, "pool_size": 1}, (1, 1), 8),
    ],
)
def test_sizes(shape, params, grid, width):
    encoder = fitted(np.random.default_rng(0).normal(size=(4, *shape)), **params)
    extractor = encoder.build()
    assert extractor.grid == grid
    assert extractor.width == width


@pytest.mark.parametrize(
    ("X", "params", "error", "words"),
    [
        (IMAGES.reshape(12, -1), {}, ValueError, "flat rows of 90 values.*set input_shape"),
        (IMAGES.reshape(12, -1), {"input_shape": (3, 6, 6)}, ValueError, "90 values in place of 108"),
        (IMAGES.reshape(12, -1), {"input_shape": (3, 0, 5)}, ValueError, "input_shape must be a tuple"),
        (IMAGES.reshape(12, -1), {"input_shape": (90,)}, ValueError, "input_shape must be .channels, height, width."),
        (IMAGES, {"input_shape": (3, 5, 6)}, ValueError, "input_shape must be"),
        (IMAGES.transpose(0, 2, 3, 1)[..., :3], {}, ValueError, "channels last.*transpose"),
        (np.where(IMAGES > 250, np.nan, IMAGES), {}, ValueError, "NaN"),
        (np.where(IMAGES > 250, np.inf, IMAGES), {}, ValueError, "infinity"),
        (IMAGES * 1e300, {}, ValueError, "beyond the range of float32"),
        (IMAGES[:, 0, 0, 0], {}, ValueError, "1D array"),
        (IMAGES[..., None], {}, ValueError, "2 or 3 or 4 dimensions"),
        (IMAGES + 1j, {}, ValueError, "Complex"),
        (IMAGES.astype(str), {}, ValueError, "strings"),
        (np.ma.masked_array(IMAGES, IMAGES > 9), {}, ValueError, "masked array"),
        (sp.csr_array(IMAGES.reshape(12, -1)), {"input_shape": (3, 6, 5)}, TypeError, "Sparse data"),
        (IMAGES, {"channels": ()}, ValueError, "channels must be a sequence"),
        (IMAGES, {"channels": (8, 0)}, ValueError, "channels must be a sequence"),
        (IMAGES, {"blocks": 0}, ValueError, "blocks must be"),
        (IMAGES, {"pool_size": 1.5}, ValueError, "pool_size must be"),
        (IMAGES, {"stride": "two"}, ValueError, "stride must be"),
    ],
)
def test_bad_input_is_named(X, params, error, words):
    with pytest.raises(error, match=words):
        MultiTaskNetClassifier(encoder=ConvolutionEncoder(**params), **SMALL).fit(X, LABELS)


def test_images_of_another_shape_are_refused():
    model = net().fit(IMAGES, LABELS)
    with pytest.raises(ValueError, match=r"X has 60 features.*90 features"):
        model.predict(IMAGES[:, :2])
    with pytest.raises(ValueError, match="shape seen in fit"):
        model.predict(IMAGES.transpose(0, 1, 3, 2))


def test_it_learns_what_digits_show():
    digits = load_digits()
    X, y = digits.images, np.column_stack([digits.target, digits.target % 2])
    y = np.where(np.random.default_rng(0).random(y.shape) < 0.2, np.nan, y)  # holes
    model = MultiTaskNetClassifier(
        encoder=ConvolutionEncoder(channels=(8, 16)), hidden_layer_sizes=(32,), n_estimators=1, max_iter=10,
        random_state=0,
    ).fit(X[:900], y[:900])  # fmt: skip
    assert min(model.score_tasks(X[900:], y[900:]).values()) > 0.9


def test_a_grid_search_reaches_into_the_encoder():
    search = GridSearchCV(net(), {"encoder__channels": [(2,), (4, 4)]}, cv=MultiTaskKFold(2)).fit(IMAGES, LABELS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    by_name = MultiTaskNetClassifier(encoder="convolution").set_params(encoder__blocks=2)
    assert by_name.encoder == ConvolutionEncoder(blocks=2)
