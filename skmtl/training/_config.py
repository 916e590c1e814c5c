"""All that one fit has decided before its first step."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skmtl._params import Params
from skmtl._roles import Role, classified, names_of, role, step_names
from skmtl.balancing import Balancer
from skmtl.collaboration import Collaboration
from skmtl.sharing import Sharing
from skmtl.training._data import as_tensor
from skmtl.training.optimizers import Optimizer
from skmtl.training.peer_sharing import PeerSharing

Schedule = Callable[[int, int], float]

WARM_UP = 0.05  # fraction of the steps


def constant(step: int, n_steps: int) -> float:
    """Return 1."""
    return 1.0


def cosine(step: int, n_steps: int) -> float:
    """Rise linearly over the first 5% of the steps, then fall to 0 along a cosine (Loshchilov and Hutter, 2017)."""
    rise = max(int(WARM_UP * n_steps), 1)
    if step < rise:
        return (step + 1) / rise
    done = (step - rise) / max(n_steps - rise, 1)
    return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


SCHEDULES: dict[str, Schedule] = {"constant": constant, "cosine": cosine}


def _shared_settings(method: Params | None) -> tuple[Any, ...]:
    return () if method is None else method.shared_settings


@classified
@dataclass(frozen=True)
class FitConfig:
    """Resolved settings of a fit; the roles of the fields say what members of one network may differ in.

    Attributes
    ----------
    learning_rate, weight_decay : Tensor of shape (member,)
        Of each member.
    loss_weights : Tensor of shape (member, task)
        Normalised to sum 1, tasks in the layout's order.
    sharing : Sharing
        How tasks share hidden layers.
    hidden_layer_sizes : tuple of int
        Widths of the hidden layers.
    task_layer_sizes : tuple of int
        Widths of the hidden layers of each task's own.
    activation : str
        Activation of the hidden layers.
    input_dropout : float
        Fraction of the inputs dropped in training.
    dtype : {"float32", "float64"}
        Type of the parameters.
    device : torch.device
        Where to compute.
    optimizer : Optimizer
        The optimizer.
    schedule : Schedule
        Multiple of the learning rate at a step.
    balancer : Balancer
        The balancing method.
    record : tuple of str
        Further quantities for the history.
    matmul_dtype : str or None
        Name of the torch type that the layers compute in; None: that of the parameters.
    cuda_graphs : bool
        Whether a step on a GPU is recorded once and replayed.
    batch_size, max_iter : int
        Rows a step, greatest number of passes over the data.
    patience : float
        Epochs without an improvement by ``tol`` after which a member stops; infinite: never.
    tol : float
        Smallest decrease of the loss that counts as an improvement.
    relevance_epochs : int
        Epochs of the short runs that the scale of the inputs is learned from; 0: none.
    dropout : float
        Dropout rate in the hidden layers.
    members : int
        Number of members, all peers counted.
    n_peers : int
        Peers of a cohort: neighbouring members that hold out the same rows and may learn from one another.
    collaboration : Collaboration or None
        How peers learn from one another's outputs.
    collaboration_settings : Tensor of shape (member, setting)
        Its ``strengths`` of each member.
    peer_sharing : PeerSharing or None
        How peers share parameters; None also where its settings do not couple them.
    peer_sharing_settings : Tensor of shape (member, setting)
        Its ``strengths`` of each member.
    seed : int
        Seed of everything random.
    n_folds : int
        Number of folds of held-out rows; 0 where members hold out no rows of their own.
    n_threads : int or None
        Threads; None: chosen from the work of a step.
    frozen : bool
        Whether parameters that several tasks use stay as they are.
    """

    learning_rate: Tensor = field(metadata=role(Role.MEMBER, parameter="learning_rate_init"))
    weight_decay: Tensor = field(metadata=role(Role.MEMBER))
    loss_weights: Tensor = field(metadata=role(Role.MEMBER))
    sharing: Sharing = field(metadata=role(Role.NETWORK, key=_shared_settings))
    hidden_layer_sizes: tuple[int, ...] = field(metadata=role(Role.NETWORK))
    task_layer_sizes: tuple[int, ...] = field(metadata=role(Role.NETWORK))
    activation: str = field(metadata=role(Role.NETWORK))
    input_dropout: float = field(metadata=role(Role.NETWORK))
    dtype: str = field(metadata=role(Role.NETWORK))
    device: torch.device = field(metadata=role(Role.NETWORK, key=str))
    optimizer: Optimizer = field(metadata=role(Role.NETWORK, step=True))
    schedule: Schedule = field(metadata=role(Role.NETWORK, parameter="learning_rate", step=True))
    balancer: Balancer = field(metadata=role(Role.NETWORK, parameter="balancing", step=True))
    record: tuple[str, ...] = field(metadata=role(Role.NETWORK, parameter="balancing", step=True))
    matmul_dtype: str | None = field(metadata=role(Role.NETWORK, parameter="dtype", step=True))
    cuda_graphs: bool = field(metadata=role(Role.NETWORK, parameter="device", step=True))
    batch_size: int = field(metadata=role(Role.NETWORK))
    max_iter: int = field(metadata=role(Role.NETWORK))
    patience: float = field(metadata=role(Role.NETWORK, parameter="n_iter_no_change"))
    tol: float = field(metadata=role(Role.NETWORK))
    relevance_epochs: int = field(metadata=role(Role.NETWORK, parameter="input_scaling"))
    dropout: float = field(metadata=role(Role.FIT))
    members: int = field(metadata=role(Role.FIT, parameter="n_estimators"))
    n_peers: int = field(metadata=role(Role.NETWORK))
    collaboration: Collaboration | None = field(metadata=role(Role.NETWORK, key=_shared_settings, step=True))
    collaboration_settings: Tensor = field(metadata=role(Role.MEMBER, parameter="collaboration"))
    peer_sharing: PeerSharing | None = field(metadata=role(Role.NETWORK, key=_shared_settings, step=True))
    peer_sharing_settings: Tensor = field(metadata=role(Role.MEMBER, parameter="peer_sharing"))
    seed: int = field(metadata=role(Role.FIT, parameter="random_state"))
    n_folds: int = field(metadata=role(Role.NETWORK, parameter="cv"))
    n_threads: int | None = field(metadata=role(Role.FIT, parameter="n_jobs"))
    frozen: bool = field(default=False, metadata=role(Role.NETWORK, parameter="warm_start", step=True))

    @property
    def collaborates(self) -> bool:
        """Whether peers learn from one another: not where all strengths by which they do are 0."""
        method = self.collaboration
        if method is None:
            return False
        columns = [method.strengths.index(name) for name in method.acts_by]
        return not columns or bool((self.collaboration_settings[:, columns] != 0).any())

    @property
    def divides_rows(self) -> bool:
        """Whether each peer of a cohort has rows of a batch for itself: methods of collaboration need common ones."""
        return self.peer_sharing is not None and self.collaboration is None

    @property
    def torch_dtype(self) -> torch.dtype:
        """Type of the parameters."""
        dtype: torch.dtype = getattr(torch, self.dtype)
        return dtype

    def tensor(self, values: np.ndarray) -> Tensor:
        """Move to the device in the type of the parameters; equal values that share memory go on sharing it."""
        if values.size and not any(values.strides):
            value = torch.as_tensor(values.flat[0], dtype=self.torch_dtype, device=self.device)
            return value.expand(values.shape)
        return as_tensor(values, self.torch_dtype, self.device)

    @classmethod
    def stack(cls, configs: Sequence[FitConfig]) -> FitConfig:
        """Configuration of fits side by side; the fields of single fits are those of the first and not to be read."""
        if len(configs) == 1:
            return configs[0]
        names = names_of(cls, Role.MEMBER)
        own: dict[str, Any] = {name: torch.cat([getattr(one, name) for one in configs]) for name in names}
        return replace(configs[0], **own)

    def select(self, members: Tensor) -> FitConfig:
        """Configuration of some of the members."""
        return replace(self, **{name: getattr(self, name)[members] for name in names_of(type(self), Role.MEMBER)})

    def network_key(self) -> tuple[Any, ...]:
        """What fits must have in common to be members of one network."""
        keyed = [(one, getattr(self, one.name)) for one in fields(self) if one.metadata["role"] is Role.NETWORK]
        return tuple(value if one.metadata["key"] is None else one.metadata["key"](value) for one, value in keyed)

    def same_steps(self, other: FitConfig) -> bool:
        """Whether steps under the other configuration are the same; sizes and numbers of epochs may differ."""
        members = names_of(type(self), Role.MEMBER)
        return all(getattr(self, name) == getattr(other, name) for name in step_names(type(self))) and all(
            torch.equal(getattr(self, name), getattr(other, name)) for name in members
        )
