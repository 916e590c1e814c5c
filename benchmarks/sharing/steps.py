"""Cost of a training step beside LibMTL's modules of the same shapes, measured in the order A B A B."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import nn

from benchmarks._steps import skmtl_step
from skmtl.balancing import Static
from skmtl.sharing import CGC, PLE, CrossStitch, MMoE, Sharing

HEAD = """## A step beside LibMTL

One member, float32, one thread, squared errors of {tasks} tasks, {features} features; forward, loss, backward and
update (AdamW in one pass here, torch.optim.Adam there, as LibMTL's trainer has it). Milliseconds, medians of {rounds}
rounds in the order A B A B; the ratio is the median of the ratios within a round. LibMTL builds PLE and cross-stitch
networks of five-stage encoders only, so there five hidden layers are compared, each a level.
"""
FEATURES, TASKS, EXPERTS, ROUNDS, REPEATS = 32, 8, 8, 15, 10
BATCHES, WIDTHS = (64, 256), (64, 128)

Step = Callable[[], object]


class Encoder(nn.Module):
    """Hidden layers under the names of the stages that LibMTL looks for."""

    def __init__(self, features: int, width: int, stages: int) -> None:
        super().__init__()
        self.conv1, self.bn1, self.relu, self.maxpool = (
            nn.Linear(features, width),
            nn.Identity(),
            nn.ReLU(),
            nn.Identity(),
        )
        self.stages = stages
        for stage in range(1, stages):
            setattr(self, f"layer{stage}", nn.Sequential(nn.Linear(width, width), nn.ReLU()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """All stages."""
        x = self.relu(self.conv1(x))
        for stage in range(1, self.stages):
            x = getattr(self, f"layer{stage}")(x)
        return x


def libmtl_class(name: str) -> Any:
    """One of LibMTL's architectures, without its package's own imports, which ask for torchvision."""
    if "LibMTL" not in sys.modules:
        spec = find_spec("LibMTL")
        assert spec is not None
        package = types.ModuleType("LibMTL")
        package.__path__ = list(spec.submodule_search_locations or [])
        sys.modules["LibMTL"] = package
    return getattr(import_module(f"LibMTL.architecture.{name}"), name)


def libmtl_step(name: str, n_experts: list[int], layers: int, width: int, x: torch.Tensor, y: torch.Tensor) -> Step:
    """A step of LibMTL's module with equal weights."""
    tasks = [f"t{k}" for k in range(y.shape[1])]
    torch.manual_seed(0)
    model = libmtl_class(name)(
        tasks,
        lambda: Encoder(x.shape[1], width, layers),
        nn.ModuleDict({task: nn.Linear(width, 1) for task in tasks}),
        False,
        False,
        torch.device("cpu"),
        img_size=[x.shape[1]],
        num_experts=n_experts,
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        outputs = model(x)
        losses = [nn.functional.mse_loss(outputs[task][:, 0], y[:, k]) for k, task in enumerate(tasks)]
        torch.stack(losses).mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def our_step(sharing: Sharing, layers: int, width: int, x: torch.Tensor, y: torch.Tensor) -> Step:
    """A step of the training loop."""
    return skmtl_step(sharing, Static(), (width,) * layers, x, y)


def pairs() -> dict[str, tuple[Sharing, str, list[int], int]]:
    """By label: ours, and LibMTL's class, numbers of experts and hidden layers."""
    private = [1] * TASKS
    return {
        f"mmoe, {EXPERTS} experts, 2 layers": (MMoE(EXPERTS), "MMoE", [EXPERTS], 2),
        "cgc, 4 shared, 1 private, 2 layers": (CGC(4, 1), "CGC", [4, *private], 2),
        "ple, 2 shared, 1 private, 5 levels": (PLE(2, 1, 5), "PLE", [2, *private], 5),
        "cross_stitch, 5 layers": (CrossStitch(), "Cross_stitch", [1], 5),
    }


def _milliseconds(step: Step) -> float:
    start = perf_counter()
    for _ in range(REPEATS):
        step()
    return 1e3 * (perf_counter() - start) / REPEATS


def compare(ours: Step, theirs: Step) -> tuple[float, float, float]:
    """Medians of both and of their ratio."""
    for step in (ours, theirs):
        _milliseconds(step)
    rounds = [(_milliseconds(ours), _milliseconds(theirs)) for _ in range(ROUNDS)]
    return median(a for a, _ in rounds), median(b for _, b in rounds), median(a / b for a, b in rounds)


def run() -> str:
    """All pairs at all shapes; the report."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    head = HEAD.format(tasks=TASKS, features=FEATURES, rounds=ROUNDS)
    lines = [head, "| architecture | batch | width | skmtl | LibMTL | ratio |", "|---|---|---|---|---|---|"]
    for label, (sharing, name, n_experts, layers) in pairs().items():
        for batch in BATCHES:
            for width in WIDTHS:
                x, y = torch.randn(batch, FEATURES), torch.randn(batch, TASKS)
                ours = our_step(sharing, layers, width, x, y)
                theirs = libmtl_step(name, n_experts, layers, width, x, y)
                mine, other, ratio = compare(ours, theirs)
                lines.append(f"| {label} | {batch} | {width} | {mine:.2f} | {other:.2f} | {ratio:.2f} |")
                sys.stderr.write(lines[-1] + "\n")
    return "\n".join(lines) + "\n"
