"""Curves of all tasks side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import ConfusionMatrixDisplay, PrecisionRecallDisplay, PredictionErrorDisplay, RocCurveDisplay

from skmtl._params import require_choice
from skmtl.inputs import by_task
from skmtl.inspection._history import indices_of
from skmtl.metrics._cells import TaskCells, read_cells, read_score_cells
from skmtl.metrics._labels import classes_of_labels
from skmtl.metrics._scored import Scored
from skmtl.metrics._scores import codes_of_scores
from skmtl.tasks import Task

_MAX_COLUMNS = 4
_PANEL_SIZE = 3.6, 3.4  # inches


def _curves(draw: Callable[..., Any]) -> Callable[[TaskCells, Any], list[Any]]:
    """A curve for the second of two classes, or for each class against the rest."""

    def of_task(cells: TaskCells, ax: Any) -> list[Any]:
        codes, codes_true, scores = codes_of_scores(cells)
        classes = np.union1d(cells.known_classes, cells.y_true)
        shown = codes[1:] if len(codes) == 2 else [code for code in codes if (codes_true == code).any()]
        return [draw(codes_true == code, scores[:, code], cells.weights, str(classes[code]), ax) for code in shown]

    return of_task


def _weighted(display: Any, is_label: np.ndarray, scores: np.ndarray, weights: np.ndarray, name: str, ax: Any) -> Any:
    return display.from_predictions(is_label, scores, sample_weight=weights, name=name, ax=ax)


def _calibration(is_label: np.ndarray, scores: np.ndarray, weights: np.ndarray, name: str, ax: Any) -> Any:
    bins = {"n_bins": 10, "strategy": "quantile"}  # each with as many labels
    return CalibrationDisplay.from_predictions(is_label, scores.clip(0, 1), name=name, ax=ax, **bins)


def _confusion(cells: TaskCells, ax: Any) -> list[Any]:
    rotation = 90 if cells.known_classes.dtype.kind in "US" else 0
    shown = {"colorbar": False, "values_format": ".4g", "xticks_rotation": rotation}
    read = {"labels": classes_of_labels(cells), "sample_weight": cells.weights}
    return [ConfusionMatrixDisplay.from_predictions(cells.y_true, cells.y_pred, ax=ax, **read, **shown)]


def _errors(kind: str) -> Callable[[TaskCells, Any], list[Any]]:
    def of_task(cells: TaskCells, ax: Any) -> list[Any]:
        shown = {"kind": kind, "random_state": 0, "scatter_kwargs": {"alpha": 0.5, "s": 12}}
        return [PredictionErrorDisplay.from_predictions(cells.y_true, cells.y_pred, ax=ax, **shown)]

    return of_task


_OF_SCORES = {
    "roc": _curves(partial(_weighted, RocCurveDisplay)),
    "precision_recall": _curves(partial(_weighted, PrecisionRecallDisplay)),
    "calibration": _curves(_calibration),
}
_OF_LABELS = {"confusion": _confusion}
_OF_NUMBERS = {"residuals": _errors("residual_vs_predicted"), "prediction_error": _errors("actual_vs_predicted")}
_DRAWN = _OF_SCORES | _OF_LABELS | _OF_NUMBERS
Drawing: TypeAlias = Literal["roc", "precision_recall", "calibration", "confusion", "residuals", "prediction_error"]


class PerformanceDisplay:
    """How well each task is predicted: a grid with a curve, a confusion matrix or a scatter plot for each.

    Only cells with a label count. What is drawn is the display of scikit-learn for one target: a curve for the second
    of two classes, or one for each of more classes against the rest. Use :meth:`from_estimator` or
    :meth:`from_predictions`.

    Parameters
    ----------
    cells : sequence of TaskCells
        Names, labels, predictions and weights of the tasks.
    kinds : sequence of str
        What to draw for each task.

    Attributes
    ----------
    task_names : list
        Names of the tasks.
    axes_ : ndarray of shape (n_tasks,), dtype=matplotlib Axes
        Axes of the tasks.
    figure_ : matplotlib Figure
        Figure of the axes.
    displays_ : list of list
        Displays of scikit-learn of each task; none where its labels do not suffice.

    See Also
    --------
    skmtl.metrics.task_report : The same in numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskNet
    >>> from skmtl.inspection import PerformanceDisplay
    >>> X = np.linspace(-1, 1, 60)[:, None]
    >>> y = np.column_stack([X > 0, 3 * X + 1]).astype(float)
    >>> y[::3, 0] = np.nan  # no label
    >>> model = MultiTaskNet(tasks=["binary", "regression"], hidden_layer_sizes=(16,), random_state=0).fit(X, y)
    >>> display = PerformanceDisplay.from_estimator(model, X, y)
    >>> display.kinds
    ['roc', 'prediction_error']
    """

    def __init__(self, *, cells: Sequence[TaskCells], kinds: Sequence[str]) -> None:
        self.cells, self.kinds = list(cells), list(kinds)
        self.task_names = [task.name for task in self.cells]

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        y: Any,
        *,
        kind: Literal["auto"] | Drawing | Mapping[Any, Any] = "auto",
        tasks: Sequence[Any] | None = None,
        sample_weight: Any = None,
        ax: Any = None,
    ) -> Self:
        """Draw the performance of a fitted model on new rows.

        Parameters
        ----------
        model : estimator
            Fitted; one of skmtl's, a view of a task, a multi-output estimator of scikit-learn, or a pipeline or search
            around one of these.
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows that the model was not fitted to.
        y : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
            Labels with holes, as in ``fit``.
        kind : str or dict by task, default="auto"
            "roc", "precision_recall", "calibration" or "confusion" for tasks of classes, "residuals" or
            "prediction_error" for tasks of numbers; tasks that a kind is not for are left out. "auto", and tasks that a
            dict does not name: ROC curves of two classes, confusion matrices of more, true against predicted numbers.
        tasks : sequence of str, default=None
            Names of the tasks to show; all by default.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weight of each row or cell, not in calibration curves. Labels of weight 0 are not drawn.
        ax : sequence of matplotlib Axes, default=None
            Where to draw, one for each task that is shown; a new figure by default.

        Returns
        -------
        PerformanceDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If a task or kind is unknown, or no task suits the kind.
        """
        scored = Scored(model, X, y, sample_weight, None)
        by_name = isinstance(kind, Mapping)
        given = by_task("kind", kind, scored.names, "auto") if by_name else [kind] * len(scored.names)
        kinds = [_kind_of(task, of_task) for task, of_task in zip(scored.likely_tasks, given, strict=True)]
        for name, of_task, found in zip(scored.names, given, kinds, strict=True):
            if by_name and found is None:
                raise ValueError(
                    f"kind: {of_task!r} is not for the kind of task {name!r}. Leave it out, or choose another."
                )
        asked = indices_of(tasks, [str(name) for name in scored.names])
        drawn = {k: of_task for k in asked if (of_task := kinds[k]) is not None}
        if not drawn:
            raise ValueError(f"kind={kind!r} is not for the kind of any task that is shown. Choose another, or 'auto'.")
        cells = [
            scored.cells("predict_proba" if of_task in _OF_SCORES else "predict")[k] for k, of_task in drawn.items()
        ]
        return cls(cells=cells, kinds=list(drawn.values())).plot(ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any,
        *,
        kind: Drawing,
        sample_weight: Any = None,
        classes: Any = None,
        missing_label: object = None,
        task_names: Any = None,
        ax: Any = None,
    ) -> Self:
        """Draw the performance of predictions, say of out-of-fold ones.

        Parameters
        ----------
        y_true : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
            Labels with holes.
        y_pred : array-like or data frame of the same shape, or list of array-like
            Predictions; for "roc", "precision_recall" and "calibration" probabilities as ``predict_proba`` gives them,
            with None for a task to leave out.
        kind : {"roc", "precision_recall", "calibration", "confusion", "residuals", "prediction_error"}
            What to draw for each task.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weight of each row or cell; see :meth:`from_estimator`.
        classes : array-like (one task) or list of array-like, default=None
            Classes of each task; None: the labels in ``y_true``.
        missing_label : object, default=None
            A further value of ``y_true`` that means "no label", or several in a list, set or array.
        task_names : sequence, default=None
            Names of the tasks; None: the columns of a data frame, else ``task0``, ``task1``, ...
        ax : sequence of matplotlib Axes, default=None
            Where to draw, one for each task; a new figure by default.

        Returns
        -------
        PerformanceDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If the kind is unknown, arrays do not go together, or no label has a prediction.
        """
        require_choice("kind", kind, _DRAWN)
        read = read_score_cells if kind in _OF_SCORES else read_cells
        cells = [
            one for one in read(y_true, y_pred, sample_weight, missing_label, task_names, classes) if len(one.y_true)
        ]
        if not cells:
            raise ValueError("No task has a label and a prediction. Pass the predictions of labelled rows.")
        return cls(cells=cells, kinds=[kind] * len(cells)).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the tasks.

        Parameters
        ----------
        ax : sequence of matplotlib Axes, default=None
            Where to draw, one for each task; a new figure by default.

        Returns
        -------
        PerformanceDisplay
            This display.

        Raises
        ------
        ValueError
            If there are not as many axes as tasks.
        """
        self.axes_ = _make_grid(len(self.cells)) if ax is None else np.asarray(ax, dtype=object).ravel()
        if len(self.axes_) != len(self.cells):
            raise ValueError(f"ax must hold one Axes for each of the {len(self.cells)} tasks; got {len(self.axes_)}.")
        self.figure_ = self.axes_[0].figure
        self.displays_: list[list[Any]] = []
        for cells, kind, axes in zip(self.cells, self.kinds, self.axes_, strict=True):
            n_distinct = len(np.unique(cells.y_true))
            if n_distinct > (kind in _OF_SCORES):
                self.displays_.append(_DRAWN[kind](cells, axes))
            else:
                self.displays_.append([])
                text = "labels of one class" if n_distinct else "no labels"
                axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)
            axes.set(title=f"{cells.name} ({len(cells.y_true)} labels)", xlabel=_short(axes.get_xlabel()))
            axes.set_ylabel(_short(axes.get_ylabel()))
        return self


def _kind_of(task: Task, kind: str) -> str | None:
    """What to draw for a task; None where the kind is not for it."""
    require_choice("kind", kind, ("auto", *_DRAWN))
    if kind == "auto":
        several = task.classes is not None and len(task.classes) > 2
        return "prediction_error" if task.classes is None else "confusion" if several else "roc"
    return kind if (kind in _OF_NUMBERS) == (task.classes is None) else None


def _short(label: str) -> str:
    """Label of an axis without the number that stands for the class."""
    return label.partition(" (Positive")[0]


def _make_grid(n_panels: int) -> np.ndarray:
    """Axes in rows of a new figure, ``(n_panels,)``."""
    import matplotlib.pyplot as plt

    n_columns = min(n_panels, _MAX_COLUMNS)
    n_rows = -(-n_panels // n_columns)
    size = n_columns * _PANEL_SIZE[0], n_rows * _PANEL_SIZE[1]
    axes = plt.subplots(n_rows, n_columns, figsize=size, squeeze=False, layout="constrained")[1].ravel()
    for unused in axes[n_panels:]:
        unused.remove()
    panels: np.ndarray = axes[:n_panels]
    return panels
