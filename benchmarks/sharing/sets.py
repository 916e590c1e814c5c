"""All architectures on data sets, with equal numbers of parameters."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from benchmarks._data import load
from benchmarks.sharing.architectures import NAMES, n_parameters, width_for

SETS = ("multimnist", "trec", "yeast", "sarcos_test", "scm20d", "tox21")
BUDGET = 60_000
MOST_ROWS = (1000, 500)  # of training and test part, drawn with seed 0
EPOCHS, MEMBERS, BATCH = 30, 1, 64

HEAD = f"""## Data sets, equal parameters

Fold 0; at most {MOST_ROWS[0]} rows to learn from and {MOST_ROWS[1]} to score. Two hidden layers of the greatest width
at which a member has at most {BUDGET:,} parameters (never below 4); {MEMBERS} member(s), {EPOCHS} epochs in batches
of {BATCH}, all else at its default, one thread. multimnist: pixels of every second row and column; trec: counts of
the 300 most frequent words. Score: mean over tasks of accuracy or R2. Microseconds: the fit over its steps, held-out
losses included, one run on a machine with other work: their order, not their size.
"""


class Table(NamedTuple):
    """Training and test rows of one set, encoded."""

    X: np.ndarray
    Y: np.ndarray
    X_test: np.ndarray
    Y_test: np.ndarray
    kinds: tuple[str, ...]


def read(data: Path, name: str) -> Table:
    """Fold 0 of a set, subsampled, as numbers."""
    loaded = load(data, name)
    held_out = loaded["fold"] == (1 if name == "multimnist" else 0)  # there the column marks the test part
    random = np.random.default_rng(0)
    train, test = (
        random.permutation(np.flatnonzero(part))[:most]
        for part, most in zip((~held_out, held_out), MOST_ROWS, strict=True)
    )
    Y = loaded["Y"].to_numpy(dtype=object) if name == "trec" else np.asarray(loaded["Y"], dtype=float)
    X, X_test = _features(name, loaded["X"], train, test)
    return Table(X, Y[train], X_test, Y[test], tuple(loaded["kinds"]))


def _features(name: str, X: Any, train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if name == "trec":
        from sklearn.feature_extraction.text import CountVectorizer

        counter = CountVectorizer(max_features=300)
        texts = X.iloc[:, 0].to_numpy()
        return counter.fit_transform(texts[train]).toarray().astype(float), counter.transform(
            texts[test]
        ).toarray().astype(float)
    if name == "multimnist":
        X = X[:, ::2, ::2].reshape(len(X), -1)
    return np.asarray(X[train], dtype=float), np.asarray(X[test], dtype=float)


def measure(name: str, table: Table) -> tuple[float, float, float]:
    """Score, thousands of parameters of a member, and microseconds a step."""
    from skmtl import MultiTaskNetClassifier, MultiTaskNetRegressor
    from skmtl.encoders import TabularEncoder

    estimator = MultiTaskNetRegressor if table.kinds[0] == "regression" else MultiTaskNetClassifier
    encoder = TabularEncoder(numeric="scaled")
    n_inputs = encoder.fit(table.X, np.ones(len(table.X))).transform(table.X[:2], np.float32).shape[1]
    n_outputs = tuple(_n_outputs(kind, column) for kind, column in zip(table.kinds, table.Y.T, strict=True))
    width = width_for(name, BUDGET, n_inputs, n_outputs)
    net = estimator(
        sharing=name,
        hidden_layer_sizes=(width, width),
        encoder=encoder,
        n_estimators=MEMBERS,
        batch_size=BATCH,
        max_iter=EPOCHS,
        random_state=0,
        n_jobs=1,
    )
    start = perf_counter()
    net.fit(table.X, table.Y)
    seconds = perf_counter() - start
    steps = net.n_iter_ * -(-len(table.X) // BATCH)
    thousands = n_parameters(name, width, n_inputs, n_outputs) / 1000
    return net.score(table.X_test, table.Y_test), thousands, 1e6 * seconds / steps


def _n_outputs(kind: str, column: np.ndarray) -> int:
    return len(set(column.tolist())) if kind == "multiclass" else 1


def run(data: Path, names: Sequence[str] = NAMES, sets: Sequence[str] = SETS) -> str:
    """All architectures on all sets; the report."""
    results: dict[str, list[tuple[float, float, float]]] = {name: [] for name in names}
    for data_set in sets:
        table = read(data, data_set)
        for name in names:
            results[name].append(measure(name, table))
            sys.stderr.write(f"{data_set} {name}: {results[name][-1]}\n")
    return "\n".join([HEAD, *(_table(results, sets, place, title, form) for place, (title, form) in enumerate(_FORMS))])


_FORMS = (("score", "{:.3f}"), ("thousands of parameters", "{:.0f}"), ("microseconds a step", "{:.0f}"))


def _table(results: dict[str, list[Any]], sets: Sequence[str], place: int, title: str, form: str) -> str:
    lines = [f"| {title} | {' | '.join(sets)} |", "|---|" + "---|" * len(sets)]
    lines += [f"| {name} | {' | '.join(form.format(row[place]) for row in rows)} |" for name, rows in results.items()]
    return "\n".join(lines) + "\n"
