"""Write the page of the defaults from their rules: ``python docs/defaults.py > docs/defaults.md``."""

import inspect
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import replace

from skmtl import MultiTaskNet
from skmtl.defaults import Choice, DataSummary, encoders, estimators, resolve, tasks

Rules = Mapping[str, tuple[Callable[..., object] | Choice, ...]]

ESTIMATOR_RULES: Rules = {name: (rule,) for name, rule in estimators.RULES.items()} | {
    "input_scaling": (estimators.input_scaling, estimators.relevance_epochs, estimators.n_inputs_read)
}
SETTING_RULES: Rules = {
    "TabularEncoder(numeric)": (encoders.numeric,),
    "TabularEncoder(n_bins)": (encoders.n_bins,),
    "ConvolutionEncoder(stride)": (encoders.stride,),
    "SquaredError(far)": (tasks.far, tasks.glitches),
}
ENCODER_RULES: Rules = {
    "TabularEncoder": (encoders.tabular_preferences,),
    "ConvolutionEncoder": (encoders.convolution_preferences,),
    "SequenceEncoder": (encoders.sequence_preferences,),
    "ModuleEncoder": (encoders.module_preferences,),
}

REGRESSION = DataSummary(n_rows=150, n_distinct=150, n_inputs=30, n_outputs=3, classification=(False,) * 3)
CLASSIFICATION = replace(REGRESSION, n_rows=1000, n_distinct=1000, classification=(True,) * 3)
MIXED = replace(REGRESSION, n_rows=5000, n_distinct=5000, classification=(True, True, False))
LARGE = replace(CLASSIFICATION, n_rows=50_000, n_distinct=50_000, n_inputs=500)
EXAMPLES = {
    "regression, 150 x 30": REGRESSION,
    "classification, 1000 x 30": CLASSIFICATION,
    "both, 5000 x 30": MIXED,
    "classification, 50,000 x 500": LARGE,
}

PAGE = """\
# Defaults

A parameter that is `"auto"` is chosen from the data when `fit` is called. This page is written by
`python docs/defaults.py` from the rules themselves, in `skmtl.defaults`; the rules may change between versions. A
fitted estimator tells what was chosen, and why, in `auto_params_` and in its HTML representation:

```python
import numpy as np
from skmtl import MultiTaskNetRegressor

rng = np.random.default_rng(0)
X, y = rng.normal(size=(90, 4)), rng.normal(size=(90, 3))
model = MultiTaskNetRegressor(hidden_layer_sizes=(8,), max_iter=5).fit(X, y)
print(model.auto_params_["batch_size"])
print(model.auto_params_["dropout"].value)
```

```text
{printed}
```

Four things decide, in this order:

1. what the fit requires, whatever the user gives: training that goes on keeps its type and its inputs, and in front of
   an encoder that is trained with the network inputs are neither scaled nor dropped;
2. the value that the user gives;
3. what the encoder prefers;
4. the rule.

## Examples

Rows x encoded inputs, three tasks, a CPU, no preferences of the encoder, and the other parameters at their defaults:

{examples}

For the first of them, with the reasons:

{reasons}

## Parameters of the estimators

{estimator_rules}

## What encoders prefer

{encoder_rules}

## Settings of encoders and losses

{setting_rules}
"""


def page() -> str:
    """Text of the page."""
    choices = {name: choices_of(summary) for name, summary in EXAMPLES.items()}
    first = choices["regression, 150 x 30"]
    values = [[f"`{name}`", *(shown(of[name].value) for of in choices.values())] for name in ESTIMATOR_RULES]
    reasons = [[f"`{name}`", shown(first[name].value), first[name].reason] for name in ESTIMATOR_RULES]
    small = choices_of(replace(REGRESSION, n_rows=90, n_distinct=90, n_inputs=4))
    return PAGE.format(
        printed=f"{small['batch_size']}\n{small['dropout'].value}",
        examples=table(["parameter", *choices], values),
        reasons=table(["parameter", "value", "reason"], reasons),
        estimator_rules=texts(ESTIMATOR_RULES),
        encoder_rules=texts(ENCODER_RULES),
        setting_rules=texts(SETTING_RULES),
    )


def choices_of(summary: DataSummary) -> dict:
    """Choices for some data."""
    return resolve(MultiTaskNet().get_params(deep=False), summary, {})[1]


def shown(value: object) -> str:
    """Value as code."""
    return f"`{value!r}`".replace("'", '"')


def table(head: list[str], rows: list[list[str]]) -> str:
    """Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def texts(rules: Rules) -> str:
    """A section for each name, of the docstrings of its rules."""
    return "\n\n".join(f"### `{name}`\n\n" + "\n\n".join(map(text, functions)) for name, functions in rules.items())


def text(rule: Callable[..., object] | Choice) -> str:
    """Docstring of a rule with its constants filled in, in Markdown; or what is always chosen."""
    if isinstance(rule, Choice):
        return f"{shown(rule.value)}: {rule.reason}."
    doc = inspect.getdoc(rule)
    assert doc is not None
    filled = doc.format_map(rule.__globals__).replace("``", "`")
    return "\n\n".join(textwrap.fill(paragraph, 120, break_long_words=False) for paragraph in filled.split("\n\n"))


if __name__ == "__main__":
    sys.stdout.write(page())
