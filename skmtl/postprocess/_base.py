"""The contract of postprocessing."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

import numpy as np

from skmtl._state import Stateful
from skmtl.network import Network
from skmtl.tasks import Task

T = TypeVar("T")


@dataclass(frozen=True)
class HeldOutResponses:
    """Labels of training rows, and the responses of members that did not learn from them.

    Attributes
    ----------
    units : ndarray of shape (n,), int
        Equal for rows that tell of one another: copies, labels included, or those that ``cv`` or groups keep together.
    tasks : sequence of Task
        In the order of the label matrix, as everything below.
    labels : sequence of ndarray of shape (n,)
        Of each task.
    sample_weights : ndarray of shape (n, n_tasks)
        Of the labels as the user weighs them, 0 where none is; one of 2 counts as two labels.
    responses : sequence of ndarray of shape (n, n_classes or 1)
        Of each task, NaN where no member held the row out.
    """

    units: np.ndarray
    tasks: Sequence[Task]
    labels: Sequence[np.ndarray]
    sample_weights: np.ndarray
    responses: Sequence[np.ndarray]

    @property
    def known(self) -> np.ndarray:
        """Indices of the rows that a member held out."""
        return np.flatnonzero(~np.isnan(self.responses[0][:, 0]))


@dataclass(frozen=True)
class HeldOutRows(HeldOutResponses):
    """These together with the rows.

    Attributes
    ----------
    rows : ndarray or csr_array of shape (n, n_inputs)
        Encoded.
    weights : ndarray of shape (n, n_tasks)
        Of the labels in the loss, class weights among them, 0 where none is; their scale does not matter.
    learned : ndarray of shape (member, n_outputs), bool
        Whether a member has learned the task of an output of the network.
    memo : dict
        What other fits to the same rows and labels, which it must not outlive, have computed.
    """

    rows: Any
    weights: np.ndarray
    learned: np.ndarray
    memo: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def once(self, name: Hashable, compute: Callable[[], T]) -> T:
        """Result of ``compute``, which must not depend on the responses but on which rows have one."""
        told = hashlib.blake2b(b"".join(part.tobytes() for part in (self.known, self.units, self.weights)))
        key = name, id(self.rows), id(self.labels), told.hexdigest()
        if key not in self.memo:
            self.memo[key] = compute()
        result: T = self.memo[key]
        return result


class Postprocessor(Stateful, ABC):
    """Changes the responses of a fitted network, as learned from held-out responses."""

    @abstractmethod
    def fit(self, network: Network, held_out: HeldOutRows) -> Self | None:
        """Learn from held-out responses.

        Parameters
        ----------
        network : Network
            Fitted.
        held_out : HeldOutRows
            Training rows and responses to them.

        Returns
        -------
        Self or None
            This object; None if it would gain nothing, and responses are to stay as they are.
        """

    @abstractmethod
    def __call__(self, rows: np.ndarray, responses: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Change the responses to new rows.

        Parameters
        ----------
        rows : ndarray of shape (m, n_inputs)
            Encoded.
        responses : sequence of ndarray of shape (m, n_classes or 1)
            Of all tasks, in the order of the label matrix.

        Returns
        -------
        list of ndarray
            New arrays where they are changed.
        """

    @abstractmethod
    def cross_fitted(self, held_out: HeldOutRows) -> list[np.ndarray]:
        """Change the held-out responses that it was fitted on, each without the help of its own label.

        Parameters
        ----------
        held_out : HeldOutRows
            As in ``fit``.

        Returns
        -------
        list of ndarray
            As in ``held_out.responses``.
        """


class PostprocessorOfTasks(Postprocessor):
    """A postprocessor of some tasks, in whose state these are not.

    Attributes
    ----------
    tasks_ : tuple
        Dataclass objects with the ``index`` of a task in the label matrix, and the ``task``.
    """

    state_external = frozenset({"task"})

    tasks_: tuple[Any, ...]

    @classmethod
    def from_state(
        cls, state: dict[str, Any], arrays: Mapping[str, np.ndarray], external: Mapping[str, Any] | None = None
    ) -> Self:
        """As :meth:`Stateful.from_state`; ``external`` has the "tasks", in the order of the label matrix."""
        if external is None or "tasks" not in external:
            raise ValueError("The state does not hold 'tasks'. Pass them beside the state.")
        tasks: Sequence[Task] = external["tasks"]
        made = super().from_state(state, arrays, {"task": None})
        made.tasks_ = tuple(replace(own, task=tasks[own.index]) for own in made.tasks_)
        return made
