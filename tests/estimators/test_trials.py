"""What is tried before training: by held-out rows, of what the user leaves open, the same at each call."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.model_selection import ShuffleSplit

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.defaults import DataSummary
from skmtl.defaults.trials import EFFORTS, alternatives, length, most_epochs
from skmtl.fitting import StackedTrainer, _joined, _trials
from skmtl.fitting._trial_losses import Losses
from skmtl.model_selection import MultiTaskSearchCV

FEW = DataSummary(n_rows=1000, n_distinct=1000, n_inputs=20, n_outputs=1, classification=(False,))
SMALL = {"hidden_layer_sizes": (8,), "n_estimators": 2, "max_iter": 60, "random_state": 0, "kernel_blend": False}


def irrelevant(n_rows: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Two of twelve columns matter."""
    X = np.random.default_rng(0).normal(size=(n_rows, 12))
    return X, np.column_stack([X[:, 0] - X[:, 1], X[:, 0] + 0.5 * X[:, 1]])


@pytest.fixture(scope="module")
def tried() -> MultiTaskNetRegressor:
    return MultiTaskNetRegressor(**SMALL, input_dropout=0.0, dropout=0.0).fit(*irrelevant())


def test_scaled_inputs_are_chosen_where_few_columns_matter() -> None:
    X, y = irrelevant(300)  # the rule says False of so many rows
    assert not MultiTaskNetRegressor(**SMALL, effort="fixed").fit(X, y).auto_params_["input_scaling"].value
    model = MultiTaskNetRegressor(**SMALL).fit(X, y)
    assert model.auto_params_["input_scaling"].value
    losses = dict(
        zip((params["input_scaling"] for params in model.trials_["params"]), model.trials_["loss"], strict=True)
    )
    assert losses[True] < losses[False]


def test_given_parameters_are_not_tried(tried: MultiTaskNetRegressor) -> None:
    assert {name for params in tried.trials_["params"] for name in params} == {
        "input_scaling",
        "learning_rate_init",
    }
    assert tried.trials_["loss"][0] == pytest.approx(1.0)
    assert len(tried.trials_["loss"]) == len(tried.trials_["standard_error"]) > 1


def test_reasons_name_the_losses_of_values_tried_to_the_end(tried: MultiTaskNetRegressor) -> None:
    for name in tried.trials_["params"][0]:
        n_values = len({params[name] for params in tried.trials_["params"]})
        assert ("clearly more" in tried.auto_params_[name].reason) == (n_values == 1)
        assert tried.auto_params_[name].reason.count(" with ") == (n_values if n_values > 1 else 0)


def test_the_same_is_tried_at_each_call(tried: MultiTaskNetRegressor) -> None:
    again = MultiTaskNetRegressor(**SMALL, input_dropout=0.0, dropout=0.0).fit(*irrelevant())
    assert again.trials_ == tried.trials_
    assert np.array_equal(again.predict(irrelevant()[0]), tried.predict(irrelevant()[0]))


def test_the_fit_is_one_with_the_chosen_values(tried: MultiTaskNetRegressor) -> None:
    values = {name: tried.auto_params_[name].value for name in tried.trials_["params"][0]}
    given = MultiTaskNetRegressor(**SMALL, input_dropout=0.0, dropout=0.0, effort="fixed", **values)
    X, y = irrelevant()
    assert_allclose(given.fit(X, y).predict(X), tried.predict(X), rtol=1e-6)


@pytest.mark.parametrize(
    "params",
    [
        {"effort": "fixed"},
        {"effort": "fast"},
        {"early_stopping": False},
        {"max_iter": 5},
        {"n_peers": 2},
    ],
    ids=str,
)
def test_nothing_is_tried_where_it_would_tell_nothing(params: dict) -> None:
    model = MultiTaskNetRegressor(**{**SMALL, **params}).fit(*irrelevant())
    assert model.trials_ == {"params": [], "loss": [], "standard_error": []}


def test_a_candidate_of_a_search_is_not_tried_and_the_refit_is() -> None:
    X, y = irrelevant()
    search = MultiTaskSearchCV(MultiTaskNetRegressor(**SMALL), {"weight_decay": [0.01, 0.1]}, cv=2).fit(X, y)
    fixed = MultiTaskSearchCV(MultiTaskNetRegressor(**SMALL, effort="fixed"), {"weight_decay": [0.01, 0.1]}, cv=2)
    assert_allclose(search.cv_results_["mean_test_score"], fixed.fit(X, y).cv_results_["mean_test_score"], rtol=1e-6)
    assert search.best_estimator_.trials_["loss"]
    assert not fixed.best_estimator_.trials_["loss"]


def test_copies_of_a_row_are_one_observation_of_the_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    original = _trials.ensemble_losses

    def spy(*arguments):
        losses = original(*arguments)
        sizes.append(len(losses))
        return losses

    monkeypatch.setattr(_trials, "ensemble_losses", spy)
    X, y = irrelevant()
    MultiTaskNetRegressor(**SMALL).fit(np.concatenate([X, X]), np.concatenate([y, y]))
    assert set(sizes) == {100}


