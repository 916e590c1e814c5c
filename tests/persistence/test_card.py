"""Model cards."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskNet, model_card
from tests._variants import SMALL

ROWS = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)), columns=["a|b", "c"])
LABELS = pd.DataFrame({"sick": np.where(ROWS["c"] > 0, "yes", "no"), "dose": ROWS["a|b"], "flat": 2.5})


def test_a_card_tells_what_was_fitted():
    net = make_pipeline(StandardScaler().set_output(transform="pandas"), MultiTaskNet(**SMALL)).fit(ROWS, LABELS)
    card = model_card(net, title="Doses")
    scores = net[-1].oof_score_
    for line in (
        "# Doses",
        "- MultiTaskNet, within Pipeline.",
        "- 2 features: a|b, c.",
        f"| sick | binary | 2 classes: no, yes | {scores['sick']:.3f} |",
        f"| dose | regression | numbers | {scores['dose']:.3f} |",
        "| hidden_layer_sizes | `(4,)` |",
        "- All labels were equal, so that nothing was learned: flat.",
        "- Probabilities are not calibrated.",
    ):
        assert line in card.splitlines(), card
    for name, choice in net[-1].auto_params_.items():
        assert f"| {name} | {choice.value} | " in card
    alone = MultiTaskNet(**SMALL | {"early_stopping": False}).fit(ROWS, LABELS)
    assert "No network held out rows" in model_card(alone)


def test_a_card_needs_a_fitted_estimator_and_a_title():
    with pytest.raises(NotFittedError):
        model_card(MultiTaskNet())
    net = MultiTaskNet(**SMALL).fit(ROWS, LABELS)
    with pytest.raises(TypeError, match=r"got a view of one task\. Pass the estimator that it views"):
        model_card(net.task_view(0))
    with pytest.raises(TypeError, match="title must be a string; got None"):
        model_card(net, title=None)
