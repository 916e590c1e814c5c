"""No sharing: the single-task reference."""

from __future__ import annotations

from skmtl.sharing._sharing import Body, BodySpec, MLPBody, Sharing


class Independent(Sharing):
    """Every task has its own hidden layers, trained in one stack.

    The single-task reference: for full labels, a fixed number of epochs, unit weights and the same initial parameters
    it equals one fit for each task.
    """

    def build(self, spec: BodySpec) -> Body:
        """Make a stack of hidden layers for each task; see :meth:`Sharing.build`."""
        return MLPBody("trunks", spec, spec.n_tasks, "task")
