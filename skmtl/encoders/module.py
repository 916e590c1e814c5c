"""The encoder made of a torch module."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from math import prod
from types import MappingProxyType
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from skmtl._params import require_choice
from skmtl.defaults import encoders as rules
from skmtl.encoders._columns import Array
from skmtl.encoders._dense import as_rows, read_dense, row_shape
from skmtl.encoders._encoder import Encoder, FloatArray
from skmtl.encoders._extractor import Extractor
from skmtl.encoders._module_copies import ModuleCopies
from skmtl.encoders._module_probe import PROBED_ROWS, Traits, probe, randomness, run

_EXACT_IN_FLOAT32 = 2**24


class ModuleEncoder(Encoder):
    """Runs a torch module in front of the hidden layers, a copy for each member.

    The module gets a batch ``(row, *input_shape)`` and returns ``(row, ...)``, which is flattened to one vector a row.
    Its copies are trained with the rest of the network; the module itself is not changed. An estimator's ``encoder``
    may also be the module.

    Each member starts from different weights: submodules that have ``reset_parameters`` are reset with the member's
    random state, other parameters start as they are. A factory is called once for each member instead. With
    ``pretrained=True`` all members start from the weights of the module.

    Dropout and other randomness of the module is drawn from each member's random state. Buffers that the module changes
    in training, such as the running statistics of batch normalisation, belong to the member, follow the rows that it
    learns from and are kept with the weights of its best epoch; predictions read them. Sample weights do not count in
    them. Batch normalisation needs two rows to learn from: with one it is applied as in predictions.

    Parameters
    ----------
    module : torch.nn.Module or callable
        The module, or a function from the shape of a row to a module, which is pickled by its name.
    input_shape : tuple of int, default=None
        Shape in which the module gets a row; one entry may be -1 and is inferred. None: the shape in X.
    input_type : {"float", "integer"}, default="float"
        What the module gets: floats, or int64, say for an embedding.
    pretrained : bool, default=False
        Whether all members start from the weights of the module.

    Attributes
    ----------
    n_outputs_ : int
        Values of a row of X.
    input_shape_ : tuple of int
        Shape in which the module gets a row.

    Examples
    --------
    >>> from torch import nn
    >>> from skmtl import MultiTaskNetRegressor
    >>> net = MultiTaskNetRegressor(encoder=nn.Sequential(nn.Linear(20, 64), nn.GELU()), hidden_layer_sizes=(32,))
    """

    dimensions = frozenset(range(2, 9))
    state_types = MappingProxyType({"traits": Traits})
    state_external = frozenset({"module"})

    def __init__(
        self,
        module: nn.Module | Callable[[tuple[int, ...]], nn.Module],
        *,
        input_shape: Sequence[int] | None = None,
        input_type: Literal["float", "integer"] = "float",
        pretrained: bool = False,
    ) -> None:
        self.module = module
        self.input_shape = input_shape
        self.input_type = input_type
        self.pretrained = pretrained

    def fit(self, X: Any, sample_weight: FloatArray) -> Self:
        """Learn the sizes of the module's outputs, by running a copy of it on a few rows; see :meth:`Encoder.fit`."""
        require_choice("input_type", self.input_type, ("float", "integer"))
        values = self._read(X)
        self.input_shape_ = row_shape(self.input_shape, values)
        self.n_outputs_ = prod(self.input_shape_)
        template = self.template()
        self._traits: Traits = probe(template, self._rows(template))
        return self

    def transform(self, X: Any, dtype: npt.DTypeLike = np.float64) -> FloatArray:
        """Flatten rows of the shape seen in ``fit``; see :meth:`Encoder.transform`."""
        encoded: FloatArray = as_rows(self._read(X), self.input_shape_).astype(dtype)
        return encoded

    def build(self) -> Extractor:
        """Make a copy for each member; see :meth:`Encoder.build`."""
        return ModuleCopies(self.template(), self.fresh, self.input_shape_, self.input_type == "integer", self._traits)

    def preferences(self, n_samples: int) -> dict[str, Any]:
        """A step size that most architectures bear; see :meth:`Encoder.preferences`."""
        return rules.module_preferences()

    def template(self) -> nn.Module:
        """Copy of the module with all its parameters initialised, for structure and constants.

        Returns
        -------
        torch.nn.Module
            In training mode; the same at every call.

        Raises
        ------
        ValueError
            If the module does not run.
        TypeError
            If ``module`` makes no module.
        """
        with randomness(0):
            return self._materialised()

    def fresh(self, seed: int) -> nn.Module:
        """Copy of the module with the weights that a member starts from.

        Parameters
        ----------
        seed : int
            Seed of the initial weights.

        Returns
        -------
        torch.nn.Module
            In float64, on the CPU.
        """
        if self.pretrained:
            return self.template().double()
        with randomness(seed):
            module = self._materialised()
            if isinstance(self.module, nn.Module):
                module.apply(_reset)
        return module.double()

    def _materialised(self) -> nn.Module:
        """Copy or make the module, and run it once, which gives lazy parameters their shapes."""
        module = copy.deepcopy(self.module) if isinstance(self.module, nn.Module) else self._called()
        module.eval()
        with torch.no_grad():
            run(module.cpu(), self._rows(module))
        return module.train()

    def _called(self) -> nn.Module:
        module = self.module(self.input_shape_) if callable(self.module) else self.module
        if not isinstance(module, nn.Module):
            found = type(self.module).__name__
            if callable(self.module):
                found += f" that returns {type(module).__name__}"
            raise TypeError(
                f"module must be a torch.nn.Module, or a function from the shape of a row to one; got {found}."
            )
        return module

    def _rows(self, module: nn.Module) -> Tensor:
        """A few rows of the type that the module computes in."""
        shape = PROBED_ROWS, *self.input_shape_
        if self.input_type == "integer":
            return torch.zeros(shape, dtype=torch.int64)
        tensors = [*module.parameters(), *module.buffers()]
        dtype = next((tensor.dtype for tensor in tensors if tensor.dtype.is_floating_point), torch.float32)
        return torch.ones(shape, dtype=dtype)  # running statistics differ from their start with these

    def _read(self, X: Any) -> Array:
        values = read_dense(X, self.dimensions)
        if self.input_type == "integer":
            whole = values == np.floor(values) if values.dtype.kind == "f" else np.ones(1, dtype=bool)
            if not whole.all() or np.abs(values.astype(np.float64)).max() > _EXACT_IN_FLOAT32:
                raise ValueError(
                    f"X must hold integers of at most {_EXACT_IN_FLOAT32} for input_type='integer'. Round them, or set "
                    f"input_type='float'."
                )
        return values


def _reset(module: nn.Module) -> None:
    """Draw the weights that the module itself owns anew, if it knows how."""
    for name in ("reset_parameters", "_reset_parameters"):
        if callable(getattr(module, name, None)):
            with parametrize.cached():  # so that what is drawn can be taken from a weight that is computed
                getattr(module, name)()
                computed = getattr(module, "parametrizations", {})
                drawn = {weight: getattr(module, weight).detach().clone() for weight in computed}
            for weight, values in drawn.items():
                setattr(module, weight, values)
            return
