"""Files of estimators: what is written comes back, and whatever else is in a file is refused by name."""

import copy
import os
import sys
import tracemalloc
import warnings
from inspect import isabstract
from itertools import islice

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, KFold, PredefinedSplit, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from torch import nn

import skmtl
from skmtl import FileFormatError, MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl._params import Params
from skmtl._state import Stateful
from skmtl.callbacks import Callback
from skmtl.model_selection import (
    MultiTaskKFold,
    MultiTaskSearchCV,
    MultiTaskShuffleSplit,
    MultiTaskStratifiedKFold,
    TaskGroupingCV,
)
from skmtl.persistence._arrays import is_finite
from skmtl.persistence._registry import CLASSES
from skmtl.postprocess.calibration import Calibrator
from skmtl.sharing import Hard
from skmtl.tasks import TargetTransform
from skmtl.training import Device
from tests._variants import NUMBERS, SMALL, X, answers, module, with_scikit_learn
from tests.persistence._forged import attacks, corruptions, find, forged, opened


@pytest.fixture(scope="module")
def scikit_learn():
    return dict(with_scikit_learn())


@pytest.fixture(scope="module")
def fitted():
    return MultiTaskNetRegressor(**SMALL).fit(X, NUMBERS)


@pytest.fixture
def good(fitted, tmp_path):
    skmtl.save(fitted, tmp_path / "good.skmtl")
    return (tmp_path / "good.skmtl").read_bytes()


def subclasses(cls):
    return {cls}.union(*map(subclasses, cls.__subclasses__()))


def test_every_class_of_strategies_and_state_is_registered():
    bases = (Params, Stateful, TargetTransform, Calibrator)
    found = {cls for base in bases for cls in subclasses(base) if not isabstract(cls)} - set(bases)
    own = {cls for cls in found if cls.__module__.startswith("skmtl.")}
    lists = {cls for cls in own if cls.__module__.startswith(("skmtl.model_selection", "skmtl.metrics"))}  # of searches
    assert own - lists - {Callback} - set(CLASSES.values()) == set()


@pytest.mark.parametrize("name", ["transformer", "pipeline"])
def test_objects_of_scikit_learn_come_back(scikit_learn, name, tmp_path):
    net, rows = scikit_learn[name]
    skmtl.save(net, tmp_path / "net")
    assert answers(skmtl.load(tmp_path / "net"), rows) == answers(net, rows)


def test_splitters_come_back_untrusted(tmp_path):
    splitters = [
        *(cls(2, shuffle=True, random_state=1) for cls in (KFold, MultiTaskKFold, MultiTaskStratifiedKFold)),
        *(cls(2, test_size=0.4, random_state=1) for cls in (ShuffleSplit, MultiTaskShuffleSplit)),
        PredefinedSplit(np.arange(len(X)) % 3),
    ]
    for cv in splitters:
        skmtl.save(MultiTaskNetRegressor(cv=cv), tmp_path / "net")
        loaded = skmtl.load(tmp_path / "net").cv
        assert type(loaded) is type(cv)
        for pairs in zip(loaded.split(X, NUMBERS), cv.split(X, NUMBERS), strict=True):
            np.testing.assert_array_equal(*map(np.concatenate, pairs))


def test_functions_of_numpy_need_no_code(fitted, tmp_path):
    skmtl.save(TransformedTargetRegressor(fitted, func=np.cbrt), tmp_path / "net")
    assert skmtl.load(tmp_path / "net").func is np.cbrt


def test_attacks_are_refused(good, scikit_learn, tmp_path):
    done, path = tmp_path / "done", tmp_path / "file"
    skmtl.save(scikit_learn["pipeline"][0], path)
    for name, data in attacks(good, path.read_bytes(), done):
        path.write_bytes(data)
        before = set(sys.modules)
        with pytest.raises(FileFormatError, match=rf"{path}: .+: .+\.$"):
            pytest.fail(f"{name}: {skmtl.load(path)}")
        assert set(sys.modules) == before, name
        assert not done.exists(), name


def test_what_is_no_regular_file_is_refused(good, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "good.skmtl")
    os.mkfifo(tmp_path / "pipe")
    for name, cure in {"link": "realpath", "pipe": "written", "/dev/zero": "written"}.items():
        with pytest.raises(FileFormatError, match=cure):
            skmtl.load(tmp_path / name)
    with pytest.raises(FileFormatError, match="Not a regular file"):
        skmtl.load(tmp_path)
    with pytest.raises(FileNotFoundError):
        skmtl.load(tmp_path / "none")


def test_what_is_no_path_of_a_file_is_named(tmp_path):
    with pytest.raises(IsADirectoryError, match=r"path must name a file; '\.' is a folder\. Add the name of the file"):
        skmtl.save(MultiTaskNet(), ".")
    with pytest.raises(FileNotFoundError, match=rf"in no folder that exists\. Make '{tmp_path}/none' first"):
        skmtl.save(MultiTaskNet(), tmp_path / "none" / "net.skmtl")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f8"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_found(dtype, bad):
    array = np.full((20, 3), np.finfo(dtype).max, dtype)  # whose squares overflow
    assert is_finite(array)
    assert is_finite(array[:0])
    assert is_finite(array.T)
    for values in (array, np.ones_like(array)):
        values[7, 1] = bad
        assert not is_finite(values)
        assert not is_finite(values.T[1:])


