"""What many fits to the same rows do once."""

from __future__ import annotations

import copy
from collections.abc import MutableMapping
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from skmtl.estimators._base import COLUMNS, BaseMultiTaskNet
from skmtl.estimators._encoding import check_columns
from skmtl.estimators._learner import Learner
from skmtl.inputs import LabelledRows, read_labelled_rows, require_same_tasks

# Of the parameters in which estimators fitted to the same rows may differ, those that more than settings follow.
OF_START = ("class_weight", "dropout", "n_estimators", "random_state", "sharing")


class CommonRows:
    """What estimators that are fitted to the same rows have in common: labels, the fitted encoder, the encoded rows.

    Parameters
    ----------
    first : BaseMultiTaskNet
        One of the estimators.
    X, y, sample_weight, X_val, y_val, sample_weight_val
        As :meth:`BaseMultiTaskNet.fit` takes them.
    """

    def __init__(
        self,
        first: BaseMultiTaskNet,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> None:
        first = copy.copy(first)
        self._observations = first._observe(X, y, sample_weight, known=False)
        self._columns = {name: value for name, value in vars(first).items() if name in COLUMNS}
        self._learner = first._started(self._observations)
        self._validation = (X_val, y_val, sample_weight_val)
        self._first = first
        self._prepared: MutableMapping[str, Learner] = WeakValueDictionary()  # while the fits are somebody's

    def judges(self, X: Any, y: Any, sample_weight: Any = None) -> LabelledRows:
        """Read rows that fits to these rows are scored on; see :meth:`BaseMultiTaskNet.score_tasks`."""
        first, names = self._first, [task.name for task in self._learner.tasks]
        observed = read_labelled_rows(X, y, sample_weight, first.missing_label, type(first).__name__)
        require_same_tasks("y", observed.labels, names)
        check_columns(first, observed.X, self._learner.encoder, reset=False)
        return observed

    def fitted(self, estimator: BaseMultiTaskNet, learner: Learner) -> BaseMultiTaskNet:
        """Return ``estimator`` with what has been learned."""
        fitted = self._copy(estimator)
        fitted._adopt(learner, learner.out_of_fold(self._observations))
        return fitted

    def _copy(self, estimator: BaseMultiTaskNet) -> BaseMultiTaskNet:
        """A copy that knows the columns; other rows, in another thread it may be, make other copies.

        A generator as ``random_state`` is its own, too: no fit draws from what another has drawn from.
        """
        own = copy.copy(estimator)
        own.random_state = copy.deepcopy(estimator.random_state)
        own.__dict__.update(self._columns)
        return own

    def learner(self, estimator: BaseMultiTaskNet) -> Learner:
        """Prepare the fit of ``estimator``, whose parameters have been validated."""
        estimator = self._copy(estimator)
        learner = self._learner.sibling(estimator.get_params(deep=False))
        start = _start_of(learner.params)
        if start is not None and (twin := self._prepared.get(start)):
            learner.prepare_as(twin)
            return learner
        validation = estimator._observe_validation(*self._validation, learner)
        learner.prepare(self._observations, estimator._weights(self._observations, learner), validation)
        if start is not None:
            self._prepared[start] = learner
        return learner

    def close(self) -> None:
        """Forget what only further fits would need; the others have their data."""
        self._learner.forget_encoded()

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_prepared": {}}


def _start_of(params: dict[str, Any]) -> str | None:
    """The same for estimators whose fits start alike; None where a fit draws a seed of its own."""
    if not isinstance(params["random_state"], int | np.integer):
        return None
    return repr([params.get(name) for name in OF_START])


class UnusableRows:
    """Rows to which no estimator can be fitted.

    Parameters
    ----------
    error : Exception
        Why.
    """

    def __init__(self, error: Exception) -> None:
        self._error = error

    def learner(self, estimator: BaseMultiTaskNet) -> Learner:
        """Raise the error."""
        raise self._error

    def close(self) -> None:
        """See :class:`CommonRows`."""
