"""How a search drops candidates: as the user says, or as the candidates let it."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

from skmtl._params import require_integer, resolve
from skmtl.defaults import LEARN_FROM_HELD_OUT_ROWS
from skmtl.model_selection.search._candidates import Candidate, differing
from skmtl.model_selection.search._halving import Halving

ELIMINATIONS: dict[str, type[Halving]] = {"halving": Halving}
MIN_MEMBERS = 4  # of which a few tell something of all


def read_elimination(elimination: object, candidates: Sequence[Candidate], refit: Any) -> Halving | None:
    """The elimination that a search over these candidates asks for; None trains all of them to the end.

    Raises
    ------
    ValueError
        If it is not usable for the candidates.
    """
    if isinstance(elimination, str) and elimination == "auto":
        return Halving(resource="n_estimators") if _members_rank(candidates, refit) else None
    halving = resolve("elimination", elimination, ELIMINATIONS, Halving)
    halving.fractions()
    if halving.resource == "n_estimators":
        require_integer("n_estimators", candidates[0].net.n_estimators, 1)
        _require_comparable(candidates)
    return halving


def _members_rank(candidates: Sequence[Candidate], refit: Any) -> bool:
    """Whether a few members of each candidate are to tell which is the best."""
    n_estimators = candidates[0].net.n_estimators
    chooses_one = len(candidates) > 1 and (refit is True or isinstance(refit, str))
    parted = differing(candidates, ["n_estimators", "loss_weights", *LEARN_FROM_HELD_OUT_ROWS])
    return chooses_one and not parted and isinstance(n_estimators, Integral) and n_estimators >= MIN_MEMBERS


def _require_comparable(candidates: Sequence[Candidate]) -> None:
    """Check that candidates can be compared by equally many members.

    Raises
    ------
    ValueError
        If they differ in what needs all of them.
    """
    parted = differing(candidates, ["n_estimators", *LEARN_FROM_HELD_OUT_ROWS])
    if parted:
        raise ValueError(
            f"elimination=Halving(resource='n_estimators') compares candidates by equally many of their members, and "
            f"without what learns from the rows that all members hold out; the candidates differ in {parted[0]}. Set "
            f"elimination=None or 'halving', or search over {parted[0]} apart."
        )
