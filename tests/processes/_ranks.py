"""Fits in groups of forked processes, as a script: a folder, then groups one after another.

A group is the name of a function here and its number of processes, as in laws:3; with :data at the end its processes
divide rows.
"""

import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import scipy.sparse as sp
import torch.distributed as dist

import skmtl
from skmtl import Checkpoint
from skmtl.blocks import Source, _survey
from skmtl.callbacks import Callback
from skmtl.fitting import _columns
from skmtl.inputs import _stored
from skmtl.model_selection import MultiTaskSearchCV
from skmtl.network import _output_layers
from skmtl.sharing import Soft
from skmtl.training import Training
from skmtl.training._step import Step

N_ROWS = 61
SECONDS = 240  # of a group, after which whoever waits for something that does not come is ended


def made_rows() -> tuple[np.ndarray, np.ndarray]:
    """Rows of 4 features, a numeric task and one of three classes, each with holes."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS, 4))
    y = np.column_stack([X[:, 0] + np.sin(X[:, 1]), np.digitize(X[:, 2] + 0.3 * X[:, 3], [-0.5, 0.5])])
    y[rng.random(y.shape) < 0.2] = np.nan
    return X, y


def made_net(**params: Any) -> skmtl.MultiTaskNet:
    """Small net in float64."""
    settings: dict[str, Any] = {
        "tasks": ["regression", "multiclass"],
        "effort": "fixed",
        "dtype": "float64",
        "hidden_layer_sizes": (6, 5),
        "max_iter": 4,
        "random_state": 0,
    }
    return skmtl.MultiTaskNet(**settings | params)


def outcome(net: Any) -> dict[str, Any]:
    """All that a fit has learned, as arrays."""
    X, _ = made_rows()
    found = dict(net.network_.buffer.arrays())
    found |= {f"history {name}": values for name, values in net.history_.items()}
    found["predicted"] = np.asarray(net.predict(X)[:, 0], dtype=float)
    return found


WEIGHTS = np.random.default_rng(1).uniform(0.5, 2, (N_ROWS, 2))


def of_members() -> dict[str, Any]:
    net = made_net(n_estimators=5, dropout=0.2, class_weight="balanced", batch_size=16, n_iter_no_change=2, cv=3)
    return outcome(net.fit(*made_rows(), sample_weight=WEIGHTS))


def of_slices(size: int) -> dict[str, Any]:
    """Last batches have a single row, so that some ranks have none."""
    common: dict[str, Any] = {"n_estimators": 2, "dropout": 0.2, "input_dropout": 0.1, "class_weight": "balanced"}
    found = {}
    for name, params in {
        "plain": {"batch_size": 20, "early_stopping": False},
        "layers of tasks": {"batch_size": 20, "early_stopping": False, "task_layer_sizes": (3,)},
        "experts": {"batch_size": 20, "early_stopping": False, "sharing": "mmoe"},
        "stops early": {"batch_size": 2, "n_iter_no_change": 1, "learning_rate_init": 0.1, "cv": 3},
        "one batch": {"batch_size": 200, "balancing": "dwa", "kernel_blend": True},
        "penalised": {"batch_size": 20, "sharing": Soft(strength=0.1), "early_stopping": False},
        "balanced": {"batch_size": 16, "balancing": "uncertainty", "early_stopping": False, "input_scaling": True},
    }.items():
        net = made_net(**common | params).fit(*made_rows(), sample_weight=WEIGHTS)
        found |= {f"{name}: {key}": value for key, value in outcome(net).items()}
    return found


class Predicting(Callback):
    """Keeps what is predicted after each epoch."""

    def __init__(self) -> None:
        self.found: list[float] = []

    def on_epoch_end(self, estimator: Any, epoch: int) -> None:
        self.found.append(float(np.sum(estimator.predict(made_rows()[0])[:, 0])))


class Acting(Callback):
    """Does something after the second epoch."""

    def __init__(self, action: Callable[[], Any]) -> None:
        self.action = action

    def on_epoch_end(self, estimator: Any, epoch: int) -> bool | None:
        return self.action() if epoch == 2 else None


def of_tasks() -> tuple[dict[str, Any], dict[str, Any]]:
    """Outputs of 7 tasks in tiles, and with early stopping and a task that does not count; what a callback sees."""
    X, _ = made_rows()
    rng = np.random.default_rng(2)
    numbers, classes = X @ rng.normal(size=(4, 3)), np.digitize(X[:, 2], [-0.5, 0.5])
    y = np.column_stack([numbers, X[:, :2] > 0, classes, X[:, 3] > 0])
    y[rng.random(y.shape) < 0.2] = np.nan
    kinds = 3 * ["regression"] + 2 * ["binary"] + ["multiclass", "binary"]
    common = {"tasks": kinds, "input_scaling": False, "dropout": 0.2, "n_estimators": 2, "class_weight": "balanced"}
    weights, seen = rng.uniform(0.5, 2, y.shape), Predicting()
    with patch.multiple(_output_layers, NARROW=2, WIDE=2):
        tiles = made_net(batch_size=12, early_stopping=False, **common).fit(X, y, sample_weight=weights)
    stops = {"batch_size": 8, "n_iter_no_change": 1, "cv": 3, "learning_rate_init": 0.1, "max_iter": 20}
    net = made_net(**stops, loss_weights=[1, 2, 3, 0, 1, 1, 1], **common).set_callbacks(seen)
    net.fit(X, y, sample_weight=weights)
    found = {f"stops: {key}": value for key, value in outcome(net).items()}
    found |= {f"tiles: {key}": value for key, value in outcome(tiles).items()}
    return found, {"predicted": np.array(seen.found)}


def of_no_seed() -> dict[str, Any]:
    return outcome(made_net(n_estimators=3, random_state=None).fit(*made_rows()))


class CountedBlocks(list[Any]):
    """Blocks of 10 rows, which count how often they are read, and may go bad."""

    reads, most = 0, np.inf

    def __getitem__(self, index: Any) -> Any:
        self.reads += 1
        if self.reads > self.most:
            raise ValueError("the file ends here")
        return super().__getitem__(index)


def made_source() -> Source:
    """The rows with weights in blocks, several buffers of them, and epochs that are parts of a pass."""
    X, y = made_rows()
    blocks = CountedBlocks((X[i : i + 10], y[i : i + 10], WEIGHTS[i : i + 10]) for i in range(0, N_ROWS, 10))
    sizes = {"sample_rows": 40, "held_out_rows": 7, "epoch_rows": 30, "buffer_bytes": 1600}
    return Source(blocks, in_memory=False, **sizes)


def of_blocks(seed: int | None) -> dict[str, Any]:
    return outcome(made_net(n_estimators=4, dropout=0.2, batch_size=8, random_state=seed).fit(made_source()))


def of_slices_of_blocks() -> dict[str, Any]:
    """With last batches of two rows, batches over the ends of buffers, and buffers with and without holes."""
    common: dict[str, Any] = {"n_estimators": 2, "dropout": 0.2, "max_iter": 8}
    stops = made_net(batch_size=4, n_iter_no_change=1, class_weight="balanced", **common)
    with patch.multiple(_survey, LEAST_JUDGING=1):
        found = {f"stops: {key}": value for key, value in outcome(stops.fit(made_source())).items()}
    X, y = np.tile(made_rows()[0], (2, 1)), np.vstack([np.nan_to_num(made_rows()[1]), made_rows()[1]])
    blocks = [(X[i : i + 40], y[i : i + 40]) for i in range(0, len(X), 40)]
    source = Source(blocks, in_memory=False, held_out_rows=0, buffer_bytes=1600)
    balanced = made_net(batch_size=16, balancing="dwa", early_stopping=False, **common).fit(source)
    return found | {f"balanced: {key}": value for key, value in outcome(balanced).items()}


def of_stored(wide: int = 6) -> dict[str, Any]:
    """A net of 20 tasks, of which some of the cells are stored."""
    rng = np.random.default_rng(2)
    y = sp.random_array((N_ROWS, 20), density=0.2, rng=rng, format="csr")
    net = skmtl.MultiTaskNetRegressor(missing_label="unstored", hidden_layer_sizes=(6,), dtype="float64", max_iter=3)
    net.set_params(n_estimators=4, effort="fixed", random_state=0, batch_size=15, dropout=0.2, n_iter_no_change=1)
    few = patch.multiple(_output_layers, NARROW=2, WIDE=wide), patch.multiple(_columns, WIDE=wide)
    with few[0], few[1], patch.multiple(_stored, MANY_TASKS=16, MANY_CELLS=0):
        net.fit(made_rows()[0], y)
        assert "stored cells" in net.auto_params_["kernel_blend"].reason
        return outcome(net)


def of_search(seed: int | None) -> dict[str, Any]:
    rates = {"learning_rate_init": [0.001, 0.01, 0.1, 0.3], "dropout": [0.0, 0.2]}
    net = made_net(n_estimators=1, max_iter=3, random_state=seed)
    search = MultiTaskSearchCV(net, param_distributions=rates, n_iter=4, cv=2, random_state=seed, refit=False)
    results = search.fit(*made_rows()).cv_results_
    return {key: np.asarray(values) for key, values in results.items() if "time" not in key and "param" not in key}


def laws(rank: int, size: int) -> dict[str, Any]:
    """Everything that must be equal."""
    found: dict[str, Any] = {}
    with skmtl.distributed():
        found["members"] = of_members()
        found["no seed"] = of_no_seed()
        found["tried"] = outcome(made_net(effort="default", n_estimators=2, max_iter=8).fit(*made_rows()))
        found["blocks"], found["blocks, no seed"], found["stored"] = of_blocks(0), of_blocks(None), of_stored()
        found["search"], found["seeded search"] = of_search(None), of_search(0)
    with skmtl.distributed(data=np.int64(size)):
        found["slices"], found["slices of blocks"] = of_slices(size), of_slices_of_blocks()
        found["slices of stored"] = of_stored()
    with skmtl.distributed(tasks=size):
        found["tasks"], found["callback"] = of_tasks()
        found["tasks of stored"] = of_stored()
    return found


def both(rank: int, size: int) -> dict[str, Any]:
    """Members and rows, then members and tasks divided at once."""
    with skmtl.distributed(members=2):
        found = {"members": of_members()}
    with skmtl.distributed(tasks=2):
        return found | {"tasks": of_tasks()[0], "seeded search": of_search(0)}


def error_of(fit: Callable[[], Any]) -> str:
    """Type and text of what a fit raises."""
    try:
        fit()
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {error}"
    return ""


@contextmanager
def in_epoch(number: int, action: Callable[[], Any]) -> Iterator[list[int]]:
    """Do something after the first step of an epoch; gives the number of the epoch and of its steps."""
    epoch, step, begun = Training.epoch, Step.__call__, [-1, 0]

    def counted(*args: Any) -> Any:
        begun[:] = begun[0] + 1, 0
        return epoch(*args)

    def interposed(*args: Any) -> Any:
        begun[1] += 1
        if begun == [number, 2]:
            action()
        return step(*args)

    Training.epoch, Step.__call__ = counted, interposed  # type: ignore[method-assign, assignment]
    yield begun
    Training.epoch, Step.__call__ = epoch, step  # type: ignore[method-assign]


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail(name: str = "") -> None:
    raise OSError(f"the disk is full{name}")


def failures(rank: int, size: int) -> dict[str, Any]:
    """What processes hear of one another."""
    X, y = made_rows()
    found: dict[str, Any] = {}
    with skmtl.distributed(data=size):
        found["all"] = error_of(lambda: made_net(hidden_layer_sizes=(0,)).fit(X, y))
        found["gramian"] = error_of(lambda: made_net(balancing="pcgrad").fit(X, y))
        search = MultiTaskSearchCV(made_net(), {"dropout": [0.0, 0.1]}, n_jobs=2)
        found["jobs"] = error_of(lambda: search.fit(X, y))
        with in_epoch(2, lambda: os.kill(os.getpid(), signal.SIGINT)) if rank == 1 else nullcontext():
            net = made_net(max_iter=50, batch_size=16).fit(X, y)
        found["interrupted"] = len(net.history_["loss"])
    with skmtl.distributed(tasks=size):
        found["tasks"] = error_of(lambda: made_net(balancing="dwa").fit(X, y))
        found["narrow"], source = error_of(lambda: of_stored(7)), made_source()
        before = source.rows.reads
        found["blocks"] = error_of(lambda: made_net().fit(source))
        assert source.rows.reads == before
        found["few tasks"] = error_of(lambda: made_net(input_scaling=False).fit(X, y))
        three = np.column_stack([y, X[:, 0]])
        wild = {"tasks": ["regression", "multiclass", "regression"], "learning_rate_init": 1e200}
        found["diverged"] = error_of(lambda: made_net(input_scaling=False, **wild).fit(X, three))
    with suppress(skmtl.DistributedError, ValueError), skmtl.distributed():
        bad = np.where(rank == 1, np.inf, X)
        found["bad"] = error_of(lambda: made_net().fit(bad, y))
        found["after"] = error_of(lambda: made_net().fit(X, y))
    found["numbers"] = error_of(lambda: skmtl.distributed(data=True).__enter__())
    with suppress(skmtl.DistributedError), skmtl.distributed(data=size):
        with in_epoch(2, lambda: fail(": \udcff")) if rank == 1 else nullcontext():
            found["failed"] = error_of(lambda: made_net(batch_size=16).fit(X, y))
    source = made_source()
    source.rows.most = 40 if rank == 1 else np.inf
    with suppress(skmtl.DistributedError), skmtl.distributed(data=size):
        found["bad block"] = error_of(lambda: made_net(max_iter=200, early_stopping=False).fit(source))
    plain = {"tasks": 3 * ["regression"], "input_scaling": False, "max_iter": 200, "early_stopping": False}
    numbers = np.column_stack([X[:, :2], X[:, :1]])
    with skmtl.distributed(data=size):
        net = made_net(**plain).set_callbacks(Acting(lambda: rank == 1))
        found["stopped"] = net.fit(X, numbers).n_iter_
    with suppress(skmtl.DistributedError), skmtl.distributed():
        net = made_net(**plain | {"max_iter": 2000}, n_estimators=3).set_callbacks(Acting(fail if rank == 1 else bool))
        found["member"] = error_of(lambda: net.fit(X, numbers))
    with suppress(skmtl.DistributedError), skmtl.distributed(tasks=size):
        net = made_net(**plain).set_callbacks(Acting(lambda: sys.exit("ends") if rank == 1 else None))
        found["callback"] = error_of(lambda: net.fit(X, numbers))
    with suppress(skmtl.DistributedError), skmtl.distributed(tasks=size):
        net = made_net(**plain).set_callbacks(*[Acting(bool)] * (rank == 1))
        found["other callbacks"] = error_of(lambda: net.fit(X, numbers))
    own = rank == 2
    for name, rows, params in (
        ("fewer rows", slice(0, 60 if own else None), {}),
        ("other order", slice(None, None, -1 if own else 1), {}),
        ("other rate", slice(None), {"learning_rate_init": 0.01 if own else 0.02}),
        ("other blend", slice(None), {"kernel_blend": own, "cv": 3}),
    ):
        with suppress(skmtl.DistributedError), skmtl.distributed():
            found[name] = error_of(lambda rows=rows, params=params: made_net(**params).fit(X[rows], y[rows]))
    return found


def killed(rank: int, size: int, data: int | None = None) -> dict[str, Any]:
    """The last process is killed in the middle of an epoch, while others train members or wait for gradients."""
    found: dict[str, Any] = {}
    with suppress(skmtl.DistributedError), skmtl.distributed(data=data):
        with in_epoch(3, kill) if rank == size - 1 else nullcontext():
            net = made_net(n_estimators=3, max_iter=2000, batch_size=4, early_stopping=False)
            found["error"] = error_of(lambda: net.fit(*made_rows()))
    return found


def going_on(rank: int, size: int, data: int | None = None) -> dict[str, Any]:
    """A fit with checkpoints, in whose first run the last process is killed; to blocks where rows are divided."""
    folder = Path(sys.argv[1])
    mark = folder / f"killed {data}"
    first = not mark.exists()
    net = made_net(n_estimators=2, dropout=0.2, batch_size=8, checkpoint=Checkpoint(folder / "checkpoints", 1))

    def killed_first() -> None:
        mark.touch()
        kill()

    with suppress(skmtl.DistributedError), skmtl.distributed(data=data):
        with in_epoch(3, killed_first if first and rank == size - 1 else lambda: None) as begun:
            given = (made_source(),) if data else made_rows()
            return {**outcome(net.fit(*given)), "epochs begun": np.array(begun[0])}
    return {}


def run(group: str, rank: int, turn: int, folder: Path) -> None:
    """What one process does."""
    name, number, *data = group.split(":")
    size = int(number)
    if size > 1:
        store = f"file://{folder / 'store'}-{turn}"
        dist.init_process_group("gloo", init_method=store, rank=rank, world_size=size)
    found = globals()[name](rank, size, **({"data": size} if data else {}))
    (folder / f"{turn}-{rank}.pickle").write_bytes(pickle.dumps(found))


def main(folder: Path, groups: list[str]) -> None:
    """Fork processes, group after group, up to one that hangs."""
    warnings.simplefilter("ignore")
    for turn, group in enumerate(groups):
        children = []
        for rank in range(int(group.split(":")[1])):
            child = os.fork()
            if child == 0:
                signal.alarm(SECONDS)
                try:
                    run(group, rank, turn, folder)
                except BaseException:
                    sys.excepthook(*sys.exc_info())
                    os._exit(1)
                os._exit(0)  # without the end of the interpreter, which takes long
            children.append(child)
        if signal.SIGALRM in [os.WTERMSIG(os.waitpid(child, 0)[1]) for child in children]:
            sys.exit(f"Processes of {group} still waited for one another after {SECONDS} seconds.")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
