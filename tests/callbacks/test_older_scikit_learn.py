"""Where scikit-learn has no callbacks, all but these works, and who wants them is told what to do."""

import numpy as np
import pytest

from skmtl import MultiTaskNetRegressor
from skmtl._sklearn import HAS_CALLBACKS
from skmtl.callbacks import Callback, MLflowLogger, TensorBoardLogger


@pytest.mark.skipif(HAS_CALLBACKS, reason="scikit-learn has callbacks since 1.9")
@pytest.mark.parametrize("callback", [Callback(), TensorBoardLogger(), MLflowLogger()])
def test_callbacks_name_the_version_that_they_need(callback):
    net = MultiTaskNetRegressor(hidden_layer_sizes=(4,), n_estimators=1, max_iter=1)
    with pytest.raises(ImportError, match=r"need scikit-learn 1\.9 or newer; this is 1"):
        net.set_callbacks(callback)
    X = np.linspace(-1, 1, 20)[:, None]
    assert net.fit(X, X).predict(X).shape == (20, 1)
