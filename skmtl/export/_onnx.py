"""ONNX files of fitted estimators."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike, fspath
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skmtl._torch_state import torch_settings
from skmtl.encoders import TabularEncoder
from skmtl.export._encoders import example_rows
from skmtl.export._refusal import require_exportable
from skmtl.export._table import category_values

INPUT = "X"


@torch_settings()
def to_onnx(estimator: Any, path: str | PathLike[str]) -> None:
    """Write a fitted estimator to an ONNX file, which needs neither skmtl nor torch to run.

    The file has one input ``X`` with any number of rows: float64 for tables, with codes of categories as
    :func:`skmtl.export.to_codes` gives them and NaN where a cell is missing; float32 for images; int64 for token ids.
    It has one output for each task, in the order of the tasks and by their names; a task whose name is empty or that of
    the input gets an output of another name. Outputs are probabilities of the classes, or numbers in the units of y.
    The ensemble, the local correction and the calibration are part of the graph.

    Metadata of the file, all JSON: ``columns``, the names of the columns of X; ``categories``, by column the values
    whose positions are their codes; ``dates``, the columns that hold seconds since 1970; ``tasks``, a list with the
    ``name`` of each task, that of its ``output``, its ``classes`` and, where ``fit`` has chosen one, its ``threshold``.

    Parameters
    ----------
    estimator : estimator
        Fitted estimator of skmtl; of a search ``best_estimator_``, of a Pipeline its last step.
    path : str or path-like
        Where to write.

    Raises
    ------
    ImportError
        If onnx or onnxscript is not installed.
    TypeError
        If ``estimator`` is something else.
    NotImplementedError
        For parts that have no form in torch, such as dates with a time zone.

    Examples
    --------
    >>> from skmtl import to_onnx
    >>> to_onnx(net, "net.onnx")  # doctest: +SKIP
    >>> import onnxruntime  # doctest: +SKIP
    >>> session = onnxruntime.InferenceSession("net.onnx")  # doctest: +SKIP
    >>> outputs = session.run(None, {"X": X})  # doctest: +SKIP
    """
    require_exportable(estimator, "to_onnx")
    _require_onnx()
    module = estimator.to_module()
    rows = example_rows(estimator.encoder_, estimator.n_features_in_)
    program = _exported(module, rows)
    outputs = _output_names([str(task.name) for task in estimator.tasks_])
    _name_values(program.model.graph, outputs)
    metadata = _metadata(estimator, outputs)
    program.model.metadata_props.update({key: json.dumps(value) for key, value in metadata.items()})
    program.save(fspath(path))


def _require_onnx() -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"to_onnx needs onnx and onnxscript, and cannot import {error.name}: pip install skmtl[onnx]."
        ) from error


def _output_names(names: Sequence[str]) -> list[str]:
    """Names of the tasks in UTF-8, longer where they are empty, which ONNX refuses, or that of the input or another."""
    outputs = list[str]()
    for name in names:
        output = name.encode("utf-8", "backslashreplace").decode()
        while output in (INPUT, "", *outputs):
            output += "_output"
        outputs.append(output)
    return outputs


def _name_values(graph: Any, outputs: Sequence[str]) -> None:
    """Name the outputs, and all values within by names that begin as no output's does."""
    prefix = "_"
    while any(name.startswith(prefix) for name in outputs):
        prefix += "_"
    made = [value for node in graph.all_nodes() for value in node.outputs]
    for value in [*made, *graph.initializers.values()]:
        value.name = prefix + value.name
    for value, name in zip(graph.outputs, outputs, strict=True):
        value.name = name


def _exported(module: nn.Module, rows: Tensor) -> Any:
    with _quiet():
        return torch.onnx.export(
            module,
            (rows,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
            input_names=[INPUT],
            verbose=False,
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what torch's exporter tells of packages that it does not need, and of its own old names."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning)
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            yield
    finally:
        logger.setLevel(level)


def _metadata(estimator: Any, outputs: Sequence[str]) -> dict[str, Any]:
    encoder, thresholds = estimator.encoder_, getattr(estimator, "thresholds_", {})
    metadata: dict[str, Any] = {"tasks": []}
    for task, output in zip(estimator.tasks_, outputs, strict=True):
        about: dict[str, Any] = {"name": str(task.name), "output": output}
        if task.classes is not None:
            about["classes"] = [_plain(value) for value in task.classes.tolist()]
        if task.name in thresholds:
            about["threshold"] = np.asarray(thresholds[task.name]).tolist()
        metadata["tasks"].append(about)
    if isinstance(encoder, TabularEncoder):
        names = encoder.column_names_ or [f"x{i}" for i in range(estimator.n_features_in_)]
        metadata["columns"] = [str(name) for name in names]
        pairs = zip(encoder.categorical_positions_, encoder.categories_, strict=True)
        metadata["dates"] = [str(names[i]) for i in encoder.date_positions_]
        metadata["categories"] = {str(names[i]): list(map(_plain, category_values(own))) for i, own in pairs}
    return metadata


def _plain(value: Any) -> Any:
    """A value as JSON has it; what it does not have as text."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, str | bool | int | float) else str(value)
