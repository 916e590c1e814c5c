"""scikit-learn's private names, its callbacks where it has them, and the estimators that it wraps around others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import sklearn
from sklearn import get_config
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics._scorer import _BaseScorer, _MultimetricScorer, _PassthroughScorer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._split import _BaseKFold
from sklearn.model_selection._validation import _insert_error_scores, _score, _warn_or_raise_about_fit_failures
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions, validate_parameter_constraints
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params, _num_samples

F = TypeVar("F", bound=Callable[..., Any])

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks

    HAS_CALLBACKS = True
except ImportError:  # scikit-learn < 1.9
    HAS_CALLBACKS = False

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in where scikit-learn has no callbacks."""

        def set_callbacks(self, *callbacks: Any) -> None:
            """Refuse with the cure."""
            raise ImportError(
                f"Callbacks need scikit-learn 1.9 or newer; this is {sklearn.__version__}. Upgrade it, or fit without."
            )

    def _with_callbacks(fit: F) -> F:
        """Return ``fit`` unchanged."""
        return fit


with_callbacks: Callable[[F], F] = _with_callbacks  # which has no types


class DocLinkMixin:
    """Links the HTML representation of an estimator to its page of the API reference."""

    _doc_link_module = "skmtl"
    _doc_link_template = "https://skmtl.readthedocs.io/en/stable/api/{page}.html"

    def _doc_link_url_param_generator(self) -> dict[str, str]:
        """Name of the page: estimators are public names of ``skmtl`` itself, all else of its package."""
        package = type(self).__module__.split(".")[1]
        module = "skmtl" if package == "estimators" else f"skmtl.{package}"
        return {"page": f"{module}.{type(self).__name__}"}


class FitProgress:
    """Tells the estimator's callbacks of a fit and of its steps: epochs, or fits and rungs of a search.

    Parameters
    ----------
    estimator : estimator
        Being fitted.
    max_steps : int
        Greatest number of steps.
    X, y : array-like
        What it is fitted to.
    sample_weight : array-like, optional
        Its weights.
    """

    def __init__(self, estimator: Any, max_steps: int, X: Any, y: Any, sample_weight: Any = None) -> None:
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.estimator, self.data = estimator, {"X": X, "y": y, "metadata": metadata}
        listens = HAS_CALLBACKS and bool(
            getattr(estimator, "_skl_callbacks", [])
        )  # contexts cost a millisecond an epoch
        self.context = estimator._init_callback_context(max_subtasks=max_steps) if listens else None
        if self.context is not None:
            self.context.call_on_fit_task_begin(estimator=estimator, **self.data)

    def step(self, name: str, fitted_attributes: Callable[[], dict[str, Any]] | None = None) -> bool:
        """Report a step; True if a callback wants to stop."""
        if self.context is None:
            return False
        step = self.context.subcontext(task_name=name)
        step.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        return bool(
            step.call_on_fit_task_end(
                estimator=self.estimator, **self.data, reconstruction_attributes=fitted_attributes
            )
        )

    def end(self) -> None:
        """Report the end of the fit; the estimator has its fitted attributes by now."""
        if self.context is not None:
            self.context.call_on_fit_task_end(estimator=self.estimator, **self.data, reconstruction_attributes={})


def arguments_of_last(
    pipeline: Pipeline | None, fit_params: Mapping[str, Any], *, transform: bool = True
) -> Mapping[str, Any]:
    """Arguments of the last step's ``fit`` among those of a pipeline; those of an estimator alone as they are.

    With ``transform``, what ``transform_input`` names goes through the other steps, which are fitted.

    Raises
    ------
    ValueError
        If an argument goes to no step.
    """
    if pipeline is None:
        return fit_params
    if not routing_enabled():
        names = [name for name, _ in pipeline.steps]
        for name in fit_params:
            if "__" in name and name.partition("__")[0] not in names:
                raise ValueError(f"{name!r} goes to no step of the pipeline; its steps: {', '.join(map(repr, names))}.")
    routed = pipeline._check_method_params("fit", fit_params)[pipeline.steps[-1][0]]
    if transform:
        step = {"step_idx": len(pipeline) - 1, "step_params": routed}
        routed = pipeline._get_metadata_for_step(**step, all_params=fit_params)
    own: Mapping[str, Any] = routed["fit"]
    return own


def fit_steps(steps: Pipeline, X: Any, y: Any, fit_params: Mapping[str, Any]) -> tuple[Pipeline, Any]:
    """A fitted clone of the first steps of a pipeline, and what it makes of X; arguments are those of the pipeline."""
    fitted = clone(steps)
    return fitted, fitted.fit_transform(X, y, **_arguments_of_steps(fitted, fit_params))


def _arguments_of_steps(steps: Pipeline, fit_params: Mapping[str, Any]) -> dict[str, Any]:
    if routing_enabled():
        consumed = get_routing_for_object(steps).consumes("fit_transform", fit_params.keys())
        return {name: value for name, value in fit_params.items() if name in consumed}
    known = tuple(f"{name}__" for name, _ in steps.steps)
    return {name: value for name, value in fit_params.items() if name.startswith(known)}


def routing_enabled() -> bool:
    """Whether metadata are routed by request."""
    return bool(get_config()["enable_metadata_routing"])


def requests_groups(estimator: Any) -> bool:
    """Whether an estimator asks by its metadata request for groups in ``fit``."""
    return routing_enabled() and bool(get_routing_for_object(estimator).consumes("fit", ["groups"]))


def layers_of(estimator: Any) -> list[Any]:
    """The estimator and what it wraps, the last of which knows the tasks.

    A pipeline wraps its last step, a search its best estimator, a FrozenEstimator the one that is frozen.
    """
    layers = [estimator]
    while True:
        if type(estimator) is FrozenEstimator:  # a view of one task is a subclass
            estimator = estimator.estimator
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif hasattr(estimator, "steps"):
            estimator = estimator.steps[-1][1]
        else:
            return layers
        layers.append(estimator)


def final_model(estimator: Any) -> Any:
    """The estimator that knows the tasks, at the end of pipelines and searches."""
    return layers_of(estimator)[-1]


def preprocessing(layer: Any) -> list[Any]:
    """Steps that transform rows for the last step of a pipeline; none of anything else."""
    if type(layer) is FrozenEstimator or not hasattr(layer, "steps"):  # a frozen one lends out all attributes
        return []
    return [step for _, step in layer.steps[:-1] if step not in (None, "passthrough")]


__all__ = [
    "HAS_CALLBACKS",
    "BaseSearchCV",
    "CallbackSupportMixin",
    "FitProgress",
    "HasMethods",
    "Interval",
    "Options",
    "StrOptions",
    "_BaseKFold",
    "_BaseScorer",
    "_MultimetricScorer",
    "_PassthroughScorer",
    "_check_method_params",
    "_insert_error_scores",
    "_num_samples",
    "_safe_indexing",
    "_safe_split",
    "_score",
    "_warn_or_raise_about_fit_failures",
    "arguments_of_last",
    "final_model",
    "fit_steps",
    "layers_of",
    "preprocessing",
    "requests_groups",
    "routing_enabled",
    "validate_parameter_constraints",
    "with_callbacks",
]
