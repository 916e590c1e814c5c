"""Where and with how many threads to compute."""

from __future__ import annotations

import multiprocessing
from contextlib import AbstractContextManager

import torch

from skmtl._params import Params, require_boolean
from skmtl._torch_state import torch_settings

THREAD_WORK = 2e8  # operations a step below which a second thread costs more than it gives


class Device(Params):
    """Where to compute, with settings.

    Parameters
    ----------
    name : str or torch.device, default="auto"
        "cpu", "cuda", "cuda:1", ...; "auto" is a GPU if there is one.
    cuda_graphs : bool, default=False
        Whether a training step on a GPU is recorded once and replayed, which saves the time of launching its kernels.
        It changes nothing but for "adamw" without dropout and static loss weights.

    Examples
    --------
    >>> from skmtl import MultiTaskNet
    >>> from skmtl.training import Device
    >>> net = MultiTaskNet(device=Device("cuda", cuda_graphs=True))
    """

    def __init__(self, name: str | torch.device = "auto", *, cuda_graphs: bool = False) -> None:
        self.name = name
        self.cuda_graphs = cuda_graphs


def as_device(device: object) -> Device:
    """Device with its settings, of an estimator's parameter.

    Raises
    ------
    ValueError
        If it is no device, or a setting is not usable.
    """
    found = device if isinstance(device, Device) else Device(device)  # type: ignore[arg-type]
    if not isinstance(found.name, str | torch.device):
        raise ValueError(
            f"device must be 'auto', a name such as 'cpu' or 'cuda:0', a torch.device or a Device; got {found.name!r}."
        )
    require_boolean("cuda_graphs of device", found.cuda_graphs)
    return found


def choose_device(device: object) -> torch.device:
    """Resolve ``device``; "auto" is a GPU if there is one.

    Raises
    ------
    ValueError
        If it is no device.
    RuntimeError
        If the device does not exist here.
    """
    device = as_device(device).name
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.ones(1, device=chosen).item()  # the meta device has no values
    except (RuntimeError, AssertionError) as error:
        raise RuntimeError(
            f"device={device!r} is not available here: {error}. Use device='auto' or device='cpu'."
        ) from error
    return chosen


def threads_for(work: float, n_threads: int | None = None) -> AbstractContextManager[None]:
    """Settings of torch with ``n_threads``, by default as many threads as a step of ``work`` operations profits from.

    Small steps run on one thread: the others would spin and wait. So does everything inside a worker process, whose
    siblings use the other cores.
    """
    alone = multiprocessing.parent_process() is None
    return torch_settings(n_threads or (None if alone and work >= THREAD_WORK else 1))