def test_the_scale_of_the_inputs_is_learned_once_for_all_that_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    members = []
    original = _joined.learn_input_scale

    def spy(network, *arguments):
        members.append(network.buffer.members)
        return original(network, *arguments)

    monkeypatch.setattr(_joined, "learn_input_scale", spy)
    model = MultiTaskNetRegressor(**SMALL, input_scaling=True).fit(*irrelevant())
    assert len(model.trials_["loss"]) > 2
    assert members == [4, 2]  # two folds, each held out by two members; then the fit


def test_noise_of_numbers_limits_their_weight_beside_classes() -> None:
    X = np.random.default_rng(0).normal(size=(300, 4))
    noise = np.random.default_rng(1).normal(size=300)
    y = np.column_stack([X[:, 1] > 0, X[:, 0] + noise, X[:, 2]])  # half of the variance of the second is noise
    kinds = {"task0": "binary", "task1": "regression", "task2": "regression"}
    model = MultiTaskNet(tasks=kinds, **SMALL).fit(X, y)
    weights = model.auto_params_["loss_weights"].value
    assert weights[0] == 1
    assert weights[1] == pytest.approx(1, rel=0.3)  # 1 / (2 * .5)
    assert 2 < weights[2] <= 10
    reason = model.auto_params_["loss_weights"].reason  # short with any number of tasks
    assert "with those of the rule" in reason
    assert "with no more than the noise allows" in reason
    assert "(" not in reason
    tried = {name: model.auto_params_[name].value for name in ["loss_weights", *model.trials_["params"][0]]}
    given = MultiTaskNet(tasks=kinds, **{**SMALL, **tried}, effort="fixed").fit(X, y)
    assert_allclose(given.predict(X)[:, 1], model.predict(X)[:, 1], rtol=1e-6)
    fixed = MultiTaskNet(tasks=kinds, **SMALL, effort="fixed").fit(X, y)
    assert fixed.auto_params_["loss_weights"].value == [1, 10, 10]


@pytest.mark.parametrize("n_members", [1, 2])
def test_the_loss_is_that_of_an_ensemble(monkeypatch: pytest.MonkeyPatch, n_members: int) -> None:
    seen = []
    original = _trials.ensemble_losses

    def spy(job, network, wanted):
        ours = original(job, network, n_members)
        (pieces,) = zip(job.validation.outputs(network), strict=True)
        seen.append((job, ours, pieces[0]))
        return original(job, network, wanted)

    monkeypatch.setattr(_trials, "ensemble_losses", spy)
    MultiTaskNetRegressor(**SMALL).fit(*irrelevant())
    job, ours, (index, real, outputs) = seen[0]
    targets = job.validation.data.cells_at(index)[0]
    outputs = outputs if n_members == 1 else outputs.unflatten(0, (-1, 2)).mean(1).repeat_interleave(2, 0)
    cells = job.objective.cells(outputs, targets)[0] * real[:, :, None]
    assert_allclose(ours.sum(axis=0), (cells.sum((0, 1)) / real.sum()).numpy(), rtol=1e-5)


def test_an_interrupt_of_the_trials_leaves_the_estimator_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self, fraction, report):
        raise KeyboardInterrupt

    monkeypatch.setattr(StackedTrainer, "_train_isolating_errors", interrupted)
    model = MultiTaskNetRegressor(**SMALL)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*irrelevant())
    assert not hasattr(model, "network_")


def test_an_interrupt_of_measuring_an_epoch_ends_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self, fraction, report):
        raise KeyboardInterrupt

    monkeypatch.setattr(StackedTrainer, "_train_isolating_errors", interrupted)
    with pytest.raises(KeyboardInterrupt):
        MultiTaskNetRegressor(**SMALL, effort="fixed", max_time=10.0).fit(*irrelevant())


def test_splits_are_read_once_for_all_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    held_out = []
    original = _trials.ensemble_losses

    def spy(job, network, n_members):
        held_out.append(job.validation.held_out[::2])
        return original(job, network, n_members)

    monkeypatch.setattr(_trials, "ensemble_losses", spy)
    X, y = irrelevant()
    splits = list(ShuffleSplit(2, test_size=0.2, random_state=0).split(X))
    MultiTaskNetRegressor(**SMALL, cv=iter(splits)).fit(X, y)
    MultiTaskNetRegressor(**SMALL, cv=ShuffleSplit(2, test_size=0.2, random_state=np.random.RandomState(0))).fit(X, y)
    assert len(held_out) > 2
    assert all(np.array_equal(rows, np.sort([test for _, test in splits])) for rows in held_out)


def test_verbose_fits_tell_that_settings_are_compared(capsys: pytest.CaptureFixture) -> None:
    MultiTaskNetRegressor(**SMALL, dropout=0.0, input_dropout=0.0, activation="relu", verbose=1).fit(*irrelevant())
    assert re.match(r"\d+ settings are compared in runs of \d+ epochs\n", capsys.readouterr().out)