def test_what_could_not_be_read_back_is_not_written(fitted, tmp_path):
    with pytest.raises(TypeError, match="FunctionTransformer"):
        skmtl.save(make_pipeline(FunctionTransformer(lambda rows: rows), fitted), tmp_path / "net.skmtl")
    with pytest.raises(ValueError, match="training_data"):
        skmtl.save(fitted, tmp_path / "net.skmtl", training_data="no")
    assert not list(tmp_path.iterdir())


def test_corrupted_files_are_refused(good, tmp_path):
    path = tmp_path / "file"
    for what, data in islice(corruptions(good, np.random.default_rng(0)), 90):
        path.write_bytes(data)
        if data != good:
            with pytest.raises(FileFormatError):
                pytest.fail(f"{what}: {skmtl.load(path)}")


def test_memory_is_bounded(good, tmp_path):
    path = tmp_path / "file"
    skmtl.save(MultiTaskNetRegressor(**SMALL | {"hidden_layer_sizes": (900, 900)}).fit(X, NUMBERS), path)
    size = path.stat().st_size
    tracemalloc.start()
    skmtl.load(path)
    assert tracemalloc.get_traced_memory()[1] < 2.2 * size  # parameters of torch are traced by nobody
    tracemalloc.stop()


def test_a_failed_save_leaves_the_file(good, tmp_path, monkeypatch):
    with pytest.raises(TypeError, match=r"estimator\.encoder holds generator"):
        skmtl.save(MultiTaskNet(encoder=(k for k in "ab")), tmp_path / "good.skmtl")
    monkeypatch.setattr(os, "fsync", lambda number: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        skmtl.save(MultiTaskNet(), tmp_path / "good.skmtl")
    assert (tmp_path / "good.skmtl").read_bytes() == good
    assert os.listdir(tmp_path) == ["good.skmtl"]


def test_training_goes_on_after_loading(fitted, good, tmp_path):
    loaded = skmtl.load(tmp_path / "good.skmtl")
    for net in (again := clone(loaded).fit(X, NUMBERS), loaded):
        net.partial_fit(X, NUMBERS)
    np.testing.assert_array_equal(again.predict(X), loaded.predict(X))


@pytest.mark.parametrize("device", ["cuda:1", torch.device("cuda"), Device("cuda", cuda_graphs=True)])
def test_what_was_fitted_on_a_gpu_predicts_on_the_cpu(fitted, device, tmp_path):
    skmtl.save(copy.deepcopy(fitted).set_params(device=device), tmp_path / "net")
    loaded = skmtl.load(tmp_path / "net")
    assert loaded.network_.buffer.values.device.type == "cpu"
    np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))


def test_modules_of_users_are_given_back(tmp_path):
    net = MultiTaskNetRegressor(**SMALL, encoder=module()).fit(X, NUMBERS)
    skmtl.save(net, tmp_path / "net")
    for given in (module, module()):
        loaded = skmtl.load(tmp_path / "net", modules={"Sequential": given})
        np.testing.assert_array_equal(loaded.predict(X), net.predict(X))
        assert torch.equal(loaded.encoder[0].weight, net.encoder[0].weight)
    with pytest.raises(FileFormatError, match=r"needs 'Sequential', code of yours.*modules={'Sequential': Sequential}"):
        skmtl.load(tmp_path / "net")
    with pytest.raises(FileFormatError, match=r"other tensors than the module of the fit: 0.bias"):
        skmtl.load(tmp_path / "net", modules={"Sequential": nn.Sequential(nn.Linear(3, 5))})


def make_module(shape):
    return nn.Linear(shape[0], 2)


class Twice(Hard):
    """A sharing architecture of a user's."""


def test_functions_and_classes_of_users_are_given_back(tmp_path):
    encoder = skmtl.encoders.ModuleEncoder(make_module)
    net = MultiTaskNetRegressor(**SMALL, encoder=encoder, sharing=Twice()).fit(X, NUMBERS)
    skmtl.save(net, tmp_path / "net")
    loaded = skmtl.load(tmp_path / "net", modules={"make_module": make_module}, classes={"Twice": Twice})
    np.testing.assert_array_equal(loaded.predict(X), net.predict(X))
    with pytest.raises(FileFormatError, match=r"needs 'Twice', a class of yours.*classes={'Twice': Twice}"):
        skmtl.load(tmp_path / "net", modules={"make_module": make_module})


