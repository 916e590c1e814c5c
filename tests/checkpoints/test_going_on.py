"""A fit that was cut off and is run again ends with the bits of an undisturbed one."""

import copy
import errno
import json
import multiprocessing
import os
import time
import warnings

import numpy as np
import pytest
import scipy.sparse as sp

from skmtl import Checkpoint, MultiTaskNet, MultiTaskNetRegressor
from skmtl.checkpoints import NO_CHECKPOINTS, checkpoints_of
from skmtl.estimators._fit_inputs import prepare_candidate, read_inputs
from skmtl.estimators._identity import identity_of
from skmtl.fitting import fit_many, stack_jobs
from skmtl.inputs import _stored
from skmtl.model_selection import Halving, MultiTaskSearchCV, TaskGroupingCV
from skmtl.network import _output_layers
from skmtl.training import Training
from skmtl.training._step import Step

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = np.column_stack([X[:, 0] + X[:, 1] ** 2, np.sin(2 * X[:, 2])])
Y[::5, 0] = np.nan
SMALL = {"hidden_layer_sizes": (6,), "n_estimators": 2, "max_iter": 6, "random_state": 0, "n_iter_no_change": 2}
FORMS = {
    "dropout": {"dropout": 0.2, "local_correction": True},
    "scaled inputs": {"input_scaling": True},
    "pseudo-labels": {"collaboration": "pseudo_labels"},
}


