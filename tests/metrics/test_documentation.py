"""The docstrings that metrics have at run time are complete."""

import inspect

import pytest
from numpydoc.docscrape import FunctionDoc
from numpydoc.validate import validate

from skmtl import metrics

IGNORED = {"RT02", "GL01", "GL02", "ES01", "SA01", "EX01"}  # as scikit-learn does
FUNCTIONS = [name for name in metrics.__all__ if inspect.isfunction(getattr(metrics, name))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_metrics_document_every_parameter_with_its_default(name):
    metric = getattr(metrics, name)
    errors = validate(f"skmtl.metrics.{name}")["errors"]
    assert [error for error in errors if error[0] not in IGNORED] == []
    documented = {entry.name: entry for entry in FunctionDoc(metric)["Parameters"]}
    signature = inspect.signature(metric).parameters
    assert list(documented) == [f"**{p.name}" if p.kind is p.VAR_KEYWORD else p.name for p in signature.values()]
    for parameter in signature.values():
        if parameter.default is not parameter.empty:
            default = repr(parameter.default).replace("'", '"')
            assert documented[parameter.name].type.endswith(f"default={default}")


def test_sections_of_a_metric_stay_behind_the_common_ones():
    sections = [line for line in inspect.getdoc(metrics.arrmse).splitlines() if line.istitle() and " " not in line]
    assert sections == ["Parameters", "Returns", "Raises", "Notes", "References", "Examples"]
    assert "Examples\n--------\n>>> " in inspect.getdoc(metrics.accuracy)
