"""What leaves as a torch module predicts what the estimator predicts."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.preprocessing import FunctionTransformer
from torch import nn

import skmtl
from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.encoders import ConvolutionEncoder, SequenceEncoder, TabularEncoder
from skmtl.export import to_codes
from skmtl.export._calibration import CALIBRATORS
from skmtl.export._network import NetworkModule
from skmtl.export._responses import RESPONSES, MeanResponses
from skmtl.export._target_transforms import inverse_module
from skmtl.network import Network
from skmtl.postprocess._kernel_ridge import KERNELS, UNCLIPPED
from skmtl.sharing import SHARINGS
from skmtl.tasks import TARGET_TRANSFORMS, Quantile, SquaredError, Task, TaskLayout
from tests._builders import make_network

SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (4,),
    "n_estimators": 2,
    "max_iter": 3,
    "dtype": "float32",
    "random_state": 0,
}


def predictions(net: Any, X: Any) -> list[np.ndarray]:
    """What the module of a net is to give: probabilities of classes, and numbers."""
    probabilities = net.predict_proba(X) if hasattr(net, "predict_proba") else [None] * len(net.tasks_)
    labels = net.predict(X)
    return [labels[:, k].astype(float) if p is None else p for k, p in enumerate(probabilities)]


def assert_same(net: Any, X: Any, raw: np.ndarray) -> None:
    module = net.to_module()
    with torch.no_grad():
        exported = module(torch.from_numpy(raw))
    assert list(exported) == [str(task.name) for task in net.tasks_]
    for found, wanted in zip(exported.values(), predictions(net, X), strict=True):
        assert found.dtype == torch.from_numpy(wanted).dtype
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-5, atol=1e-5)


def rows_of_all_kinds(X: pd.DataFrame) -> pd.DataFrame:
    """New rows with an unknown category, a missing one, and a missing number in a column that had none."""
    X = X[:40].assign(year=X["year"][:40] + 0.1)
    X.loc[3, "place"], X.loc[4, "place"], X.loc[5, "year"] = "Lima", None, np.nan
    return X


def test_tables_with_corrections_of_an_ensemble(net: MultiTaskNet, table: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    X = rows_of_all_kinds(table[0])
    assert_same(net, X, to_codes(net, X))


def test_codes_are_positions_of_values(net: MultiTaskNet, table: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    X = rows_of_all_kinds(table[0])
    with pytest.raises(ValueError, match="feature names should match"):
        to_codes(net, X.iloc[:, :3])
    codes = to_codes(net, X)[:, 1]
    assert codes[3] == -1
    assert np.isnan(codes[4])
    known = X["place"].isin(["Oslo", "Porto"]).to_numpy()
    assert np.array_equal(codes[known], X["place"][known] == "Porto")


def test_rows_that_are_encoded_already(net: MultiTaskNet, table: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    codes = torch.from_numpy(to_codes(net, table[0]))
    encoded = torch.from_numpy(net.encoder_.transform(table[0], np.float32))
    with torch.no_grad():
        whole, rest = net.to_module()(codes), net.to_module(include_encoder=False)(encoded)
    for name in whole:
        np.testing.assert_allclose(rest[name], whole[name], rtol=1e-5, atol=1e-5)


def test_a_blend_that_undoes_the_clip_of_numbers() -> None:
    rng = np.random.default_rng(0)
    X = 3 * rng.standard_t(2, size=(60, 3))
    net = MultiTaskNetRegressor(kernel_blend=True, **(SMALL | {"n_estimators": 4})).fit(X, X @ [[1.0], [-1.0], [2.0]])
    (blend,) = net._postprocessors
    assert KERNELS[max(blend.tasks_[0].duals)][0] == UNCLIPPED
    assert_same(net, np.vstack([X, 10 * X]), np.vstack([X, 10 * X]))


def test_a_module_can_be_copied_and_changed(net: MultiTaskNet, table: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    rows, before = torch.from_numpy(to_codes(net, table[0])), net.predict(table[0])
    module = net.to_module()
    copied = copy.deepcopy(module)
    with torch.no_grad():
        first = module(rows)
        for parameter in module.parameters():
            parameter.zero_()
        assert not torch.equal(module(rows)["price"], first["price"])
        assert torch.equal(copied(rows)["price"], first["price"])
    assert np.array_equal(net.predict(table[0]), before)


@pytest.mark.parametrize(
    ("layer", "pooling", "both"),
    [("gru", "max", True), ("lstm", "last", True), ("gru", "mean", False), ("mean", "max", False)],
)
def test_tokens(layer: str, pooling: str, both: bool) -> None:
    rng = np.random.default_rng(0)
    X = 7 * rng.integers(0, 5, (60, 5))
    encoder = SequenceEncoder(
        layer=layer,
        n_units=3,
        embedding_size=3,
        bidirectional=both,
        pooling=pooling,  # type: ignore[arg-type]
    )
    y = np.column_stack([X[:, 0] > 13, (X > 0).sum(1)])
    net = MultiTaskNet(tasks=["binary", "regression"], encoder=encoder, **SMALL).fit(X, y)
    X[0], X[1, 2], X[2, 1] = 0, 3, 10**9  # padding only, an unknown token within the vocabulary, one beyond it
    assert_same(net, X, X)


@pytest.mark.parametrize(
    "encoder",
    [ConvolutionEncoder(channels=(4, 6)), nn.Sequential(nn.Flatten(), nn.Linear(36, 4), nn.BatchNorm1d(4), nn.GELU())],
    ids=["convolution", "module"],
)
def test_images(encoder: Any) -> None:
    X = np.random.default_rng(0).normal(3.0, 2.0, size=(40, 1, 6, 6)).astype(np.float32)
    y = np.column_stack([X.mean((1, 2, 3)) > 3, X[:, 0, 0, 0]])
    assert_same(MultiTaskNet(tasks=["binary", "regression"], encoder=encoder, **SMALL).fit(X, y), X, X)


@pytest.mark.parametrize("sharing", SHARINGS)
def test_members_of_every_architecture(sharing: str) -> None:
    network = make_network(
        sharing, 3, [4, 4], [1, 3], seeds=[0, 1], task_layer_sizes=(2,), input_scale=np.array([[1.0, 2, 3], [0, 1, 1]])
    )
    rows = torch.linspace(-1, 1, 15, dtype=torch.float64).view(5, 3)
    with torch.no_grad():
        for some in (rows, rows[:0]):
            assert torch.equal(NetworkModule(network)(some), network(some[None]))


def test_quantiles_and_constant_targets() -> None:
    X = np.random.default_rng(0).normal(size=(40, 2))
    y = np.column_stack([X[:, 0], np.full(40, 1e9 + 0.5)])
    net = MultiTaskNetRegressor(loss=Quantile([0.1, 0.5, 0.9]), **SMALL).fit(X, y)
    with torch.no_grad():
        moving, constant = net.to_module()(torch.from_numpy(X)).values()
    np.testing.assert_allclose(moving, net.predict_quantiles(X)[0], rtol=1e-5, atol=1e-5)
    assert (constant == 1e9 + 0.5).all()


def test_quantiles_that_cross_are_sorted() -> None:
    kind, outputs = Quantile([0.1, 0.5, 0.9]), np.random.default_rng(0).normal(size=(2, 5, 6))
    tasks = [Task("a", kind, center=1.0, scale=2.0), Task("b", kind, center=-3.0, scale=0.5)]
    found = RESPONSES[Quantile.response](tasks)(torch.from_numpy(outputs))
    np.testing.assert_allclose(found, kind.response(tasks, outputs), rtol=1e-12)


@pytest.mark.parametrize("name", TARGET_TRANSFORMS)
def test_inverses_of_transforms(name: str) -> None:
    labels = np.random.default_rng(0).exponential(size=50) ** 2
    transform = TARGET_TRANSFORMS[name]().fitted("t", labels, np.ones(50))
    numbers = np.linspace(transform.low - 1, transform.high + 1, 201)
    found = inverse_module(transform)(torch.from_numpy(numbers)).numpy()
    np.testing.assert_allclose(found, transform.inverse(numbers), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", CALIBRATORS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_calibrators(method: Any, n_classes: int) -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(n_classes), 60)
    probabilities[0] = np.eye(n_classes)[0]
    truth = (probabilities.cumsum(1) < rng.random((60, 1))).sum(1).clip(max=n_classes - 1)
    calibrator = method.fit(probabilities, truth, np.ones(60))
    found = CALIBRATORS[method](calibrator)(torch.from_numpy(probabilities)).numpy()
    np.testing.assert_allclose(found, calibrator(probabilities), rtol=1e-9, atol=1e-12)


def test_members_that_count_for_some_tasks_only(net: MultiTaskNet) -> None:
    layout: TaskLayout = net._layout
    outputs = np.random.default_rng(0).normal(size=(3, 5, sum(layout.n_outputs)))
    weights = np.array([[0.5, 0, 1, 0.2], [0.5, 0, 0, 0.3], [0, 1, 0, 0.5]])
    found = MeanResponses(layout, weights)(torch.from_numpy(outputs))
    for response, wanted in zip(found, layout.weighted_responses(outputs, weights), strict=True):
        np.testing.assert_allclose(response, wanted, rtol=1e-12)


ARCSINH = FunctionTransformer(np.arcsinh, np.sinh)


class OwnEncoder(TabularEncoder):
    pass


class OwnLoss(SquaredError):
    def response(self, tasks: Any, outputs: np.ndarray) -> np.ndarray:
        return super().response(tasks, outputs)


class LossAlone(SquaredError):
    """Changes nothing that predictions need."""


X = np.random.default_rng(0).normal(size=(30, 2))


@pytest.mark.parametrize(
    ("net", "match"),
    [
        (MultiTaskNetRegressor(encoder=OwnEncoder(), **SMALL), r"encoder=OwnEncoder.*include_encoder=False"),
        (MultiTaskNetRegressor(loss=OwnLoss(), **SMALL), r"loss=OwnLoss.*Use a loss of skmtl.tasks"),
        (
            MultiTaskNetRegressor(target_transform=FunctionTransformer(np.arcsinh, np.sinh), **SMALL),
            r"target_transform=.*Use a name",
        ),
    ],
)
def test_what_is_not_of_skmtl_is_refused(net: MultiTaskNetRegressor, match: str) -> None:
    fitted = clone(net).fit(X, X)
    with pytest.raises(NotImplementedError, match=match):
        fitted.to_module()


def test_what_predictions_need_decides_on_refusals() -> None:
    assert_same(net := MultiTaskNetRegressor(loss=LossAlone(), **SMALL).fit(X, X), X, X)
    assert isinstance(net.network_, Network)


def test_dates_are_encoded_by_the_calendar(tmp_path: Path) -> None:
    when = pd.Series(pd.date_range("1896-02-27 05:30", "2104-03-01", periods=400)).dt.round("us")
    days = ["1900-02-28", "1900-03-01", "2000-02-29T23:59:59", "2000-12-31", "1969-12-31", "2100-03-01"]
    when = pd.concat([when, pd.Series(pd.to_datetime(days, format="ISO8601"))], ignore_index=True)
    dated = pd.DataFrame({"x": np.random.default_rng(0).normal(size=406), "when": when})
    dated.loc[::9, "when"] = pd.NaT
    y = np.column_stack([dated["when"].dt.hour.fillna(-5), dated["when"].dt.month.fillna(0)])
    net = MultiTaskNetRegressor(**SMALL).fit(dated, y)
    skmtl.save(net, tmp_path / "net")
    assert len(net.encoder_.dates_[0].parts) + len(net.encoder_.dates_[0].cycles) == 10
    rows = torch.from_numpy(to_codes(net, dated))
    encoded = net.to_module().encoder(rows)
    np.testing.assert_allclose(encoded, net.encoder_.transform(dated, "float32"), rtol=1e-6, atol=1e-6)
    assert_same(skmtl.load(tmp_path / "net"), dated, rows.numpy())


def test_dates_with_a_time_zone_are_refused() -> None:
    zoned = pd.DataFrame({"x": X[:, 0], "when": pd.date_range("2020", periods=30, tz="Asia/Tokyo")})
    net = MultiTaskNetRegressor(**SMALL).fit(zoned, X)
    for export in (net.to_module, lambda: to_codes(net, zoned)):
        with pytest.raises(NotImplementedError, match=r"dates with a time zone in column 'when'.*tz_convert"):
            export()
    assert isinstance(net.to_module(include_encoder=False), nn.Module)


def test_names_that_are_equal_as_text_are_refused() -> None:
    y = pd.DataFrame({1: X[:, 0], "1": X[:, 1]})
    with pytest.raises(ValueError, match="several tasks whose names are '1' as text"):
        MultiTaskNetRegressor(**SMALL).fit(X, y).to_module()


@pytest.mark.parametrize(
    ("encoder", "shape", "others", "wanted"),
    [
        (TabularEncoder(), (3,), [(2,), (4,), (3, 1), ()], r"\(n_samples, 3\), .*fitted to"),
        (SequenceEncoder(n_units=2, embedding_size=2), (3,), [(2,), (4,)], r"\(n_samples, 3\)"),
        (
            ConvolutionEncoder(channels=(2,)),
            (1, 4, 4),
            [(4, 1, 4), (2, 4, 4), (8,)],
            r"1, 4, 4\) or .*4, 4\) or .*16\)",
        ),
    ],
    ids=["table", "tokens", "images"],
)
def test_rows_of_another_shape_are_refused(encoder: Any, shape: Any, others: Any, wanted: str) -> None:
    rows = torch.ones(20, *shape, dtype=torch.int64)
    net = MultiTaskNetRegressor(encoder=encoder, **SMALL).fit(rows.numpy(), X[:20])
    module = net.to_module()
    for other in others:
        with pytest.raises(ValueError, match=rf"X must have the shape .*{wanted}"):
            module(torch.ones(20, *other, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"encoder_\.transform gives"):
        net.to_module(include_encoder=False)(torch.ones(20, net.encoder_.n_outputs_ + 1))
    with pytest.raises(TypeError, match=r"X must be a tensor; got ndarray\. Pass torch\.from_numpy"):
        module(rows.numpy())
    with pytest.raises(ValueError, match=r"include_encoder must be True or False; got 'no'"):
        net.to_module(include_encoder="no")


def test_codes_are_made_of_tables_only() -> None:
    ids = np.ones((20, 2), dtype=int)
    net = MultiTaskNetClassifier(encoder=SequenceEncoder(n_units=2, embedding_size=2), **SMALL).fit(ids, X[:20] > 0)
    with pytest.raises(TypeError, match="whose exported form takes images, tokens or other rows as they are"):
        to_codes(net, ids)
