"""The regressors' ``target_transform``: from names and transformers to the transform of each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from skmtl.inputs import as_mapping, require_known
from skmtl.tasks import TARGET_TRANSFORMS, Kind, TargetTransform


def target_transforms(given: Any, names: Sequence[Any], kinds: Sequence[Kind]) -> list[TargetTransform | None]:
    """Transform of the labels of each task; where one is given for all, that of the numeric tasks.

    Raises
    ------
    ValueError
        If a name or task is not known, or a task is of a kind that takes no transform.
    TypeError
        If one is no transformer.
    """
    by_name = as_mapping(given, names)
    if isinstance(by_name, Mapping):
        require_known("target_transform", by_name, names)
    found: list[TargetTransform | None] = []
    for name, kind in zip(names, kinds, strict=True):
        if isinstance(by_name, Mapping):
            transform = _read_transform(f"target_transform[{name!r}]", by_name.get(name))
        else:
            transform = None if kind.is_classifier else _read_transform("target_transform", by_name)
        if transform is not None and not kind.takes_transform:
            why = "has classes" if kind.is_classifier else f"is of kind {type(kind).__name__}, which has its own scale"
            raise ValueError(
                f"target_transform is given for task {name!r}, which {why}. Leave it out of a dict by task name, or "
                f"choose another kind for it."
            )
        found.append(transform)
    return found


def _read_transform(parameter: str, given: Any) -> TargetTransform | None:
    if given is None:
        return None
    if isinstance(given, str) and given in TARGET_TRANSFORMS:
        return TARGET_TRANSFORMS[given]()
    if isinstance(given, str | type) or not (hasattr(given, "transform") and hasattr(given, "inverse_transform")):
        raise (ValueError if isinstance(given, str) else TypeError)(
            f"{parameter} must be None, one of {', '.join(map(repr, TARGET_TRANSFORMS))}, a transformer with "
            f"inverse_transform, or a dict of these by task name; got {given!r}."
        )
    return OfTransformer(given)


class OfTransformer(TargetTransform):
    """A transformer of scikit-learn's interface.

    Parameters
    ----------
    transformer : object
        With ``transform`` and ``inverse_transform`` of arrays ``(n, 1)``.
    """

    def __init__(self, transformer: Any) -> None:
        self.transformer = transformer

    def __repr__(self) -> str:
        return repr(self.transformer)

    def _learn(self, labels: np.ndarray, weights: np.ndarray) -> None:
        self.transformer = clone(self.transformer)
        takes_weights = has_fit_parameter(self.transformer, "sample_weight")
        self.transformer.fit(labels[:, None], **({"sample_weight": weights} if takes_weights else {}))

    def _forward(self, labels: np.ndarray) -> np.ndarray:
        return _column(self.transformer.transform(labels[:, None]), len(labels))

    def _backward(self, numbers: np.ndarray) -> np.ndarray:
        return _column(self.transformer.inverse_transform(numbers[:, None]), len(numbers))


def _column(values: Any, n: int) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (n, 1):
        raise ValueError(f"the transformer must give one column for one column; got shape {array.shape}.")
    return array[:, 0]
