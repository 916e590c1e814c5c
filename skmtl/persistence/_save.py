"""Saving an estimator."""

from __future__ import annotations

import copy
import os
import warnings
from typing import Any

import numpy as np
import scipy
import sklearn
import torch

from skmtl._params import require_boolean
from skmtl._sklearn import final_model, layers_of
from skmtl.estimators._task_view import TaskView
from skmtl.persistence._container import write
from skmtl.persistence._json import write_json
from skmtl.persistence._pack import Packer
from skmtl.persistence._registry import AROUND, ESTIMATORS, OF_ROWS
from skmtl.postprocess import KernelBlend, LocalCorrection, TreeBlend

LIBRARIES = {"numpy": np, "scipy": scipy, "scikit-learn": sklearn, "torch": torch}


def save(estimator: Any, path: str | os.PathLike[str], *, training_data: bool = True) -> None:
    """Save an estimator in a file that :func:`skmtl.load` reads without running code.

    The file has the layout of safetensors: tensors, and JSON that names every class by a key of a list in skmtl. A
    digest of all bytes is in it. It takes the place of ``path`` at once, so that an interrupted call leaves what was
    there before. See the page "Saving" of the guide.

    Parameters
    ----------
    estimator : MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor or Pipeline
        Fitted or not. The other steps of a pipeline are written by skops; ``FrozenEstimator`` and
        ``TransformedTargetRegressor`` around an estimator are written, too.
    path : path-like
        The file. The ending is of no meaning; ``.skmtl`` says what it is.
    training_data : bool, default=True
        Whether to keep what holds training rows or labels: the blends and the local correction of predictions, and
        attributes with a value of each training row, as ``transduction_`` is. Without those that the fit has found,
        predictions are those of the network alone, and there are no out-of-fold scores and no intervals: they would be
        those of corrected predictions. A warning tells of that.

    Raises
    ------
    TypeError
        If it is no such estimator, or holds something that no file can.
    ValueError
        If it has too many values for a file, or ``training_data`` is not True or False.
    OSError
        If ``path`` is that of a folder, or its folder does not exist or cannot be written to.
    ImportError
        If it needs skops and that is not installed.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import skmtl
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> net = skmtl.MultiTaskNetRegressor(max_iter=2, n_estimators=2).fit(X, X[:, :2])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     skmtl.save(net, f"{folder}/net.skmtl")
    ...     loaded = skmtl.load(f"{folder}/net.skmtl")
    >>> bool((loaded.predict(X) == net.predict(X)).all())
    True
    """
    _require_known(estimator)
    require_boolean("training_data", training_data)
    if not training_data:
        estimator = _without_rows(estimator)
    packer = Packer()
    content = {
        "libraries": {name: module.__version__ for name, module in LIBRARIES.items()},
        "training_data": training_data,
        "estimator": packer.pack(estimator, "estimator"),
    }
    write(path, write_json(content), packer.tensors)


def _require_known(estimator: Any) -> None:
    if isinstance(estimator, TaskView):
        raise TypeError(
            "skmtl.save takes whole estimators; got a view of one task. Save the estimator that it views, and take the "
            "view of the loaded one."
        )
    for layer in layers_of(estimator):
        if not isinstance(layer, (*ESTIMATORS.values(), *AROUND.values())):
            raise TypeError(
                "skmtl.save takes the three estimators, and a Pipeline, FrozenEstimator or TransformedTargetRegressor "
                f"around one; got {type(layer).__name__}. {_cure(layer)}"
            )


def _cure(other: Any) -> str:
    """What to save in place of an object."""
    if hasattr(other, "best_estimator_"):
        return "Save its best_estimator_; a table keeps the rest: pandas.DataFrame(search.cv_results_)."
    if hasattr(other, "estimator"):
        return "Fit it and save its best_estimator_, or save the estimator that it was given."
    return "Keep its table: report.frame().to_csv(path)." if hasattr(other, "frame") else "Use joblib for others."


def _without_rows(estimator: Any) -> Any:
    """A copy that holds no training row and no label of one."""
    estimator = copy.deepcopy(estimator)
    net = final_model(estimator)
    attributes = vars(net)
    for name in OF_ROWS:
        attributes.pop(name, None)
    chain = attributes.get("_postprocessors", ())
    kept = tuple(one for one in chain if not isinstance(one, KernelBlend | TreeBlend | LocalCorrection))
    if len(kept) < len(chain):
        attributes.update(_postprocessors=kept, _out_of_fold=None)
        warnings.warn(
            "training_data=False leaves out the blends and the local correction: the saved estimator predicts "
            "what the network alone does, and has no out-of-fold scores and no intervals. To have these, fit with "
            "kernel_blend=False, tree_blend=False and local_correction=False.",
            stacklevel=3,
        )
    return estimator
