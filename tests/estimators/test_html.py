"""The HTML representation tells what was chosen from the data."""

from html import escape
from importlib import import_module

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskNetClassifier
from skmtl.defaults import Choice
from skmtl.encoders import TokenSequencer
from skmtl.model_selection import MultiTaskSearchCV, TaskGroupingCV

X = np.random.default_rng(0).normal(size=(100, 2))
Y = (X > 0).astype(int)


def net(**params):
    return MultiTaskNetClassifier(hidden_layer_sizes=(4,), n_estimators=1, max_iter=1, random_state=0, **params)


def in_pipeline(model):
    return make_pipeline(StandardScaler(), model)


def in_search(model):
    return MultiTaskSearchCV(model, {"weight_decay": [0.0, 0.1]}, cv=2)


@pytest.mark.parametrize("wrap", [lambda model: model, in_pipeline, in_search])
def test_the_diagram_lists_name_value_and_reason(wrap):
    model = wrap(net())
    assert "chosen from the data" not in model._repr_html_()
    fitted = model.fit(X, Y)
    inner = fitted[-1] if wrap is in_pipeline else getattr(fitted, "best_estimator_", fitted)
    html = fitted._repr_html_()
    assert "Parameters chosen from the data" in html
    for name, (value, reason) in inner.auto_params_.items():
        assert f">{name}</td>" in html
        assert f">{escape(repr(value))}</td><td>{escape(reason)}</td>" in html


def test_nothing_left_open_shows_no_table():
    model = net().fit(X, Y)
    given = net(**{name: choice.value for name, choice in model.auto_params_.items()}).fit(X, Y)
    assert "chosen from the data" not in given._repr_html_()


def test_html_is_escaped():
    model = net().fit(X, Y)
    model.auto_params_ = {"<b>": Choice(["<i>"], "1 < 2 & 3")}
    html = model._repr_html_()
    assert f"{escape('<b>')}</td>" in html
    assert f"{escape(repr(['<i>']))}</td><td>1 &lt; 2 &amp; 3</td>" in html


def test_the_diagram_links_to_the_page_of_a_public_name():
    models = [net(), in_search(net()), TaskGroupingCV(net()), TokenSequencer()]
    for model in models:
        address = model._get_doc_link()
        assert f'href="{address}"' in model._repr_html_()
        module, _, name = address.removesuffix(".html").rpartition("/api/")[2].rpartition(".")
        assert name in import_module(module).__all__


def test_subclasses_of_others_link_to_no_page():
    class Own(MultiTaskNetClassifier):
        """Of someone else."""

    assert Own()._get_doc_link() == ""