def test_max_time_shortens_training_that_goes_on() -> None:
    X, y = irrelevant()
    model = MultiTaskNetRegressor(**{**SMALL, "max_iter": 2}, warm_start=True).fit(X, y)
    model.set_params(max_iter=100_000, n_iter_no_change=np.inf, max_time=0.5).fit(X, y)
    assert model.n_iter_ < 100_000


def test_max_time_shortens_training() -> None:
    X, y = irrelevant()
    params = {**SMALL, "max_iter": 100_000, "n_iter_no_change": np.inf}
    model = MultiTaskNetRegressor(**params, max_time=0.1).fit(X, y)
    assert not model.trials_["loss"]
    assert model.n_iter_ == model.auto_params_["max_iter"].value < 200_000


def test_settings_differ_from_the_current_one_in_what_is_open() -> None:
    current = {"dropout": 0.0, "activation": "relu"}
    found = alternatives(current, [{"dropout": 0.0, "input_scaling": True}, {"dropout": 0.1}, {"activation": "silu"}])
    assert found == [{"dropout": 0.1, "activation": "relu"}, {"dropout": 0.0, "activation": "silu"}]


def test_narrow_layers_learn_for_longer_unless_there_are_many_rows():
    few, many, most = (replace(FEW, n_rows=n, n_distinct=n) for n in (1000, 25_000, 100_000))
    assert [most_epochs(data, 20, 3.0) for data in (few, many, most)] == [60, 40, 20]


def test_training_is_longer_where_longer_trials_gain_more() -> None:
    lengths = [length(100, 10, gain, EFFORTS["default"]).value for gain in (-0.1, 0.03, 0.12, 5.0)]
    assert lengths == [20, 20, 40, 150]


def test_classes_are_tried_without_dropout() -> None:
    X = np.random.default_rng(0).normal(size=(300, 3))
    model = MultiTaskNetClassifier(**SMALL).fit(X, (X > 0).astype(int))
    assert model.auto_params_["dropout"].value < 0.3


def test_separable_classes_do_not_take_long() -> None:
    """Their log loss falls ever further, from next to nothing to less."""
    random = np.random.default_rng(0)
    X = random.choice([-1.0, 1.0], size=(300, 3)) * random.uniform(1, 2, size=(300, 3))
    net = MultiTaskNetClassifier(**SMALL | {"max_iter": "auto"}, learning_rate_init=0.1)
    assert net.fit(X, (X > 0).astype(int)).auto_params_["max_iter"].value < 200


def test_the_loss_of_an_ensemble_is_never_below_what_variance_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two networks that err to opposite sides by chance do not tell of a loss below 0."""
    seen = []
    original = _trials.ensemble_losses
    monkeypatch.setattr(_trials, "ensemble_losses", lambda *given: seen.append(given) or original(*given))
    MultiTaskNetRegressor(**SMALL).fit(*irrelevant())
    job, network, _ = seen[0]
    (pieces,) = zip(job.validation.outputs(network), strict=True)
    targets = job.validation.data.cells_at(pieces[0][0])[0]
    opposite = torch.tensor([1.0, -1.0]).repeat(len(targets) // 2)[:, None, None].expand_as(targets)
    monkeypatch.setattr(job.validation, "outputs", lambda _: [(*pieces[0][:2], targets + opposite)])
    assert_allclose(original(job, network, 8).sum(axis=0), 1 / 8, rtol=1e-5)


def test_few_rows_apart_are_not_tried() -> None:
    X, y = irrelevant(20)
    long = np.full((200, 10), np.nan)
    long[np.arange(200), np.tile(np.arange(10), 20)] = np.repeat(y[:, 0], 10)
    assert not MultiTaskNetRegressor(**SMALL, tree_blend=False).fit(np.repeat(X, 10, axis=0), long).trials_["loss"]


def test_reasons_tell_the_loss_of_the_chosen_setting() -> None:
    """Not that of another one with the same value."""
    settings = [{"dropout": 0.0, "width": 8}, {"dropout": 0.1, "width": 8}, {"dropout": 0.0, "width": 4}]
    losses = [Losses(np.array([loss]), np.array([loss])) for loss in (1.0, 0.95, 0.9)]
    trials = SimpleNamespace(tried=list(zip(settings, losses, strict=True)), epochs=5, _losses=lambda _: losses[0])
    reason = _trials.Trials.reason(trials, "dropout", settings[0])
    assert "1.000 with 0.0, 0.950 with 0.1; lower ones are not lower by more than a standard error" in reason


def test_percentages_in_reasons_are_of_the_loss() -> None:
    assert "is 50.0% below" in length(100, 10, np.log(2), EFFORTS["default"]).reason
    assert "is 100.0% above" in length(100, 10, -np.log(2), EFFORTS["default"]).reason
