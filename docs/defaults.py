"""Write the page of the defaults from their rules: ``python docs/defaults.py > docs/defaults.md``."""

import inspect
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import replace

from skmtl import MultiTaskNet
from skmtl.defaults import Choice, DataSummary, encoders, estimators, resolve, tasks, trials

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

Five things decide, in this order:

1. what the fit requires, whatever the user gives: training that goes on keeps its type and its inputs, and in front of
   an encoder that is trained with the network inputs are neither scaled nor dropped;
2. the value that the user gives;
3. what short runs show, for the parameters [below](#what-held-out-rows-decide), unless `effort` is "fixed" or "fast";
4. what the encoder prefers;
5. the rule.

## What held-out rows decide

Rules fit the tables that they were drawn around. Rows that members hold out tell more: before training, `fit` trains a
few members for a short while under each of several settings, and goes on with the one whose loss on held-out rows is
least, if it is less than that under the rules by more than its standard error. Two members hold out the same rows, so
that the loss is that which the whole ensemble would have. Settings that are clearly worse halfway are dropped. Then
the settings of the second line are tried around the best of the first:

{rounds}

Of these, values of parameters that the user gives stay as given. `effort="best"` tries further ones, and lets more
members judge. `trials_` of the fitted estimator has what was tried, as columns of a table:

```python
X = rng.normal(size=(150, 20))
y = np.column_stack([X[:, 0] * X[:, 1], X[:, 0] + X[:, 1]])  # the other 18 columns do not matter
model = MultiTaskNetRegressor(hidden_layer_sizes=(16,), n_estimators=2, random_state=0).fit(X, y)
print(model.auto_params_["input_scaling"].value)
print(round(model.trials_["loss"][0], 3), min(model.trials_["loss"]) < 0.5)
```

```text
True
1.0 True
```

### Length of the trials

{trial_sizes}

### Weights of the losses

{loss_weights}

### Length of training

{length}

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
        rounds="\n".join(f"- {', '.join(map(setting, settings))}" for settings in trials.EFFORTS["default"].rounds),
        trial_sizes=text(trials.trial_sizes),
        loss_weights=text(trials.weights_by_noise),
        length=text(trials.length),
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


def setting(values: Mapping[str, object]) -> str:
    """Values of some parameters as code; the length is a multiple of that of the others."""
    shown_values = (f"{name}={value!r}" for name, value in values.items() if name != trials.LENGTH)
    longer = f" for {values[trials.LENGTH]:g} times as long" if trials.LENGTH in values else ""
    return f"`{', '.join(shown_values)}`".replace("'", '"') + longer


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
