"""From raw text to three tasks
============================

From raw text to three tasks: what a recurrent layer knows that a bag of words does not.

The texts are made here: travellers who say where they come from, where they go, and how many they are. The two cities
are told apart by the order of the words only, so the mean of the words' vectors finds both but not which is which.

The pipeline goes from text to labels: ``TokenSequencer`` learns the vocabulary and numbers the words,
``SequenceEncoder`` reads the numbers.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from skmtl import MultiTaskNet
from skmtl.encoders import SequenceEncoder, TokenSequencer

CITIES = ["Bergen", "Lisbon", "Oslo", "Porto", "Quito", "Turin"]
PEOPLE = ["one", "two", "three", "four", "five"]
SENTENCES = [
    "{people} of us, from {origin} to {destination}, please.",
    "I need tickets to {destination} from {origin} for {people}.",
    "We leave {origin} on Monday and go to {destination}, {people} seats!",
    "Is there a train to {destination}? We are {people} and start in {origin}.",
]
N_TRAIN, N_TEST = 600, 300


def make_texts(n: int, rng: np.random.Generator) -> tuple[list[str], pd.DataFrame]:
    """Sentences and what they say."""
    origin, destination = rng.choice(CITIES, n), rng.choice(CITIES, n)
    people, sentence = rng.integers(0, len(PEOPLE), n), rng.choice(SENTENCES, n)
    said = zip(sentence, origin, destination, people, strict=True)
    texts = [s.format(origin=o, destination=d, people=PEOPLE[p]) for s, o, d, p in said]
    return texts, pd.DataFrame({"origin": origin, "destination": destination, "people": people + 1.0})


def main() -> None:
    rng = np.random.default_rng(0)
    texts, y = make_texts(N_TRAIN, rng)
    test_texts, y_test = make_texts(N_TEST, rng)
    y = y.mask(rng.random(y.shape) < 0.2)  # a fifth of the labels unknown

    print(f"Travellers: {N_TRAIN} texts to learn from, 20% of the labels unknown\n")
    print(f"{'layer':<8}" + "".join(f"{task:>14}" for task in y.columns))
    table = {}
    for layer in ("mean", "gru"):
        encoder = SequenceEncoder(layer=layer, n_units=32, embedding_size=32)
        net = MultiTaskNet(
            tasks={"people": "regression"}, encoder=encoder, hidden_layer_sizes=(64,), n_estimators=1, max_iter=30,
            learning_rate_init=0.01, random_state=0,
        )  # fmt: skip
        pipeline = Pipeline([("tokens", TokenSequencer()), ("net", net)]).fit(texts, y)
        scores = net.score_tasks(pipeline[:-1].transform(test_texts), y_test)
        table[layer] = scores
        print(f"{layer:<8}" + "".join(f"{score:>14.3f}" for score in scores.values()))

    asked = "Two of us, from Porto to Oslo, please."
    answer = net.predict_frame(pipeline[:-1].transform([asked])).iloc[0]
    print(f"\n{asked!r}: from {answer['origin']} to {answer['destination']}, {answer['people']:.0f} people")

    axes = pd.DataFrame(table).plot.barh(figsize=(6, 3), xlabel="accuracy, or R2 of the number of people")
    axes.figure.tight_layout()
    plt.show()


if __name__ == "__main__":
    main()
