"""A table with everything that an exported model may have to do with, and a net that was fitted to it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from skmtl import MultiTaskNet
from skmtl.encoders import TabularEncoder


@pytest.fixture(scope="session")
def table() -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(0)
    year = rng.normal(2000.0, 1.0, 120)
    amount = np.where(rng.random(120) < 0.2, np.nan, rng.exponential(size=120))
    place = rng.choice(np.array(["Oslo", "Porto", None], dtype=object), 120)
    X = pd.DataFrame({"year": year, "place": place, "amount": amount, "old": year < 1999})
    step = np.sin(4 * year) + (place == "Oslo")
    y = pd.DataFrame({"price": np.exp(step), "sold": step + 2 * rng.normal(size=120) > 0})
    y["X"] = (3 * step).astype(int).astype(str)  # the name of the input of ONNX files
    y["view"] = rng.poisson(np.exp(step))  # a name that torch gives to values of graphs
    return X, y


@pytest.fixture(scope="session")
def net(table: tuple[pd.DataFrame, pd.DataFrame]) -> Any:
    fitted = MultiTaskNet(
        tasks={"price": "regression", "view": "poisson"},
        target_transform={"price": "quantile"},
        encoder=TabularEncoder(numeric="piecewise", n_bins=4),
        hidden_layer_sizes=(4,),
        n_estimators=4,
        max_iter=15,
        learning_rate_init=0.1,
        kernel_blend=True,
        tree_blend=True,
        local_correction=True,
        calibration="sigmoid",
        threshold_metric="f1",
        dtype="float32",
        random_state=0,
    ).fit(*table)
    assert len(fitted._postprocessors) == 4
    return fitted
