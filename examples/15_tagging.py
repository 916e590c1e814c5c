"""Tags of words beside the mood of the sentence
=============================================

Rows are words. Each has a part of speech; names also have a kind (person or place), and other words have no such label.
The sentence has a mood, which is a label of its first word only. One network answers all of it, from a window of five
words and the sentence around them.

The encoder is a torch module: words of the window keep their positions, those of the sentence are averaged. The
sentences are made here. Names of the test are new, so that only their neighbours tell what they are.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from sklearn.metrics import ConfusionMatrixDisplay
from torch import Tensor, nn

from skmtl import MultiTaskNetClassifier
from skmtl.encoders import ModuleEncoder, TokenSequencer

NAMES = [f"name{k}" for k in range(60)]  # stand for persons and places alike
PATTERNS = [
    "NAME:person VERB to NAME:place with a ADJ NOUN",
    "in NAME:place the NOUN of NAME:person VERB ADJ",
    "NAME:person and NAME:person VERB the NOUN near NAME:place",
    "the ADJ NOUN from NAME:place VERB NAME:person",
]
WORDS = {"NOUN": ["dog", "car", "house", "train", "book"], "VERB": ["went", "sang", "looked", "came", "called"]}
MOODS = {"glad": ["happy", "bright", "lovely", "kind"], "sad": ["grey", "broken", "lonely", "cold"]}
N_TRAIN, N_TEST, WIDTH, LENGTH = 300, 200, 2, 8


class WindowAndSentence(nn.Module):
    """Vectors of the words of a window side by side, and the mean of those of the sentence."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(200, 12, padding_idx=0)

    def forward(self, ids: Tensor) -> Tensor:
        window, sentence = self.embedding(ids).split([2 * WIDTH + 1, LENGTH], 1)
        return torch.cat([window.flatten(1), sentence.mean(1)], 1)


def sentences(n: int, names: list[str], rng: np.random.Generator) -> list[tuple[list[str], pd.DataFrame]]:
    """Words of sentences, and the labels of each word."""
    made = []
    for _ in range(n):
        mood, words, rows = rng.choice(list(MOODS)), [], []
        for part in rng.choice(PATTERNS).split():
            tag, _, kind = part.partition(":")
            choices = {"NAME": names, "ADJ": MOODS[mood], **WORDS}.get(tag, [part])
            words.append(str(rng.choice(choices)))
            rows.append((tag if tag in ("NAME", "ADJ", *WORDS) else "other", kind or None, None))
        rows[0] = (*rows[0][:2], mood if "ADJ" in [row[0] for row in rows] else None)
        made.append((words, pd.DataFrame(rows, columns=["speech", "kind", "mood"])))
    return made


def read(made: list[tuple[list[str], pd.DataFrame]], sequencer: TokenSequencer) -> tuple[np.ndarray, pd.DataFrame]:
    """Window and sentence of each word, ``(n_words, 2 * WIDTH + 1 + LENGTH)``, and its labels."""
    ids = sequencer.transform([" ".join(words) for words, _ in made])
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(ids, ((0, 0), (WIDTH, WIDTH))), 2 * WIDTH + 1, axis=1)
    sentence = np.repeat(np.arange(len(made)), [len(words) for words, _ in made])
    word = np.concatenate([np.arange(len(words)) for words, _ in made])
    return np.column_stack([windows[sentence, word], ids[sentence]]), pd.concat([y for _, y in made], ignore_index=True)


def main() -> None:
    rng = np.random.default_rng(0)
    train, test = sentences(N_TRAIN, NAMES[:40], rng), sentences(N_TEST, NAMES[40:], rng)
    sequencer = TokenSequencer(min_df=3).fit([" ".join(words) for words, _ in train])
    (X, y), (X_test, y_test) = read(train, sequencer), read(test, sequencer)

    encoder = ModuleEncoder(WindowAndSentence, input_type="integer")
    net = MultiTaskNetClassifier(
        encoder=encoder, hidden_layer_sizes=(32,), n_estimators=1, max_iter=15, learning_rate_init=0.01, random_state=0
    ).fit(X, y)
    print(f"{len(X)} words of {N_TRAIN} sentences; names of the test are unknown\n")
    print(f"{'task':<10}{'trivial':>10}{'accuracy':>10}")
    for task, accuracy in net.score_tasks(X_test, y_test).items():
        trivial = y_test[task].value_counts(normalize=True).max()
        print(f"{task:<10}{trivial:>10.3f}{accuracy:>10.3f}")
    ConfusionMatrixDisplay.from_predictions(y_test["speech"], net.predict_frame(X_test)["speech"])
    plt.show()


if __name__ == "__main__":
    main()
