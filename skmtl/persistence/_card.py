"""A text about a fitted estimator."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from skmtl._sklearn import final_model, layers_of
from skmtl._version import __version__
from skmtl.estimators._inner import require_net
from skmtl.estimators._task_view import TaskView
from skmtl.persistence._save import LIBRARIES
from skmtl.postprocess import KernelBlend, LocalCorrection, TreeBlend
from skmtl.tasks import Task, kind_name

MANY = 8  # classes or features of which only so many are named


def model_card(estimator: Any, *, title: str = "Model card") -> str:
    """Describe a fitted estimator: a text to complete, and to put beside its file.

    Parameters
    ----------
    estimator : estimator
        Fitted: one of skmtl's, or a pipeline or search that ends in one.
    title : str, default="Model card"
        First heading.

    Returns
    -------
    str
        Markdown: the model, its tasks with their labels and out-of-fold scores, parameters, what ``"auto"`` stood for,
        versions and limits.

    Raises
    ------
    NotFittedError
        If it is not fitted.
    TypeError
        If no estimator of skmtl is at the end of it, or ``title`` is no string.

    Examples
    --------
    >>> import numpy as np
    >>> import skmtl
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> net = skmtl.MultiTaskNetRegressor(max_iter=2, n_estimators=2).fit(X, X[:, :2])
    >>> print(skmtl.model_card(net, title="Sums").splitlines()[0])
    # Sums
    """
    if isinstance(estimator, TaskView):
        raise TypeError("model_card takes whole estimators; got a view of one task. Pass the estimator that it views.")
    if not isinstance(title, str):
        raise TypeError(f"title must be a string; got {title!r}.")
    require_net(estimator)
    net = final_model(estimator)
    parts = {
        "Model": _bullets(_model(estimator, net)),
        "Tasks": _tasks(net),
        "Parameters": _table(["parameter", "value"], _changed(net)) or "All have their defaults.",
        "What was left open": _table(
            ["parameter", "value", "reason"], [(name, c.value, c.reason) for name, c in net.auto_params_.items()]
        ),
        "Versions": _table(["library", "version"], _versions()),
        "Limits": _bullets(_limits(net)),
    }
    sections = [f"## {name}\n\n{text}\n" for name, text in parts.items() if text]
    return "\n".join([f"# {title}\n", *sections])


def _model(estimator: Any, net: Any) -> Iterator[str]:
    yield ", within ".join(type(layer).__name__ for layer in reversed(layers_of(estimator))) + "."
    network = net.network_
    sizes = ", ".join(map(str, network.architecture.hidden_layer_sizes)) or "none"
    yield (
        f"{network.architecture.members} networks of {network.n_parameters} parameters each, "
        f"{network.architecture.dtype}; hidden layers: {sizes}; sharing: `{network.architecture.sharing!r}`."
    )
    names = getattr(net, "feature_names_in_", None)
    features = "" if names is None else f": {_some(names.tolist())}"
    yield f"{net.n_features_in_} features{features}."
    yield f"{net.n_iter_} epochs."


def _tasks(net: Any) -> str:
    scores = {} if net._out_of_fold is None else net.oof_score_
    rows = [
        (task.name, kind_name(task.kind), _labels(task), f"{scores[task.name]:.3f}" if task.name in scores else "")
        for task in net.tasks_
    ]
    told = (
        "Scores are of training rows, each predicted by the networks that did not learn from it: accuracy of classes, "
        "R2 of numbers."
        if scores
        else "No network held out rows, so there are no out-of-fold scores."
    )
    return f"{_table(['task', 'kind', 'labels', 'out-of-fold score'], rows)}\n\n{told}"


def _labels(task: Task) -> str:
    if task.classes is not None:
        return f"{len(task.classes)} classes: {_some(task.classes.tolist())}"
    if task.is_constant:
        return "one number"
    return "numbers" if task.transform is None else f"numbers, learned as `{task.transform!r}`"


def _changed(net: Any) -> list[tuple[str, Any]]:
    defaults = type(net)().get_params(deep=False)
    given = {name: value for name, value in net.get_params(deep=False).items() if repr(value) != repr(defaults[name])}
    return [(name, f"`{' '.join(repr(value).split())}`") for name, value in given.items()]


def _versions() -> list[tuple[str, str]]:
    own = [("skmtl", __version__), ("Python", platform.python_version())]
    return [*own, *((name, module.__version__) for name, module in LIBRARIES.items())]


def _limits(net: Any) -> Iterator[str]:
    scores = None if net._out_of_fold is None else net.oof_score_
    if scores is not None:
        yield "The length of training was chosen on held-out rows, too, so that out-of-fold scores are a little high."
        unknown = [task.name for task in net.tasks_ if not np.isfinite(scores.get(task.name, np.nan))]
        if unknown:
            yield f"Without a score: {_some(unknown)}."
    if constant := [task.name for task in net.tasks_ if task.is_constant]:
        yield f"All labels were equal, so that nothing was learned: {_some(constant)}."
    if any(task.kind.is_classifier for task in net.tasks_) and getattr(net, "calibration", None) is None:
        yield "Probabilities are not calibrated."
    if any(isinstance(one, KernelBlend | LocalCorrection) for one in net._postprocessors):
        yield "The model holds encoded training rows, which it compares new ones with."
    if any(isinstance(one, TreeBlend) for one in net._postprocessors):
        yield "The model holds labels of training rows, in the leaves of trees."
    yield "Rows unlike those of the fit are predicted without a warning; unknown categories count as none of the known."
    yield "To complete: what it is for, where the rows come from, groups for which it was not tested."


def _some(values: Sequence[Any]) -> str:
    named = ", ".join(map(str, values[:MANY]))
    return named if len(values) <= MANY else f"{named}, and {len(values) - MANY} more"


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Markdown table, empty without rows; bars in cells are escaped."""
    lines = [names, ["---"] * len(names), *rows]
    cells = ([str(cell).replace("|", r"\|").replace("\n", " ") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) if rows else ""
