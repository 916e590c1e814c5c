"""Token sequences: ids, padding, bad input, and that recurrent layers learn order."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skmtl import MultiTaskNetClassifier
from skmtl.encoders import SequenceEncoder, TokenSequencer
from skmtl.model_selection import MultiTaskKFold

IDS = np.array([[3, 9, 4, 0], [9, 0, 0, 0], [4, 4, 3, 9], [3, 0, 0, 0]] * 4)
LABELS = np.column_stack([IDS[:, 0] == 3, (IDS != 0).sum(1) > 2])
SMALL = {"hidden_layer_sizes": (), "n_estimators": 1, "max_iter": 2, "random_state": 0, "dtype": "float64"}
TINY = {"n_units": 3, "embedding_size": 4}


def fitted(X=IDS, **params):
    return SequenceEncoder(**params).fit(X, np.ones(len(X)))


def net(**params):
    return MultiTaskNetClassifier(encoder=SequenceEncoder(**{**TINY, **params}), **SMALL)


def test_tokens_are_numbered_and_padding_goes_to_the_end():
    encoder = fitted()
    assert encoder.tokens_.tolist() == [3, 4, 9]
    encoded = encoder.transform(np.array([[0, 0, 9, 3], [4, 0, 0, 3], [0, 0, 0, 0]]))
    assert encoded.tolist() == [[3, 1, 0, 0], [2, 1, 0, 0], [0, 0, 0, 0]]


def test_an_id_that_fit_did_not_see_counts_as_padding():
    encoded = fitted().transform(np.array([[3, 7, 9, 10**9], [5, 5, 5, 5]]))
    assert encoded.tolist() == [[1, 3, 0, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize("layer", ["gru", "lstm", "mean"])
@pytest.mark.parametrize("pooling", ["max", "mean", "last"])
def test_padding_changes_nothing(layer, pooling):
    longer = np.zeros((len(IDS), 9), dtype=int)
    longer[:, 5:] = IDS
    reference = net(layer=layer, pooling=pooling).fit(IDS, LABELS).predict_proba(IDS)
    padded = net(layer=layer, pooling=pooling).fit(longer, LABELS).predict_proba(longer)
    for ours, theirs in zip(padded, reference, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_only_the_mean_ignores_order():
    backwards = IDS[:, ::-1]
    for layer, ignores in (("mean", True), ("gru", False), ("lstm", False)):
        model = net(layer=layer).fit(IDS, LABELS)
        same = np.allclose(model.predict_proba(IDS)[0], model.predict_proba(backwards)[0], atol=1e-12)
        assert same == ignores


def test_the_classic_network_is_one_call():
    encoder = SequenceEncoder(layer="lstm", n_units=128, embedding_size=16, bidirectional=False, pooling="last")
    model = MultiTaskNetClassifier(encoder=encoder, hidden_layer_sizes=(), n_estimators=1, max_iter=1).fit(IDS, LABELS)
    shapes = {spec.name: spec.shape for spec in model.network_.buffer.specs}
    assert shapes == {
        "encoder.embedding.weight": (3, 16),
        "encoder.lstm.input": (1, 16, 4 * 128),
        "encoder.lstm.recurrent": (1, 128, 4 * 128),
        "encoder.lstm.bias": (1, 1, 4 * 128),
        "head.weight": (1, 2, 128),
        "head.bias": (1, 2, 1),
    }


@pytest.mark.parametrize(
    ("X", "params", "error", "words"),
    [
        (IDS - 4, {}, ValueError, "token ids, integers of at least 0.*row 0, column 0"),
        (IDS + 0.5, {}, ValueError, "token ids.*got 3.5"),
        (np.where(IDS == 9, np.nan, IDS), {}, ValueError, "NaN"),
        (IDS[:, :, None], {}, ValueError, "must have 2 dimensions"),
        (sp.csr_array(IDS), {}, TypeError, "Sparse data"),
        (np.array([["what", "is"]] * 16), {}, ValueError, "strings"),
        (IDS, {"layer": "rnn"}, ValueError, "layer must be one of 'lstm', 'gru', 'mean'; got 'rnn'"),
        (IDS, {"pooling": "first"}, ValueError, "pooling must be one of"),
        (IDS, {"n_units": 0}, ValueError, "n_units must be"),
        (IDS, {"embedding_size": 2.0}, ValueError, "embedding_size must be"),
        (IDS, {"dropout": 1.0}, ValueError, "dropout must be"),
        (IDS, {"token_dropout": -0.1}, ValueError, "token_dropout must be"),
    ],
)
def test_bad_input_is_named(X, params, error, words):
    with pytest.raises(error, match=words):
        net(**params).fit(X, LABELS)


def test_another_length_is_refused():
    with pytest.raises(ValueError, match="X has 3 features"):
        net().fit(IDS, LABELS).predict(IDS[:, :3])


def test_empty_rows_are_predicted():
    model = net().fit(np.zeros_like(IDS), LABELS)
    assert np.ptp(model.predict_proba(IDS)[1], axis=0).max() == 0


def test_order_is_learned_from_raw_text():
    rng = np.random.default_rng(0)
    words = rng.choice(["dog", "cat", "cow", "bird"], size=(240, 2))
    texts = [f"The {a} saw the {b}." for a, b in words]
    network = MultiTaskNetClassifier(
        encoder=SequenceEncoder(n_units=16, embedding_size=8, dropout=0), hidden_layer_sizes=(), n_estimators=1,
        max_iter=60, learning_rate_init=0.02, random_state=0,
    )  # fmt: skip
    pipeline = make_pipeline(TokenSequencer(), network).fit(texts[:160], words[:160])
    assert min(network.score_tasks(pipeline[0].transform(texts[160:]), words[160:]).values()) > 0.95


def test_a_grid_search_reaches_into_the_encoder():
    search = GridSearchCV(net(), {"encoder__layer": ["gru", "mean"]}, cv=MultiTaskKFold(2)).fit(IDS, LABELS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_its_preferences_fill_in_what_is_left_open_only():
    preferred = SequenceEncoder().preferences(4400)
    assert {name: choice.value for name, choice in preferred.items()} == {
        "activation": "relu",
        "dropout": 0.0,
        "learning_rate_init": 0.005,
        "max_iter": 27,
        "batch_size": 64,
        "early_stopping": False,
    }
    fits = {rate: net().set_params(learning_rate_init=rate).fit(IDS, LABELS) for rate in ("auto", 0.005, 0.01)}
    probabilities = {rate: model.predict_proba(IDS)[0] for rate, model in fits.items()}
    np.testing.assert_array_equal(probabilities["auto"], probabilities[0.005])
    assert not np.allclose(probabilities["auto"], probabilities[0.01])