class CutOffError(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def epochs(monkeypatch):
    """Count epochs, and end the process before the epoch with the number ``last``."""

    class Epochs:
        done, last, members = 0, np.inf, list[int]()  # members of the network in each epoch

    plain = Training.epoch

    def epoch(self):
        if Epochs.done >= Epochs.last:
            raise CutOffError
        losses = plain(self)
        Epochs.done += 1
        Epochs.members.append(len(self.stopping.teams))
        return losses

    monkeypatch.setattr(Training, "epoch", epoch)
    return Epochs


def net(folder=None, **changes):
    every = None if folder is None else Checkpoint(folder, interval=1)
    return MultiTaskNetRegressor(**{**SMALL, **changes}, checkpoint=every)


def cut_off(estimator, epochs, after, given=(X, Y)):
    """Fit until so many epochs are done."""
    epochs.done, epochs.last = 0, after
    with pytest.raises(CutOffError):
        estimator.fit(*given)
    epochs.done, epochs.last = 0, np.inf


def everything(model):
    """All that a fit leaves behind, as bytes."""
    history = {name: values.tobytes() for name, values in model.history_.items()}
    return model.network_.buffer.values.numpy().tobytes(), history, model.predict(X).tobytes(), model.n_iter_


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("after", [1, 4])
def test_a_fit_goes_on_with_the_same_bits(form, after, epochs, tmp_path):
    whole = everything(net(**FORMS[form]).fit(X, Y))
    of_whole, before = epochs.done, 0 if form != "scaled inputs" else epochs.done - 6
    cut_off(net(tmp_path, **FORMS[form]), epochs, before + after)
    assert everything(net(tmp_path, **FORMS[form]).fit(X, Y)) == whole
    assert epochs.done == of_whole - before - after
    assert os.listdir(tmp_path) == []


def test_a_fit_to_stored_cells_goes_on_with_the_same_bits(epochs, tmp_path, monkeypatch):
    """Of a large network, which is trained without a copy."""
    monkeypatch.setattr(_output_layers, "WIDE", 16)
    monkeypatch.setattr(_stored, "MANY_TASKS", 16)
    monkeypatch.setattr(_stored, "MANY_CELLS", 0)
    y = sp.random_array((60, 20), density=0.2, rng=np.random.default_rng(3), format="csr")
    settings = {"missing_label": "unstored", "dropout": 0.2, "batch_size": 16}
    whole = net(**settings).fit(X, y)
    assert "stored cells" in whole.auto_params_["kernel_blend"].reason
    of_whole = epochs.done
    cut_off(net(tmp_path, **settings), epochs, 3, (X, y))
    resumed = net(tmp_path, **settings).fit(X, y)
    assert epochs.done == of_whole - 3 > 0
    assert everything(resumed) == everything(whole)
    assert os.listdir(tmp_path) == []


def test_trials_of_settings_are_not_repeated(epochs, tmp_path):
    """Cut off in a trial, and in the training that follows: what has been tried stays as it was."""
    rows = np.random.default_rng(1).normal(size=(120, 4))  # of fewer nothing is tried
    given = rows, np.sin(rows[:, :2])
    tries = {"effort": "default", "input_dropout": 0.0, "input_scaling": False, "max_iter": 20}
    tries |= {"learning_rate_init": 0.01, "batch_size": 10, "n_iter_no_change": 40}
    whole = net(**tries).fit(*given)
    assert len(whole.trials_["loss"]) > 1
    of_whole = epochs.done
    seldom = net(**tries).set_params(checkpoint=Checkpoint(tmp_path, interval=1000))
    cut_off(net(tmp_path, **tries), epochs, 4, given)
    cut_off(seldom, epochs, of_whole - 7, given)
    resumed = seldom.fit(*given)
    assert epochs.done == whole.n_iter_
    assert everything(resumed) == everything(whole)
    assert (resumed.trials_, resumed.auto_params_) == (whole.trials_, whole.auto_params_)
    assert os.listdir(tmp_path) == []


def test_a_warm_start_that_is_cut_off_has_its_own_schedule_and_history(epochs, tmp_path, monkeypatch):
    plain, rates = Step.__call__, []

    def step(self, batch, rate_factor, *rest):
        rates.append(float(rate_factor))
        return plain(self, batch, rate_factor, *rest)

    monkeypatch.setattr(Step, "__call__", step)
    begun = net(learning_rate="cosine", warm_start=True, batch_size=16, n_iter_no_change=9).fit(X, Y)
    schedule = rates.copy()
    assert len(set(schedule)) > 20
    rates.clear()
    whole = copy.deepcopy(begun).fit(X, Y)
    assert rates == schedule
    assert len(whole.history_["loss"]) == whole.n_iter_ == 6
    rates.clear()
    cut_off(copy.deepcopy(begun).set_params(checkpoint=Checkpoint(tmp_path, 1)), epochs, 4)
    resumed = copy.deepcopy(begun).set_params(checkpoint=tmp_path).fit(X, Y)
    assert (rates, epochs.done) == (schedule, 2)
    assert everything(resumed) == everything(whole)


def test_new_tasks_over_frozen_layers_go_on_with_the_same_bits(epochs, tmp_path):
    def fitted(folder=None):
        return net().fit(X, Y).set_params(checkpoint=None if folder is None else Checkpoint(folder, interval=1))

    whole, cut = fitted().add_tasks(X, X[:, 3]), fitted(tmp_path)
    epochs.done, epochs.last = 0, 4
    with pytest.raises(CutOffError):
        cut.add_tasks(X, X[:, 3])
    epochs.done, epochs.last = 0, np.inf
    resumed = fitted(tmp_path)
    in_fit = epochs.done
    assert everything(resumed.add_tasks(X, X[:, 3])) == everything(whole)
    assert epochs.done == in_fit + whole.n_iter_ - 4
    assert os.listdir(tmp_path) == []


def stack(**settings):
    """Fits that train as one network."""
    inputs = read_inputs(net(), X, Y)
    nets = [net(learning_rate_init=rate, **settings) for rate in (1e-5, 0.01, 0.1, 0.4)]
    return [(index, prepare_candidate(own, inputs)) for index, own in enumerate(nets)]


def learned_by(trainer):
    """Number of epochs, parameters and history of each fit."""
    learned = [trainer.learned(index) for index in trainer.indices]
    lengths = [len(history) for _, history in learned]
    arrays = [(network.buffer.values.numpy(), *history.arrays().values()) for network, history in learned]
    return lengths, [values.tobytes() for own in arrays for values in own]


def train_stack(folder=None):
    """Train a network that shrinks as its fits end at different epochs."""
    checkpoint = None if folder is None else Checkpoint(folder, 1)
    with checkpoints_of(checkpoint, lambda: "stack") as checkpoints:
        (trainer,) = fit_many(stack(n_iter_no_change=1, tol=0.01, max_iter=12), checkpoints=checkpoints)
    return learned_by(trainer)


def test_a_stack_that_shrinks_goes_on_after_any_epoch(epochs, tmp_path):
    """The network also shrinks where it did, so that the same products are computed."""
    lengths, whole = train_stack()
    members = epochs.members.copy()
    assert len(set(lengths)) > 2
    assert len(set(members)) > 1
    for after in range(1, epochs.done):
        epochs.done, epochs.last = 0, after
        epochs.members.clear()
        with pytest.raises(CutOffError):
            train_stack(tmp_path)
        epochs.last = np.inf
        assert train_stack(tmp_path) == (lengths, whole)
        assert epochs.members == members


@pytest.mark.parametrize("way", [(0.5, [1, 2]), (1.0, [0, 3]), (0.25, [0, 1, 2, 3])])
def test_fits_that_others_were_kept_with_do_not_go_on_from_their_state(way, tmp_path):
    """As in a search whose rungs come to another choice, because it is run again with another score."""

    def race(checkpoints, rung, kept):
        (trainer,) = stack_jobs(stack(max_iter=8), checkpoints=checkpoints)
        trainer.advance(rung)
        trainer.keep(kept)
        trainer.advance(min(rung + 0.25, 1.0))
        return learned_by(trainer)

    alone = race(NO_CHECKPOINTS, *way)
    with checkpoints_of(Checkpoint(tmp_path, 1000), lambda: "race", keep_ended=True) as checkpoints:
        race(checkpoints, 0.5, [0, 3])
        race(checkpoints, 0.5, [0, 1, 2, 3])
        assert race(checkpoints, *way) == alone


def test_a_killed_process_goes_on(tmp_path):
    """SIGKILL, while epochs are done and files written as fast as they go."""
    long = {"max_iter": 90, "early_stopping": False, "n_iter_no_change": np.inf}
    process = multiprocessing.get_context("fork").Process(target=net(tmp_path, **long).fit, args=(X, Y))
    process.start()
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("*/*-00001[0-9]-*.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.002)
    process.kill()
    process.join(60)
    assert process.exitcode == -9
    assert everything(net(tmp_path, **long).fit(X, Y)) == everything(net(**long).fit(X, Y))
    assert os.listdir(tmp_path) == []


def test_a_file_that_was_being_written_is_not_read(epochs, tmp_path):
    cut_off(net(tmp_path), epochs, 3)
    newest = max(tmp_path.glob("*/*.safetensors"))
    newest.with_name(f".{newest.name}.1.1.tmp").write_bytes(newest.read_bytes()[:500])
    assert everything(net(tmp_path).fit(X, Y)) == everything(net().fit(X, Y))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("elimination", "interval"), [(None, 1000), ("halving", 1), (Halving(resource="n_estimators"), 1000)]
)
def test_a_search_repeats_no_network(elimination, interval, epochs, tmp_path):
    """With a long interval networks are saved at their end only, and the last fit begins anew."""
    grid = {"activation": ["relu", "tanh"], "learning_rate_init": [0.001, 0.1]}

    def search(folder=None):
        settings = {"cv": 2, "elimination": elimination, "checkpoint": folder}
        return MultiTaskSearchCV(net(), grid, **settings)

    whole = search().fit(X, Y)
    in_whole = epochs.done
    every, left = Checkpoint(tmp_path, interval), 9 if interval == 1 else 3
    cut_off(search(every), epochs, in_whole - left)
    resumed = search(every).fit(X, Y)
    assert epochs.done == (left if interval == 1 else resumed.best_estimator_.n_iter_)
    for name in ("mean_test_score", "split0_test_score", "rank_test_score"):
        np.testing.assert_array_equal(resumed.cv_results_[name], whole.cv_results_[name])
    assert everything(resumed.best_estimator_) == everything(whole.best_estimator_)
    assert resumed.best_estimator_.checkpoint is None
    assert os.listdir(tmp_path) == []


def test_a_search_without_a_seed_goes_on_with_its_candidates(epochs, tmp_path):
    from scipy.stats import loguniform

    space = {"learning_rate_init": loguniform(1e-3, 1e-1), "tol": loguniform(1e-5, 1e-3)}
    search = MultiTaskSearchCV(net(tmp_path, random_state=None), param_distributions=space, n_iter=2, cv=2)
    cut_off(search, epochs, 14)
    (folder,) = tmp_path.iterdir()
    seed = json.loads((folder / "seed.json").read_text())
    search.fit(X, Y)
    again = MultiTaskSearchCV(net(random_state=seed), param_distributions=space, n_iter=2, cv=2, random_state=seed)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], again.fit(X, Y).cv_results_["mean_test_score"])


