"""Several questions about one text
================================

A message to a shop has a topic (four classes), a mood (angry or content) and an urgency (a number from 0 to 1). One
encoder reads the words and serves all three. Each annotator has answered some questions only: half of the labels are
missing.

The messages are made here from phrases. Moods turn with a "not", and urgency comes from the words, the topic and the
mood together, so that its labels tell of the others.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from skmtl import MultiTaskNet, predict_frame
from skmtl.encoders import SequenceEncoder, TokenSequencer

TOPICS = {
    "delivery": ["the parcel", "the courier", "my shipment", "the driver", "the package", "tracking"],
    "billing": ["the invoice", "my refund", "the charge", "the receipt", "the payment", "my card"],
    "device": ["the screen", "the battery", "the charger", "the camera", "the speaker", "my phone"],
    "account": ["my password", "the login", "my profile", "the app", "the website", "my address"],
}
GOOD = ["great", "fine", "perfect", "lovely", "good"]
BAD = ["terrible", "broken", "useless", "awful", "wrong"]
WHEN = {
    0.0: ["whenever you like", "no hurry", "some day"],
    0.5: ["this week", "soon"],
    1.0: ["now", "today", "at once"],
}
SEVERITY = {"delivery": 0.2, "billing": 0.4, "device": 0.1, "account": 0.3}
N_TRAIN, N_TEST = 500, 300
KINDS = {"topic": "multiclass", "mood": "binary", "urgency": "regression"}


def messages(n: int, rng: np.random.Generator) -> tuple[list[str], pd.DataFrame]:
    """Messages and the answers to all questions about them."""
    texts, rows = [], []
    for _ in range(n):
        topic, angry, negated = rng.choice(list(TOPICS)), rng.random() < 0.5, rng.random() < 0.4
        word = rng.choice(BAD if angry != negated else GOOD)
        when = float(rng.choice(list(WHEN)))
        said = [rng.choice(TOPICS[topic]), "is", *(["not"] if negated else []), word]
        parts = [" ".join(said), "please answer " + rng.choice(WHEN[when])]
        rng.shuffle(parts)
        texts.append(", ".join(parts))
        urgency = 0.5 * when + 0.3 * angry * (SEVERITY[topic] / 0.4) + 0.2 * angry + rng.normal(0, 0.03)
        rows.append((topic, "angry" if angry else "content", urgency))
    return texts, pd.DataFrame(rows, columns=list(KINDS))


def draw(table: pd.DataFrame) -> None:
    ax = table.plot.bar(rot=0, figsize=(6, 3.5))
    ax.set(ylim=(0, 1.3), ylabel="accuracy, R2", title=f"{N_TRAIN} messages, half of their labels missing")
    plt.show()


def main() -> None:
    rng = np.random.default_rng(0)
    (texts, y), (test_texts, y_test) = messages(N_TRAIN, rng), messages(N_TEST, rng)
    y = y.mask(rng.random(y.shape) < 0.5)

    net = MultiTaskNet(
        tasks=KINDS, encoder=SequenceEncoder(n_units=16, embedding_size=16), hidden_layer_sizes=(32,), n_estimators=1,
        max_iter=25, learning_rate_init=0.02, random_state=0,
    )  # fmt: skip
    pipeline = make_pipeline(TokenSequencer(), net).fit(texts, y)
    scores = net.score_tasks(pipeline[:-1].transform(test_texts), y_test)
    trivial = {name: y_test[name].value_counts(normalize=True).max() for name in ("topic", "mood")} | {"urgency": 0.0}
    table = pd.DataFrame({"trivial": trivial, "network": scores})
    print(f"Messages: {N_TRAIN} to learn from, half of their labels missing\n")
    print(table.to_string(float_format="%.3f"))
    said = "the battery is not good, please answer now"
    answer = predict_frame(pipeline, [said]).iloc[0]
    print(f"\n{said!r}: about the {answer['topic']}, {answer['mood']}, urgency {answer['urgency']:.1f}")
    draw(table)


if __name__ == "__main__":
    main()
