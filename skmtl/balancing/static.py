"""Fixed loss weights."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from skmtl._params import Params
from skmtl.balancing._balancer import Balancer, BalancerInputs


class Static(Balancer):
    """The weighted sum of the task losses, with the weights that ``loss_weights`` gives.

    Tuned fixed weights match the elaborate methods (Kurin et al., 2022; Xin et al., 2022), so this is the default.

    References
    ----------
    Kurin, V., De Palma, A., Kostrikov, I., Whiteson, S. and Kumar, M. P. (2022). In defense of the unitary
    scalarization for deep multi-task learning. NeurIPS 35.

    Xin, D., Ghorbani, B., Gilmer, J., Garg, A. and Firat, O. (2022). Do current multi-task optimization methods in deep
    learning even help? NeurIPS 35.
    """

    def weights(self, loss_weights: Tensor, inputs: BalancerInputs, state: Any) -> tuple[Tensor, Any]:
        """Return the loss weights unchanged; see :meth:`Balancer.weights`."""
        return loss_weights, state


class GeometricWeights(Params):
    """Geometrically decaying loss weights; made by :func:`geometric`.

    Parameters
    ----------
    decay : float
        Ratio of a task's weight to that of the task before it.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay

    def __repr__(self) -> str:
        return f"geometric({self.decay!r})"

    def expand(self, n_tasks: int) -> list[float]:
        """Weights of ``n_tasks`` tasks.

        Parameters
        ----------
        n_tasks : int
            Number of tasks.

        Returns
        -------
        list of float
            1, decay, decay^2, ...

        Raises
        ------
        ValueError
            If ``decay`` is negative or not finite.
        """
        if not 0 <= self.decay < float("inf"):
            raise ValueError(f"geometric(decay) needs a finite decay of at least 0; got {self.decay!r}.")
        return [float(self.decay) ** task for task in range(n_tasks)]


def geometric(decay: float) -> GeometricWeights:
    """Loss weights 1, decay, decay^2, ... in the order of the tasks.

    Parameters
    ----------
    decay : float
        Ratio of a task's weight to that of the task before it; at least 0.

    Returns
    -------
    GeometricWeights
        A value for ``loss_weights``, whatever the number of tasks.

    Examples
    --------
    >>> from skmtl import geometric
    >>> geometric(0.5).expand(3)
    [1.0, 0.5, 0.25]
    """
    return GeometricWeights(decay)