def test_a_grouping_repeats_no_network(epochs, tmp_path):
    whole = TaskGroupingCV(net(), cv=2).fit(X, Y)
    in_whole = epochs.done
    cut_off(TaskGroupingCV(net(tmp_path), cv=2), epochs, in_whole - 2)  # in the last fit
    resumed = TaskGroupingCV(net(tmp_path), cv=2).fit(X, Y)
    assert epochs.done == 2
    assert everything(resumed.best_estimator_) == everything(whole.best_estimator_)
    assert os.listdir(tmp_path) == []


def test_a_fit_without_a_seed_goes_on_with_the_one_that_it_drew(epochs, tmp_path):
    cut_off(net(tmp_path, random_state=None), epochs, 3)
    (folder,) = tmp_path.iterdir()
    seed = json.loads((folder / "seed.json").read_text())
    resumed = net(tmp_path, random_state=None).fit(X, Y)
    assert epochs.done <= 3
    assert everything(resumed) == everything(net(random_state=seed).fit(X, Y))
    other = net(tmp_path, random_state=None).fit(X, Y)
    assert everything(other) != everything(resumed)


def test_a_damaged_checkpoint_is_not_gone_on_from(epochs, tmp_path):
    cut_off(net(tmp_path), epochs, 4)
    before, newest = sorted(tmp_path.glob("*/*.safetensors"))
    content = bytearray(newest.read_bytes())
    content[-50] ^= 4
    newest.write_bytes(content)
    with pytest.warns(UserWarning, match=f"{newest.name} cannot be read.*the one before"):
        resumed = net(tmp_path).fit(X, Y)
    assert epochs.done == 3
    assert everything(resumed) == everything(net().fit(X, Y))
    assert before.parent == newest.parent


