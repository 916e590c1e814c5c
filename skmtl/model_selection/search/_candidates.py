"""Candidates of a search, and which of them can train as one network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import getattr_static, signature
from typing import Any

import joblib
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid, ParameterSampler
from sklearn.pipeline import Pipeline

from skmtl._params import resolve
from skmtl._sklearn import arguments_of_last, validate_parameter_constraints
from skmtl.collaboration import COLLABORATIONS, Collaboration
from skmtl.estimators._base import BaseMultiTaskNet
from skmtl.estimators._fit_inputs import fitted_copy
from skmtl.fitting import MEMBER_PARAMETERS, FitResult
from skmtl.sharing import SHARINGS, Sharing
from skmtl.training import PEER_SHARINGS, PeerSharing

# Strategies of which members may differ in some settings: known ones by name, and their base
COUPLING: dict[str, tuple[Mapping[str, type[Any]], type[Any]]] = {
    "sharing": (SHARINGS, Sharing),
    "collaboration": (COLLABORATIONS, Collaboration),
    "peer_sharing": (PEER_SHARINGS, PeerSharing),
}
_SCORING = ("score", "score_tasks", "predict", "_predict_columns", "_responses")


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

    def check_arguments(self, fit_params: Mapping[str, Any]) -> None:
        """Check the names of further arguments of ``fit``.

        Raises
        ------
        TypeError, ValueError
            If one is not known.
        """
        known = [name for name in signature(BaseMultiTaskNet.fit).parameters if name not in ("self", "X", "y")]
        unknown = [name for name in arguments_of_last(self.pipeline, fit_params, transform=False) if name not in known]
        if unknown:
            raise TypeError(
                f"fit of {type(self.net).__name__} has no argument {unknown[0]!r}; beside X and y it takes "
                f"{', '.join(map(repr, known))}."
            )

    def net_arguments(self, fit_params: Mapping[str, Any], steps: Pipeline | None) -> Mapping[str, Any]:
        """Arguments of the net's ``fit`` among those of the estimator; ``steps`` before the net are fitted."""
        whole = self.pipeline if steps is None else self._with(steps, self.net)
        return arguments_of_last(whole, fit_params)

    def _with(self, steps: Pipeline | None, net: BaseMultiTaskNet) -> Pipeline:
        before = [] if steps is None else steps.steps
        return clone(self.pipeline).set_params(steps=[*before, (self.net_step, net)])

    def fitted(self, steps: Pipeline | None, result: FitResult) -> Any:
        """Return the whole estimator from its fitted parts."""
        net = fitted_copy(self.net, result)
        return net if self.pipeline is None else self._with(steps, net)


def read_settings(param_grid: Any, param_distributions: Any, n_iter: int, random_state: Any) -> list[Mapping[str, Any]]:
    """Parameters of each candidate.

    Raises
    ------
    ValueError
        If not one of ``param_grid`` and ``param_distributions`` is given, or it is empty.
    """
    if (param_grid is None) == (param_distributions is None):
        raise ValueError(
            "MultiTaskSearchCV needs either param_grid, whose combinations are all tried, or param_distributions, "
            "from which n_iter settings are drawn."
        )
    given = {"param_grid": param_grid, "param_distributions": param_distributions}
    for name, value in given.items():
        if isinstance(value, list) and not value:
            raise ValueError(f"{name} is empty: it must hold at least one dict of parameters to try.")
    if param_grid is not None:
        return list(ParameterGrid(param_grid))
    return list(ParameterSampler(param_distributions, n_iter, random_state=random_state))


def read_candidates(estimator: Any, settings: Iterable[Mapping[str, Any]]) -> list[Candidate]:
    """Set each of the ``settings`` on a clone of ``estimator``.

    Raises
    ------
    TypeError
        If the estimator is neither one of skmtl's nor a Pipeline that ends in one, or has a ``fit`` of its own.
    """
    candidates = []
    for index, params in enumerate(settings):
        own = clone(estimator).set_params(**clone(params, safe=False))
        pipeline = own if isinstance(own, Pipeline) else None
        candidates.append(Candidate(index, params, require_net(own, "MultiTaskSearchCV"), pipeline))
    return candidates


def require_net(estimator: Any, user: str) -> BaseMultiTaskNet:
    """Net of an estimator, without whose ``fit`` its ``user`` trains it.

    Raises
    ------
    TypeError
        If the estimator is neither one of skmtl's nor a Pipeline that ends in one, or has a ``fit`` of its own.
    """
    net = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if not isinstance(net, BaseMultiTaskNet):
        raise TypeError(
            f"{user} needs one of skmtl's estimators, or a Pipeline whose last step is one; got {type(net).__name__}. "
            "Others are for the tools of sklearn.model_selection, such as GridSearchCV."
        )
    for part in (estimator, net):
        if _overrides(part, "fit") or _overrides(part, "_fit"):  # what train together is not fitted by ``fit``
            raise TypeError(
                f"{user} trains networks together, without the fit of {type(part).__name__}, which would be ignored. "
                f"Use tools of sklearn.model_selection, such as GridSearchCV, or put what it does into a step of a "
                f"Pipeline or an encoder."
            )
    return net


def scores_by_mean(estimator: Any) -> bool:
    """Whether the score of an estimator is the mean of its tasks' scores, as it is unless a subclass changes that."""
    parts = [estimator, estimator[-1]] if isinstance(estimator, Pipeline) else [estimator]
    return not any(_overrides(part, name) for part in parts for name in _SCORING)


def _overrides(estimator: Any, method: str) -> bool:
    """Whether a class changes a method of the Pipeline or network that it is made from."""
    base = Pipeline if isinstance(estimator, Pipeline) else BaseMultiTaskNet
    return getattr_static(type(estimator), method, None) is not getattr_static(base, method, None)


def differing(candidates: Sequence[Candidate], names: Iterable[str]) -> list[str]:
    """Parameters of the nets, among these, that are not the same for all candidates."""
    nets = [candidate.net for candidate in candidates]
    return [name for name in names if len({_digest(getattr(net, name, None)) for net in nets}) > 1]


def grouped(candidates: Sequence[Candidate], key: Callable[[Candidate], tuple[Any, ...]]) -> list[list[Candidate]]:
    """Groups of candidates of equal keys."""
    groups: dict[Any, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(key(candidate), []).append(candidate)
    return list(groups.values())


def steps_key(candidate: Candidate) -> tuple[Any, ...]:
    """Equal for candidates with equal steps before the net."""
    if candidate.pipeline is None:
        return ()
    of_steps = [name for name in sorted(candidate.params) if name.partition("__")[0] != candidate.net_step]
    return tuple((name, _digest(candidate.params[name])) for name in of_steps)


def net_key(candidate: Candidate) -> tuple[Any, ...]:
    """Equal for candidates whose nets differ in nothing but what members carry."""
    own = candidate.net.get_params(deep=False)
    own |= {name: _shared_settings(name, own[name]) for name in COUPLING}
    shared = [(name, _digest(value)) for name, value in sorted(own.items()) if name not in MEMBER_PARAMETERS]
    return type(candidate.net), *shared


def _shared_settings(name: str, value: Any) -> Any:
    """What members of one network must have in common of a strategy."""
    try:
        shared: Any = resolve(name, value, *COUPLING[name]).shared_settings
    except (TypeError, ValueError):  # None, or an error of its fit
        return value
    return shared


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
