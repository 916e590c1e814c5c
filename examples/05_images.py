"""Three tasks read off one image
==============================

Three tasks read off one image: a convolutional network beside the same network without convolutions.

Two of scikit-learn's handwritten digits stand side by side in an image of 8 x 16 pixels. The tasks are the left digit,
the right digit (10 classes each) and their sum (a number), and every image lacks one of the three labels. Images of the
test are made of digits that no training image shows.

``ConvolutionEncoder`` takes images as arrays ``(n, height, width)`` or ``(n, channels, height, width)``; as a table,
each pixel is a column.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

from skmtl import MultiTaskNet
from skmtl.encoders import ConvolutionEncoder, TabularEncoder

KINDS = {"left": "multiclass", "right": "multiclass", "sum": "regression"}
N_TRAIN, N_TEST = 1200, 500


def pairs(digits: np.ndarray, labels: np.ndarray, n: int, rng: np.random.Generator) -> tuple[np.ndarray, pd.DataFrame]:
    """Images of two digits and their labels."""
    left, right = rng.integers(0, len(digits), size=(2, n))
    images = np.concatenate([digits[left], digits[right]], axis=2)  # side by side
    return images, pd.DataFrame({"left": labels[left], "right": labels[right], "sum": labels[left] + labels[right]})


def draw(images: np.ndarray, said: pd.DataFrame) -> None:
    _, axes = plt.subplots(2, 4, figsize=(8, 3), layout="constrained")
    for k, ax in enumerate(axes.flat):
        ax.imshow(images[k], cmap="gray_r")
        ax.set_title("{} + {} is about {:.1f}".format(*said.loc[k, ["left", "right"]], said.loc[k, "sum"]))
        ax.set_axis_off()
    plt.show()


def main() -> None:
    rng = np.random.default_rng(0)
    digits = load_digits()
    X, y = pairs(digits.images[:1200], digits.target[:1200], N_TRAIN, rng)
    X_test, y_test = pairs(digits.images[1200:], digits.target[1200:], N_TEST, rng)
    y = y.astype("Int64").mask(rng.integers(0, 3, size=(N_TRAIN, 1)) == np.arange(3))  # pandas.NA

    models = {
        "convolutions": (ConvolutionEncoder(channels=(16, 16)), X, X_test),
        "table": (TabularEncoder(), X.reshape(N_TRAIN, -1), X_test.reshape(N_TEST, -1)),
    }
    nets, scores = {}, {}
    for name, (encoder, train, test) in models.items():
        net = MultiTaskNet(tasks=KINDS, encoder=encoder, n_estimators=1, max_iter=10, effort="fast", random_state=0)
        net.fit(train, y)
        nets[name], scores[name] = net, net.score_tasks(test, y_test)

    print(f"Pairs of digits: {N_TRAIN} images to learn from, one label of three unknown\n")
    print(f"{'task':<8}{'score':<10}" + "".join(f"{name:>14}" for name in models))
    for task, kind in KINDS.items():
        values = "".join(f"{scores[name][task]:>14.3f}" for name in models)
        print(f"{task:<8}{'R2' if kind == 'regression' else 'accuracy':<10}{values}")
    draw(X_test, nets["convolutions"].predict_frame(X_test))


if __name__ == "__main__":
    main()
