"""A balancing method beside which quantities of the tasks' gradients are recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skmtl._params import Params


class Recorded(Params):
    """A balancing method with quantities of the tasks' gradients recorded in ``history_``.

    The gradients are those by the shared parameters, or by what the method takes gradients by. Training takes as long
    as with a method that takes gradients.

    Parameters
    ----------
    balancing : str or Balancer, default="static"
        The method.
    quantities : sequence of {"gradient_norms", "gradient_cosines"}, default=("gradient_norms", "gradient_cosines")
        Norms of the gradients, and cosines between them: negative ones tell of conflicts.

    Examples
    --------
    >>> from skmtl import MultiTaskNetRegressor
    >>> from skmtl.balancing import Recorded
    >>> net = MultiTaskNetRegressor(balancing=Recorded("famo", quantities=["gradient_norms"]))
    """

    def __init__(
        self, balancing: Any = "static", quantities: Sequence[str] = ("gradient_norms", "gradient_cosines")
    ) -> None:
        self.balancing = balancing
        self.quantities = quantities


def unwrap(balancing: Any) -> tuple[Any, tuple[str, ...]]:
    """Balancing method of an estimator's parameter, and the quantities to record.

    Raises
    ------
    ValueError
        If the quantities are no sequence of names.
    """
    if not isinstance(balancing, Recorded):
        return balancing, ()
    if not isinstance(balancing.quantities, list | tuple):
        raise ValueError(
            f"quantities of balancing=Recorded must be a list of names, such as ['gradient_norms']; got "
            f"{balancing.quantities!r}."
        )
    return balancing.balancing, tuple(balancing.quantities)
