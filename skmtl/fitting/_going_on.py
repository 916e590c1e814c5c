"""Fits that train together as data, and how they go on from it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch

from skmtl._state import State, pack, unpack
from skmtl._version import __version__
from skmtl.checkpoints import fingerprint
from skmtl.fitting._ended import Ended
from skmtl.fitting._job import FitJob
from skmtl.fitting._shared_inputs import EncodedRows
from skmtl.network import Architecture, Network
from skmtl.training import DivergenceError, History, Training, join, split

FORMAT = 2  # raised where a state of before would be read in another way, or go on differently


def _digest_rows(encoded: EncodedRows) -> str:
    return fingerprint(encoded.X, encoded.targets)


def identity_of(jobs: Mapping[int, FitJob], without: Collection[str] = ("n_threads",)) -> tuple[Any, ...]:
    """All values that the training of these fits depends on, settings ``without`` these."""
    of_networks: dict[Network, str] = {}  # which fits of one network have in common
    found: list[Hashable] = [FORMAT, __version__, torch.__version__, np.__version__]
    for index, job in jobs.items():
        if job.network not in of_networks:
            architecture = replace(job.network.architecture, encoder=None)
            learned = job.inputs.encoder if job.network.layers.extractor is not None else None
            of_networks[job.network] = fingerprint(job.network.buffer.values, architecture, learned)
        config = {one.name: getattr(job.config, one.name) for one in fields(job.config) if one.name not in without}
        own = (config, job.streams.state(), job.order, *job.data.identity, job.objective.groups)
        judges = job.validation and (job.validation.held_out, job.validation.real)
        judged_by = None if job.validation is None or job.holds_out else job.validation.data
        found += [index, of_networks[job.network], job.encoded.once(_digest_rows), fingerprint(own, judges, judged_by)]
    return tuple(found)


def scale_of(architecture: Architecture) -> dict[str, Any]:
    """What a network has learned of its inputs before its training, and how many of them it reads."""
    return {"input_scale": architecture.input_scale, "n_read": architecture.n_read}


def scaled_network(jobs: Sequence[FitJob], input_scale: np.ndarray | None, n_read: int | None) -> Network:
    """Network of all members of jobs that begins with this scale of its inputs; its parameters are still to come."""
    architecture = Architecture.stack([job.network.architecture for job in jobs])
    return Network(replace(architecture, input_scale=input_scale, n_read=n_read), jobs[0].network.device)


def state_of_fits(
    training: Training | None,
    begun_with: Mapping[str, Any],
    taken_out: Iterable[np.ndarray],
    ended: Mapping[int, Ended],
    jobs: Mapping[int, FitJob],
    errors: Mapping[int, Exception],
) -> State:
    """Fits between two epochs as data.

    Parameters
    ----------
    training : Training or None
        Of those that have not ended.
    begun_with : dict
        :func:`scale_of` the network of all of them.
    taken_out : iterable of ndarray of int
        Indices of the fits that the network was shrunk by, in this order.
    ended : dict
        Those that have, by index.
    jobs : dict
        All of them, by index.
    errors : dict
        What made others fail, by index; left out where it is no divergence.
    """
    failures = {index: str(error) for index, error in errors.items() if isinstance(error, DivergenceError)}
    own = {"begun_with": dict(begun_with), "taken_out": list(taken_out), "failures": failures}
    parts = {"fits": pack(own, "fits", {})}
    for index, of_fits in ended.items():
        network, history = of_fits.of(index, jobs[index])
        learned = {**scale_of(network.architecture), "parameters": network.buffer.arrays()}
        parts[f"{index}"] = join({"network": pack(learned, "network", {}), "history": history.state()})
    if training is not None:
        parts["training"] = training.state()
    return join(parts)


def fits_of_state(
    state: State, jobs: Mapping[int, FitJob], begin: Callable[[dict[str, Any]], Training]
) -> tuple[Training | None, list[np.ndarray], dict[int, Ended], dict[int, Exception]]:
    """Fits as :func:`state_of_fits` saw them: training, what was taken out, those that have ended, and errors.

    ``begin`` makes the training of all of them anew, with a network of this scale.
    """
    parts = split(*state)
    own = unpack(*parts.pop("fits"), {}, {})
    saved = parts.pop("training", None)
    training = None
    if saved is not None:
        training = begin(own["begun_with"])
        for indices in own["taken_out"]:  # by the same steps, so that what is summed has the same order
            rest = np.flatnonzero(~np.isin(training.stopping.teams, indices))
            training = training.select(torch.from_numpy(rest))
        training.load_state(*saved)
    ended = {index: _ended(parts[f"{index}"], index, jobs[index]) for index in map(int, parts)}
    return training, own["taken_out"], ended, {i: DivergenceError(text) for i, text in own["failures"].items()}


def _ended(state: State, index: int, job: FitJob) -> Ended:
    parts = split(*state)
    learned = unpack(*parts["network"], {}, {})
    parameters = learned.pop("parameters")
    network = Network(replace(job.network.architecture, **learned), job.network.device)
    network.buffer.load(parameters)
    history = History()
    history.load_state(*parts["history"])
    return Ended.alone(index, network, history)
