"""Files of each format version that was released, with rows and what the saved estimators predicted of them.

``python -m tests.persistence._golden`` writes those of this version that are not there yet. They stay as they are.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

import skmtl
from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.encoders import SequenceEncoder, TokenSequencer
from skmtl.persistence._container import FORMAT_VERSION

FOLDER = Path(__file__).parent / "golden"
SMALL = {"hidden_layer_sizes": (3,), "n_estimators": 2, "max_iter": 3, "random_state": 0, "dtype": "float64"}


def answers(net: Any, rows: Any) -> dict[str, Any]:
    """Predictions and probabilities, as JSON holds them."""
    found = {"predict": net.predict(rows).tolist()}
    if hasattr(net, "predict_proba"):
        probabilities = net.predict_proba(rows)
        each = probabilities if isinstance(probabilities, list) else [probabilities]
        found["proba"] = [None if own is None else own.tolist() for own in each]
    return found


def rows_of(kept: Any) -> Any:
    """Rows as JSON holds them: columns of a frame by name, or lists."""
    return pd.DataFrame(kept) if isinstance(kept, dict) else np.array(kept)


def write() -> None:
    """Fit, save and predict."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2)).round(3)
    numbers = np.column_stack([np.sin(9 * X[:, 0]), np.exp(X[:, 1])])
    classes = np.where(X[:, 0] + rng.normal(size=200) > 0, "yes", "no")
    frame = {"number": X[:40, 0].tolist(), "word": rng.choice(["a", "b", None], 40).tolist()}
    mixed = pd.DataFrame({"kind": classes[:40], "amount": np.where(np.arange(40) % 4 == 0, np.nan, X[:40, 1])})
    texts = rng.choice(["the cat sat", "a dog", "the dog barked"], 40)
    sequence = MultiTaskNetRegressor(**SMALL, encoder=SequenceEncoder(n_units=2, embedding_size=2))
    corrected = MultiTaskNetRegressor(**SMALL, local_correction=True, target_transform="quantile")
    shared = MultiTaskNetRegressor(**SMALL, sharing="mmoe", balancing="famo", loss="huber")
    tried = {"max_iter": 20, "dropout": 0.0, "input_dropout": 0.0, "input_scaling": False, "batch_size": 10}
    blended = MultiTaskNetRegressor(**{**SMALL, **tried}, kernel_blend=True)
    fits = {
        "mixed": (MultiTaskNet(**SMALL), frame, mixed),
        "corrected": (corrected, X, numbers),
        "calibrated": (MultiTaskNetClassifier(**SMALL, calibration="isotonic"), X, classes),
        "shared": (shared, X[:40], numbers[:40]),
        "texts": (make_pipeline(TokenSequencer(), sequence), texts, numbers[:40]),
        "added": (blended, X, numbers),
    }
    folder = FOLDER / f"v{FORMAT_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, (net, rows, y) in fits.items():
        if (folder / f"{name}.skmtl").exists():
            continue
        net.fit(rows_of(rows) if isinstance(rows, dict) else rows, y)
        if name == "added":
            net.add_tasks(X[:60], X[:60, 0] + X[:60, 1])
        few = {key: column[:9] for key, column in rows.items()} if isinstance(rows, dict) else rows[:9].tolist()
        skmtl.save(net, folder / f"{name}.skmtl")
        expected = {"rows": few, **answers(net, rows_of(few))}
        (folder / f"{name}.json").write_text(json.dumps(expected) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
