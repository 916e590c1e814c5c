"""Pickles that know which version of skmtl wrote them."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

from skmtl._version import __version__

_KEY = "_skmtl_version"


class VersionedMixin(BaseEstimator):
    """Keeps the version of skmtl in pickles, and warns of another one when they are read."""

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return state | {_KEY: __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        written = state.get(_KEY, "before 0.1")
        if written != __version__:
            versions = {"current_sklearn_version": __version__, "original_sklearn_version": written}
            warnings.warn(InconsistentVersionWarning(estimator_name=type(self).__name__, **versions), stacklevel=2)
        super().__setstate__({name: value for name, value in state.items() if name != _KEY})
