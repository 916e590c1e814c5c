"""Fits that are killed at random times, again and again, and what they end with.

``python -m benchmarks.reliability.kills [N]`` prints the table of N kills, 200 by default, and writes it to RESULTS.md.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.sharing.__main__ import write_section
from skmtl import Checkpoint, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.checkpoints import Stage
from skmtl.checkpoints._stage import read_state
from skmtl.encoders import ConvolutionEncoder
from skmtl.model_selection import MultiTaskSearchCV

N_KILLS = 200
KILLS_A_FIT = 4  # before it may end
POLL, LONGEST_WAIT = 0.0002, 0.005  # seconds between looks at a fit, and after the one that decides to kill it
RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(200, 8))
NUMBERS = np.column_stack([TABLE[:, 0] * TABLE[:, 1], np.sin(2 * TABLE[:, 2]), TABLE[:, 3]])
NUMBERS[RNG.random(NUMBERS.shape) < 0.3] = np.nan
IMAGES = RNG.integers(0, 256, (60, 1, 6, 6)).astype(np.uint8)
CLASSES = np.column_stack([IMAGES.mean((1, 2, 3)) > 127, IMAGES[:, 0, :3].mean((1, 2)) > 127]).astype(float)
SMALL = {"hidden_layer_sizes": (8,), "n_estimators": 2, "random_state": 0, "max_iter": 40}
FIXED = {**SMALL, "effort": "fixed"}


def table(checkpoint: Checkpoint | None) -> Any:
    return MultiTaskNetRegressor(**FIXED, dropout=0.1, checkpoint=checkpoint).fit(TABLE, NUMBERS)


def tried(checkpoint: Checkpoint | None) -> Any:
    return MultiTaskNetRegressor(**SMALL, batch_size=20, activation="relu", checkpoint=checkpoint).fit(TABLE, NUMBERS)


def images(checkpoint: Checkpoint | None) -> Any:
    encoder = ConvolutionEncoder(channels=(2,))
    net = MultiTaskNetClassifier(**FIXED, encoder=encoder, checkpoint=checkpoint)
    return net.fit(IMAGES, CLASSES)


def search(checkpoint: Checkpoint | None) -> Any:
    grid = {"activation": ["relu", "silu"], "learning_rate_init": [0.003, 0.03]}
    net = MultiTaskNetRegressor(**{**FIXED, "max_iter": 8})
    return MultiTaskSearchCV(net, grid, cv=2, elimination="halving", checkpoint=checkpoint).fit(TABLE, NUMBERS)


FITS: dict[str, tuple[Callable[[Checkpoint | None], Any], np.ndarray]] = {
    "table": (table, TABLE),
    "table, settings tried": (tried, TABLE),
    "images": (images, IMAGES),
    "search with elimination": (search, TABLE),
}


def _fit(name: str, folder: Path | None, found: Any, progress: Any) -> None:
    """Fit in a process of its own, count when it begins and ends to write, and tell the digest of all it ends with."""
    fit, X = FITS[name]
    plain = Stage._save

    def counted(stage: Stage, state: Any) -> None:
        progress.value += 1
        plain(stage, state)
        progress.value += 1

    Stage._save = counted  # type: ignore[method-assign]
    model = fit(None if folder is None else Checkpoint(folder, interval=1))
    best = getattr(model, "best_estimator_", model)
    digest = hashlib.sha256(best.network_.buffer.values.numpy().tobytes())
    for values in (*best.history_.values(), best.predict(X)):
        digest.update(np.ascontiguousarray(values).tobytes())
    if best is not model:
        digest.update(model.cv_results_["mean_test_score"].tobytes())
    found.put(digest.hexdigest())


def _run(name: str, folder: Path | None, until: float = np.inf, wait: float = 0.0) -> tuple[str | None, int]:
    """Digest of a fit, None where it was killed, and how often it began or ended to write a checkpoint.

    It is killed so many seconds after it has done so ``until`` times.
    """
    context = multiprocessing.get_context("fork")  # which has imported everything
    found, progress = context.SimpleQueue(), context.Value("i", lock=False)
    process = context.Process(target=_fit, args=(name, folder, found, progress))
    process.start()
    while process.is_alive() and progress.value < until:
        time.sleep(POLL)
    if process.is_alive():
        time.sleep(wait)
    process.kill()
    process.join()
    return (found.get() if process.exitcode == 0 else None), progress.value


def _n_unreadable(folder: Path) -> tuple[int, int]:
    """Files that cannot be read, and all that are there."""
    files, unreadable = list(folder.glob("**/*.safetensors")), 0
    for path in files:
        try:
            read_state(path)
        except Exception:
            unreadable += 1
    return unreadable, len(files)


def _campaign(name: str, n_kills: int) -> str:
    random = np.random.default_rng(1)
    undisturbed, _ = _run(name, None)
    folder = Path(tempfile.mkdtemp())
    whole, marks = _run(name, folder)
    kills = fits = wrong = unreadable = files = left = torn = 0
    of_fit = 0
    wrong += whole != undisturbed
    while kills < n_kills or of_fit:
        ends = of_fit >= KILLS_A_FIT or kills >= n_kills
        last = np.inf if ends else random.integers(round(0.6 * marks))
        digest, _ = _run(name, folder, last, random.uniform(0, LONGEST_WAIT))
        if digest is None:
            kills, of_fit = kills + 1, of_fit + 1
            torn += len(list(folder.glob("**/*.tmp")))
            bad, there = _n_unreadable(folder)
            unreadable, files = unreadable + bad, files + there
            continue
        fits, of_fit = fits + 1, 0
        wrong += digest != undisturbed
        left += len(list(folder.iterdir()))
    shutil.rmtree(folder)
    return f"| {name} | {kills} | {fits} | {files} | {unreadable} | {torn} | {wrong} | {left} |\n"


def run(n_kills: int = N_KILLS) -> str:
    """Section of the results: so many kills over all fits."""
    rows = "".join(_campaign(name, -(-n_kills // len(FITS))) for name in FITS)
    return (
        "## Kills\n\nFits that save a checkpoint after every epoch are killed (SIGKILL) at random times, before, while "
        f"and after they write one, up to {KILLS_A_FIT} times each, before they may end. Torn files are those that "
        "were being written; the next run removes them. Wrong are fits that end with other bits than an undisturbed "
        "one: parameters, history, predictions, scores of a search.\n\n"
        "| fit | kills | fits ended | checkpoints read | unreadable | torn files | wrong | folders left |\n"
        "|---|---|---|---|---|---|---|---|\n" + rows + "\n" + cost()
    )


def cost() -> str:
    """What a checkpoint of a default fit takes, beside a minute of training."""
    seconds, processor = [], []
    rows = np.random.default_rng(0).normal(size=(2000, 30))
    labels = np.column_stack([rows[:, 0] * rows[:, 1], rows[:, 2], np.abs(rows[:, 3])])
    short = {"max_iter": 6, "effort": "fixed", "random_state": 0}  # networks of the default size
    plain = Stage.after_epoch

    def timed(stage: Stage, state: Any) -> None:
        start, used = time.perf_counter(), time.process_time()
        plain(stage, state)
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)

    folder = Path(tempfile.mkdtemp())
    Stage.after_epoch = timed  # type: ignore[method-assign]
    try:
        for _ in range(2):
            MultiTaskNetRegressor(**short, checkpoint=Checkpoint(folder, 1)).fit(rows, labels)
    finally:
        Stage.after_epoch = plain  # type: ignore[method-assign]
        shutil.rmtree(folder)
    median, used = statistics.median(seconds), statistics.median(processor)
    return (
        f"A checkpoint of a default fit ({rows.shape[0]} rows, {rows.shape[1]} columns, 3 tasks, 8 members of 256 and "
        f"256 units) takes {1000 * median:.0f} ms in the median of {len(seconds)}, of which {1000 * used:.0f} ms on "
        f"the processor: {median / 0.6:.2f}% of a fit at one a minute.\n\n"
    )


if __name__ == "__main__":
    section = run(int(sys.argv[1]) if len(sys.argv) > 1 else N_KILLS)
    sys.stdout.write(section)
    title = "# Reliability\n\nWritten by `python -m benchmarks.reliability`.\n"
    write_section(Path(__file__).parent / "RESULTS.md", section, title)
