"""Loading an estimator."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from skmtl._params import as_list
from skmtl.persistence._container import read
from skmtl.persistence._errors import ContentError, FileFormatError
from skmtl.persistence._registry import AROUND, ESTIMATORS, USERS_BASES
from skmtl.persistence._unpack import Unpacker

_KEYS = {"libraries", "training_data", "estimator"}


def load(
    path: str | os.PathLike[str],
    *,
    modules: Mapping[str, Any] | None = None,
    classes: Mapping[str, type] | None = None,
    trusted: Sequence[str] = (),
) -> Any:
    """Load an estimator that :func:`skmtl.save` has written.

    No code runs that the file names, and no module is imported. The digest is checked first. What was fitted on a GPU
    is loaded to the CPU.

    Parameters
    ----------
    path : path-like
        The file; symbolic links are not followed.
    modules : dict of str to torch.nn.Module, class or function, optional
        The user's own modules and functions by the names of their classes or their own, where ``encoder`` or another
        parameter was one. A class, or a function that makes the module, is called without arguments. Modules get the
        tensors of the file.
    classes : dict of str to type, optional
        The user's own subclasses of skmtl's classes, by name.
    trusted : sequence of str, default=()
        Types of other libraries in the steps of a pipeline that skops may make. The error of a file that has such names
        them. Their code runs.

    Returns
    -------
    estimator
        Predicts what the saved one does, bit by bit, with the same versions of the libraries.

    Raises
    ------
    FileFormatError
        If the file is damaged, is none of :func:`skmtl.save`, is of an unknown version, or needs modules, classes or
        types that are not given.
    TypeError
        If ``modules``, ``classes`` or ``trusted`` are something else.
    OSError
        If it cannot be opened.
    ImportError
        If it needs skops and that is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import skmtl
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> net = skmtl.MultiTaskNetRegressor(hidden_layer_sizes=(8,), max_iter=2, effort="fixed").fit(X, X[:, 0])
    >>> path = Path(tempfile.mkdtemp()) / "net.skmtl"
    >>> skmtl.save(net, path)
    >>> bool((skmtl.load(path).predict(X) == net.predict(X)).all())
    True
    """
    modules, classes = _by_name("modules", modules), _by_name("classes", classes)
    for name, cls in classes.items():
        if not isinstance(cls, type) or not issubclass(cls, USERS_BASES):
            raise TypeError(f"classes[{name!r}] must be a subclass of one of skmtl's classes; got {cls!r}.")
    if isinstance(trusted, str) or not all(isinstance(name, str) for name in as_list(trusted)):
        raise TypeError(f"trusted must be a list of names of types; got {trusted!r}. Pass whole names, as errors do.")
    try:
        content, tensors = read(path)
        if not isinstance(content, dict) or content.keys() != _KEYS:
            raise ContentError("content", f"The names are not {', '.join(sorted(_KEYS))}.")
        estimator = Unpacker(tensors, modules, classes, trusted).unpack_all(content["estimator"])
        if not isinstance(estimator, (*ESTIMATORS.values(), *AROUND.values())):
            raise ContentError("estimator", f"A {type(estimator).__name__}, which is no estimator.")
        return estimator
    except ContentError as error:
        raise FileFormatError(path, error.place, error.problem, error.cure) from error.__cause__


def _by_name(parameter: str, given: Any) -> Mapping[str, Any]:
    """A dict by name, which None leaves empty."""
    if given is not None and not (isinstance(given, Mapping) and all(isinstance(name, str) for name in given)):
        raise TypeError(f"{parameter} must be a dict by name, such as {{'MyName': MyName}}; got {given!r}.")
    return given or {}