def test_searches_say_what_to_save(fitted, tmp_path):
    for search in (MultiTaskSearchCV(fitted, {"tol": [1]}), GridSearchCV(fitted, {})):
        search.best_estimator_ = fitted
        with pytest.raises(TypeError, match=r"got (MultiTask|Grid)SearchCV. Save its best_estimator_"):
            skmtl.save(search, tmp_path / "net")
    with pytest.raises(TypeError, match=r"got TaskGroupingCV\. Fit it and save its best_estimator_"):
        skmtl.save(TaskGroupingCV(fitted), tmp_path / "net")
    with pytest.raises(TypeError, match=r"got TaskReport. Keep its table: report.frame\(\)"):
        skmtl.save(skmtl.metrics.task_report(fitted, X, NUMBERS), tmp_path / "net")
    with pytest.raises(TypeError, match=r"got a view of one task\. Save the estimator that it views"):
        skmtl.save(fitted.task_view(0), tmp_path / "net")
    assert not list(tmp_path.iterdir())
    skmtl.save(FrozenEstimator(fitted), tmp_path / "net")
    np.testing.assert_array_equal(skmtl.load(tmp_path / "net").predict(X), fitted.predict(X))


def test_types_of_others_are_to_be_trusted(tmp_path):
    pipeline = make_pipeline(Halving(), MultiTaskNetRegressor(**SMALL)).fit(X, NUMBERS)
    skmtl.save(pipeline, tmp_path / "net")
    with pytest.raises(FileFormatError, match=r"whose code would run\. .*trusted=\['.*Halving'\]") as error:
        skmtl.load(tmp_path / "net")
    name = str(error.value).split("['")[1].split("'")[0]
    for almost in (name + "s", name[:-1]):
        with pytest.raises(FileFormatError, match="whose code would run"):
            skmtl.load(tmp_path / "net", trusted=[almost])
    loaded = skmtl.load(tmp_path / "net", trusted=[name])
    np.testing.assert_array_equal(loaded.predict(X), pipeline.predict(X))


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"trusted": "__main__.Halving"}, r"trusted must be a list of names .*got '__main__.Halving'"),
        ({"trusted": None}, "trusted must be a list of names"),
        ({"modules": ["A"]}, r"modules must be a dict by name, .*got \['A'\]"),
        ({"classes": {1: Hard}}, "classes must be a dict by name"),
        ({"classes": {"A": 5}}, r"classes\['A'\] must be a subclass of one of skmtl's classes; got 5"),
        ({"classes": {"dict": dict}}, r"classes\['dict'\] must be a subclass"),
    ],
)
def test_arguments_of_load_are_checked(good, tmp_path, given, match):
    with pytest.raises(TypeError, match=match):
        skmtl.load(tmp_path / "good.skmtl", **given)


def test_names_of_tasks_that_are_no_text_are_written(tmp_path):
    y = pd.DataFrame(X[:, :2] > 0, columns=pd.Index(["\ud800", ""], dtype=object))
    net = MultiTaskNetClassifier(**SMALL, threshold_metric="f1").fit(X, y)
    skmtl.save(net, tmp_path / "net")
    assert skmtl.load(tmp_path / "net").thresholds_ == net.thresholds_


class Halving(TransformerMixin, BaseEstimator):
    """A transformer of a user's."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X / 2


def test_without_training_data_no_row_is_kept(tmp_path):
    net = MultiTaskNetRegressor(**SMALL, local_correction=True)
    rows = np.random.default_rng(1).normal(size=(300, 3))
    y = np.column_stack([np.sin(9 * rows[:, 0]), rows[:, 1]])
    net.fit(rows, y)
    assert net._postprocessors
    with pytest.warns(UserWarning, match="leaves out the blends and the local correction"):
        skmtl.save(net, tmp_path / "net", training_data=False)
    loaded, tensors = skmtl.load(tmp_path / "net"), opened((tmp_path / "net").read_bytes())[1]
    assert max(tensors.values(), key=lambda t: t.shape[:1]).shape[0] < len(rows)
    net._postprocessors = ()
    np.testing.assert_array_equal(loaded.predict(rows), net.predict(rows))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        skmtl.save(loaded, tmp_path / "again", training_data=False)


def test_new_parameters_have_their_defaults(good, tmp_path):
    content, tensors, metadata = opened(good)
    del find(content, "MultiTaskNetRegressor")["n_jobs"], find(content, "architecture")["task_layer_sizes"]
    (tmp_path / "old").write_bytes(forged(content, tensors, metadata))
    loaded = skmtl.load(tmp_path / "old")
    assert loaded.n_jobs is None
    assert loaded.network_.architecture.task_layer_sizes == ()


def test_unfitted_estimators_and_requests_come_back(tmp_path):
    net = MultiTaskNetClassifier(hidden_layer_sizes=[3], tol=np.float32(0.1), random_state=2**40)
    with config_context(enable_metadata_routing=True):
        net.set_fit_request(groups=True)
    skmtl.save(net, tmp_path / "net")
    loaded = skmtl.load(tmp_path / "net")
    assert repr(loaded) == repr(net)
    assert type(loaded.tol) is np.float32
    assert str(loaded.get_metadata_routing()) == str(net.get_metadata_routing())
    assert "groups" in str(loaded.get_metadata_routing())
