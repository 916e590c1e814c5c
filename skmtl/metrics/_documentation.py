"""What the documentation of all metrics has in common."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from textwrap import fill
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

# Type and text of each parameter; the default comes from the signature.
PARAMETERS = {
    "y_true": (
        "array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)",
        'Labels; NaN, None and pandas.NA mean "no label".',
    ),
    "y_pred": ("array-like or data frame of the same shape", "Predictions."),
    "y_score": (
        "list of array-like, or array-like",
        "Scores or probabilities as ``predict_proba`` gives them: an array ``(n_samples, n_classes)`` a task, None for "
        "a task to leave out; for one task also the array itself. Two classes may have the second one's column only.",
    ),
    "sample_weight": (
        "array-like of shape (n_samples,) or (n_samples, n_tasks)",
        "Weight of each row or cell.",
    ),
    "average": (
        '{"macro", "weighted", "worst"}, str or None',
        "Mean over the tasks, mean weighted by ``task_weights``, or the worst task. The name of a task gives the score "
        "of that task, None the scores of all tasks.",
    ),
    "task_weights": (
        "array-like of shape (n_tasks,), dict or Series",
        'Weight of each task with ``average="weighted"``; by name in a dict or Series, in which unnamed tasks weigh 1. '
        "None: the sum of the sample weights of its observed cells.",
    ),
    "classes": (
        "array-like (one task) or list of array-like",
        "Classes of each task, the ``classes_`` of the estimator: what the columns of scores stand for, and which "
        "classes there are beside those in ``y_true``. None: the labels in ``y_true``.",
    ),
    "missing_label": (
        "object",
        'A further value of ``y_true`` that means "no label", or several in a list, set or array.',
    ),
    "task_names": (
        "sequence",
        "Names of the tasks. None: the columns of a data frame, else ``task0``, ``task1``, ...",
    ),
}
_RETURNS = (
    "float or ndarray of shape (n_tasks,)",
    "Average over the tasks whose score is defined; with ``average=None`` the score of each task, NaN where it is not "
    "defined.",
)


def documented(undefined: str, **parameters: tuple[str, str]) -> Callable[[F], F]:
    """Complete the docstring of a metric by the sections that all have.

    Parameters
    ----------
    undefined : str
        When no score is defined.
    **parameters : tuple of str
        Type and text of parameters that only this metric has, or that mean something else in it.
    """
    texts = PARAMETERS | parameters

    def complete(metric: F) -> F:
        summary, *sections = re.split(
            r"\n(?=(?:Notes|References|Examples)\n-+\n)", inspect.getdoc(metric) or "", maxsplit=1
        )
        entries = [_entry(known, *texts[known.name]) for known in inspect.signature(metric).parameters.values()]
        metric.__doc__ = "\n".join(
            [
                summary.rstrip("\n"),
                "\nParameters\n----------",
                *entries,
                "\nReturns\n-------",
                f"{_RETURNS[0]}\n{_indented(_RETURNS[1])}",
                "\nRaises\n------",
                f"ValueError\n{_indented(f'If {undefined}, or an argument is not usable.')}",
                *(f"\n{section}" for section in sections),
            ]
        )
        return metric

    return complete


def _entry(parameter: inspect.Parameter, kind: str, text: str) -> str:
    name = f"**{parameter.name}" if parameter.kind is parameter.VAR_KEYWORD else parameter.name
    default = "" if parameter.default is parameter.empty else f", default={parameter.default!r}".replace("'", '"')
    return f"{name} : {kind}{default}\n{_indented(text)}"


def _indented(text: str) -> str:
    return fill(text, 100, initial_indent="    ", subsequent_indent="    ", break_long_words=False)
