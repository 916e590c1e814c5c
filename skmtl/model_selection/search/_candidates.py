"""Candidates of a search, and which of them can train as one network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import joblib
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skmtl._params import resolve
from skmtl._sklearn import validate_parameter_constraints
from skmtl.estimators._base import BaseMultiTaskNet
from skmtl.estimators._fit_inputs import fitted_copy
from skmtl.fitting import MEMBER_PARAMETERS, FitResult
from skmtl.sharing import SHARINGS, Sharing


@dataclass(frozen=True)
class Candidate:
    """An estimator with its own parameters.

    Attributes
    ----------
    index : int
        Its index among the candidates.
    params : dict
        The parameters that were set.
    net : BaseMultiTaskNet
        Not fitted.
    pipeline : Pipeline or None
        The pipeline whose last step ``net`` is.
    """

    index: int
    params: Mapping[str, Any]
    net: BaseMultiTaskNet
    pipeline: Pipeline | None

    @property
    def steps(self) -> Pipeline | None:
        """What comes before the net; None for nothing."""
        return None if self.pipeline is None or len(self.pipeline) == 1 else self.pipeline[:-1]

    @property
    def net_step(self) -> str | None:
        """Name of the net in the pipeline; None without one."""
        return None if self.pipeline is None else self.pipeline.steps[-1][0]

    def check(self, valid: dict[tuple[str, int], Any]) -> None:
        """Check parameters but those whose values have been found ``valid``, and add them to these.

        Raises
        ------
        ValueError
            If one is not usable.
        """
        params = self.net.get_params(deep=False).items()
        fresh = {name: value for name, value in params if (name, id(value)) not in valid}
        validate_parameter_constraints(self.net._parameter_constraints, fresh, caller_name=type(self.net).__name__)
        valid |= {(name, id(value)): value for name, value in fresh.items()}

    def fitted(self, steps: Pipeline | None, result: FitResult) -> Any:
        """Return the whole estimator from its fitted parts."""
        net = fitted_copy(self.net, result)
        if self.pipeline is None:
            return net
        before = [] if steps is None else steps.steps
        return clone(self.pipeline).set_params(steps=[*before, (self.net_step, net)])


def read_candidates(estimator: Any, settings: Iterable[Mapping[str, Any]]) -> list[Candidate]:
    """Set each of the ``settings`` on a clone of ``estimator``.

    Raises
    ------
    TypeError
        If the estimator is neither one of skmtl's nor a Pipeline that ends in one.
    """
    candidates = []
    for index, params in enumerate(settings):
        own = clone(estimator).set_params(**clone(params, safe=False))
        pipeline = own if isinstance(own, Pipeline) else None
        net = own if pipeline is None else pipeline[-1]
        if not isinstance(net, BaseMultiTaskNet):
            raise TypeError(
                "MultiTaskSearchCV needs one of skmtl's estimators, or a Pipeline whose last step is one; got "
                f"{type(net).__name__}. Use sklearn.model_selection.GridSearchCV for others."
            )
        candidates.append(Candidate(index, params, net, pipeline))
    return candidates


def by_steps(candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    """Groups of candidates with equal steps before the net."""
    return _grouped(candidates, _steps_key)


def by_network(candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    """Groups of candidates whose nets differ in nothing but what members carry."""
    return _grouped(candidates, _net_key)


def _grouped(candidates: Sequence[Candidate], key: Any) -> list[list[Candidate]]:
    groups: dict[Any, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(key(candidate), []).append(candidate)
    return list(groups.values())


def _steps_key(candidate: Candidate) -> tuple[Any, ...]:
    if candidate.pipeline is None:
        return ()
    of_steps = [name for name in sorted(candidate.params) if _step(name) != candidate.net_step]
    return tuple((name, _digest(candidate.params[name])) for name in of_steps)


def _net_key(candidate: Candidate) -> tuple[Any, ...]:
    own = candidate.net.get_params(deep=False)
    own["sharing"] = _without_strengths(own["sharing"])
    shared = [(name, _digest(value)) for name, value in sorted(own.items()) if name not in MEMBER_PARAMETERS]
    return type(candidate.net), *shared


def _without_strengths(sharing: Any) -> Any:
    """What members of one network must have in common of ``sharing``."""
    try:
        sharing = resolve("sharing", sharing, SHARINGS, Sharing)
    except (TypeError, ValueError):  # an error of its fit
        return sharing
    shared = {name: value for name, value in sharing.get_params().items() if name not in sharing.strengths}
    return type(sharing), *sorted(shared.items())


def _step(name: str) -> str:
    return name.partition("__")[0]


def _digest(value: Any) -> Any:
    """Equal for equal values; what cannot be pickled equals itself only."""
    if isinstance(value, str | int | float | type | None):
        return type(value), value
    if isinstance(value, tuple | list):  # hashing what pickling gives takes long beside this
        return type(value), *map(_digest, value)
    try:
        return joblib.hash(value)
    except Exception:  # whatever pickling raises
        return id(value)
