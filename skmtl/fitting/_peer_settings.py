"""From what users write of peers to usable methods, and what members carry of them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, TypeVar

import torch

from skmtl._params import resolve
from skmtl._peer_method import PeerMethod
from skmtl.collaboration import COLLABORATIONS, Collaboration
from skmtl.defaults import DataSummary, n_held_out_folds
from skmtl.training import PEER_SHARINGS, PeerSharing

M = TypeVar("M", bound=PeerMethod)


def read_collaboration(collaboration: Any) -> Collaboration | None:
    """Method by which peers learn from one another, with usable settings; None without one."""
    return _usable(collaboration, COLLABORATIONS, Collaboration)


def read_peer_sharing(peer_sharing: Any) -> PeerSharing | None:
    """Method by which peers share parameters, with usable settings; None without one."""
    return _usable(peer_sharing, PEER_SHARINGS, PeerSharing)


def _usable(given: Any, known: Mapping[str, type[M]], base: type[M]) -> M | None:
    """A copy of the method that is given or named, whose settings have been checked."""
    if given is None:
        return None
    method = copy.deepcopy(resolve(base.owner, given, known, base))
    method.check()
    return method


def read_peer_methods(
    params: Mapping[str, Any], n_peers: int, data: DataSummary
) -> tuple[Collaboration | None, PeerSharing | None]:
    """Methods that couple the peers of a cohort, checked beside their number; None without one, or where none acts."""
    method, peer_sharing = read_collaboration(params["collaboration"]), read_peer_sharing(params["peer_sharing"])
    if method is not None:
        method.check_peers(n_peers)
        _require_held_out(method, data, params)
    if peer_sharing is not None:
        peer_sharing.check_peers(n_peers)
        peer_sharing = peer_sharing if peer_sharing.acts else None
    return method, peer_sharing


def _require_held_out(method: Collaboration, data: DataSummary, params: Mapping[str, Any]) -> None:
    """Check that there are held-out rows where a method measures something on them."""
    if method.needs_held_out and not n_held_out_folds(data, params) and not data.validation_given:
        raise ValueError(
            f"collaboration={type(method).__name__} needs held-out rows to measure on, and there are none: "
            f"early_stopping is False, as in partial_fit, or there are too few distinct rows. Give more rows or X_val, "
            f"set early_stopping=True, or choose settings that need none, such as a number as threshold."
        )


def member_settings(method: PeerMethod | None, ones: torch.Tensor) -> torch.Tensor:
    """Settings that members carry, ``(member, setting)``."""
    names = () if method is None else method.strengths
    values = [float(getattr(method, name)) for name in names]
    return torch.tensor(values, dtype=ones.dtype, device=ones.device).expand(len(ones), -1)