def test_other_fits_are_left_alone(epochs, tmp_path):
    """Another seed, other labels, another class: each has a folder of its own."""
    others = [net(tmp_path, random_state=1), net(tmp_path, tol=0.1)]
    others.append(MultiTaskNet(tasks=["regression"] * 2, **SMALL, checkpoint=Checkpoint(tmp_path, 1)))
    for other in others:
        cut_off(other, epochs, 2)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*")}
    assert len(list(tmp_path.iterdir())) == 3
    cut_off(net(tmp_path), epochs, 2)
    net(tmp_path).fit(X, Y)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*")} == files


def test_two_fits_of_one_fingerprint_do_not_meet(epochs, tmp_path):
    fit = net(tmp_path)
    with checkpoints_of(tmp_path, lambda: identity_of(fit, X, Y, None, (None,) * 3, None, None)) as running:
        (folder,) = tmp_path.iterdir()
        cut_off(net(tmp_path), epochs, 3)
        assert {path.name for path in tmp_path.iterdir()} == {folder.name, f"{folder.name}-2"}
        assert [path.name for path in folder.iterdir()] == ["lock"]
        net(tmp_path).fit(X, Y)
        assert epochs.done == 3
        running.keep()
    assert list(tmp_path.iterdir()) == [folder]


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("fault", ["full", "vanished"])
def test_a_fit_goes_on_where_its_folder_fails(fault, epochs, tmp_path, monkeypatch):
    plain = Training.epoch

    def epoch(self):
        if len(self.history) == 2 and fault == "full":
            monkeypatch.setattr(os, "fsync", full)
        if len(self.history) == 2 and fault == "vanished":
            tmp_path.rename(tmp_path.with_name("elsewhere"))
        return plain(self)

    monkeypatch.setattr(Training, "epoch", epoch)
    with pytest.warns(UserWarning, match=r"could not be saved in .*(No space|No such file).*Training goes on") as told:
        model = net(tmp_path).fit(X, Y)
    assert len(told) == 1
    monkeypatch.undo()
    assert everything(model) == everything(net().fit(X, Y))


def test_a_folder_that_cannot_be_made_is_told_before_the_first_epoch(epochs, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"checkpoint='.*file.inner' cannot be used.*set checkpoint=None"):
        net(tmp_path / "file" / "inner").fit(X, Y)
    assert epochs.done == 0


def test_an_interrupted_fit_goes_on_when_it_is_run_again(tmp_path, monkeypatch):
    plain = Training.epoch

    def epoch(self):
        if len(self.history) == 3:
            raise KeyboardInterrupt
        return plain(self)

    monkeypatch.setattr(Training, "epoch", epoch)
    with pytest.warns(UserWarning, match="interrupted"):
        net(tmp_path).fit(X, Y)
    monkeypatch.undo()
    resumed = net(tmp_path).fit(X, Y)
    assert everything(resumed) == everything(net().fit(X, Y))


def test_a_fit_that_diverges_leaves_nothing(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(FloatingPointError):
            net(tmp_path, learning_rate_init=1e300, dtype="float64").fit(X, Y)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"interval": "soon"}, r"interval of checkpoint=Checkpoint must be an integer.*\"60s\""),
        ({"interval": 0}, r"interval of checkpoint=Checkpoint must be an integer"),
        ({"keep": 0}, r"keep of checkpoint=Checkpoint must be an integer of at least 1"),
        ({"folder": 3}, r"folder of checkpoint=Checkpoint must be a path"),
        ({"folder": "\0"}, r"folder of checkpoint=Checkpoint must be a path; got '\\x00'"),
        ({"folder": ""}, r'must be a path; got \'\'; "." is the working directory'),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        MultiTaskNetRegressor(checkpoint=Checkpoint(**{"folder": "x", **settings})).fit(X, Y)


def test_the_interval_is_read():
    assert [Checkpoint("x", text).seconds for text in ("90s", "0.5min", "2 h")] == [90.0, 30.0, 7200.0]
    assert (Checkpoint("x", 7).seconds, Checkpoint("x", 7).epochs) == (None, 7)
    assert net().set_params(checkpoint=Checkpoint("x"), checkpoint__keep=3).checkpoint == Checkpoint("x", keep=3)
