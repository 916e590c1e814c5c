"""Several attributes of one image
===============================

One picture, many questions: what shape is it, what colour, is it filled, how large, how far to the right? Such
attributes of objects or faces share what the first layers see. Each image has three labels of five here, as where each
annotator answers some questions only.

The images are drawn here: noisy, with shapes of any size at any place.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skmtl import MultiTaskNet
from skmtl.encoders import ConvolutionEncoder

SIDE, N_TRAIN, N_TEST = 16, 300, 100
SHAPES = ["circle", "square", "cross"]
COLOURS = {"red": (1.0, 0.2, 0.2), "green": (0.2, 0.9, 0.3), "blue": (0.3, 0.4, 1.0)}
KINDS = {"shape": "multiclass", "colour": "multiclass", "filled": "binary", "size": "regression", "place": "regression"}


def distance(shape: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """From the middle of a shape, 1 at its edge."""
    if shape == "circle":
        return np.hypot(x, y)
    if shape == "square":
        return np.maximum(np.abs(x), np.abs(y))
    return np.maximum(np.maximum(np.abs(x), np.abs(y)), np.minimum(np.abs(x), np.abs(y)) / 0.4)


def images(n: int, rng: np.random.Generator) -> tuple[np.ndarray, pd.DataFrame]:
    """Images ``(n, 3, SIDE, SIDE)`` and all their attributes."""
    rows, cells = [], np.mgrid[:SIDE, :SIDE].astype(float)
    X = rng.normal(0.1, 0.08, size=(n, 3, SIDE, SIDE))
    for image in X:
        shape, colour, filled = rng.choice(SHAPES), rng.choice(list(COLOURS)), rng.random() < 0.5
        size = rng.uniform(4, 6.5)
        down, right = rng.uniform(size - 0.5, SIDE - size - 0.5, 2)
        far = distance(shape, (cells[1] - right) / size, (cells[0] - down) / size)
        image += np.array(COLOURS[colour])[:, None, None] * ((far < 1) & (filled | (far > 0.65)))
        rows.append((shape, colour, filled, size, right))
    return X.astype(np.float32), pd.DataFrame(rows, columns=list(KINDS))


def draw(X: np.ndarray, found: pd.DataFrame) -> None:
    _, axes = plt.subplots(2, 5, figsize=(9, 4), layout="constrained")
    for image, ax, (_, said) in zip(X, axes.flat, found.iterrows(), strict=False):
        ax.imshow(image.transpose(1, 2, 0).clip(0, 1))
        ax.set_title(f"{said.colour} {said['shape']},\n{'' if said.filled else 'not '}filled", fontsize=9)
        ax.set_axis_off()
    plt.show()


def main() -> None:
    rng = np.random.default_rng(0)
    (X, y), (X_test, y_test) = images(N_TRAIN, rng), images(N_TEST, rng)
    known = rng.permuted(np.arange(5) + np.zeros((N_TRAIN, 1)), axis=1) < 3
    y = y.astype({"filled": "boolean"}).where(known)

    net = MultiTaskNet(
        tasks=KINDS, encoder=ConvolutionEncoder(channels=(8, 8)), hidden_layer_sizes=(32,), n_estimators=1,
        max_iter=12, learning_rate_init=0.01, random_state=0,
    ).fit(X, y)  # fmt: skip
    print(f"{N_TRAIN} images, each with 3 labels of 5\n")
    print(f"{'attribute':<12}{'score':<10}{'trivial':>10}{'network':>10}")
    for task, score in net.score_tasks(X_test, y_test).items():
        is_number = KINDS[task] == "regression"
        trivial = 0.0 if is_number else y_test[task].value_counts(normalize=True).max()
        print(f"{task:<12}{'R2' if is_number else 'accuracy':<10}{trivial:>10.3f}{score:>10.3f}")
    draw(X_test, net.predict_frame(X_test))


if __name__ == "__main__":
    main()
