"""Spoken digits in two languages
==============================

A word is a picture: the loudness of its frequencies over time. Convolutions find vowels in it, whatever the language,
so that English and German digits share them. Each language has an output, and each recording a label in one language.

The speakers are oscillators: a buzz at the pitch of a voice, filtered by the two resonances (formants) of each vowel,
between hisses for consonants. Voices of the test, with other pitches, are in no training recording.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skmtl import MultiTaskNetClassifier
from skmtl.encoders import ConvolutionEncoder

RATE, FRAME, N_FRAMES, N_MELS = 8000, 200, 24, 20
VOWELS = {"a": (750, 1300), "e": (500, 1800), "i": (300, 2300), "o": (480, 900), "u": (320, 800), "y": (300, 1700)}
WORDS = {
    "english": ["s-i-o", "u-a-n", "t-u", "s-i", "f-o", "f-a-i-f", "s-i-s", "s-e-e-n", "e-i-t", "n-a-i-n"],
    "german": ["n-u-l", "a-i-n-s", "t-s-a-i", "t-a-i", "f-i", "f-y-n-f", "s-e-s", "s-i-e-n", "a-t", "n-o-i-n"],
}
N_TRAIN, N_TEST = 200, 100  # of each language


def sound(word: str, pitch: float, throat: float, rng: np.random.Generator) -> np.ndarray:
    """Samples of a word by a voice."""
    parts = []
    for phone in word.split("-"):
        t = np.arange(int(RATE * rng.uniform(0.08, 0.14))) / RATE
        if phone in VOWELS or phone in "nl":
            formants = VOWELS.get(phone, (280, 1400)) if phone != "l" else (380, 1100)
            tones = pitch * np.arange(1, int(3800 / pitch))
            loud = sum(1 / (1 + ((tones - throat * f) / 90) ** 2) for f in formants)
            parts.append((loud[:, None] * np.sin(2 * np.pi * tones[:, None] * t)).sum(0))
        else:
            hiss = np.diff(rng.normal(size=len(t) + 1)) if phone == "s" else rng.normal(size=len(t))
            parts.append({"s": 0.8, "f": 0.3, "t": 1.0}[phone] * hiss * (np.exp(-60 * t) if phone == "t" else 1))
    return np.concatenate(parts) + 0.05 * rng.normal(size=sum(map(len, parts)))


def picture(samples: np.ndarray) -> np.ndarray:
    """Log loudness by bands of the mel scale and time, ``(N_MELS, N_FRAMES)``."""
    starts = np.linspace(0, len(samples) - FRAME, N_FRAMES).astype(int)
    power = np.abs(np.fft.rfft(samples[starts[:, None] + np.arange(FRAME)] * np.hanning(FRAME))) ** 2
    mels = 2595 * np.log10(1 + np.fft.rfftfreq(FRAME, 1 / RATE) / 700)
    centres = np.linspace(100, mels[-1], N_MELS)
    weights = np.clip(1 - np.abs(mels - centres[:, None]) / (centres[1] - centres[0]), 0, None)
    return np.log(weights @ power.T + 1e-3)


def recordings(n: int, pitches: tuple[float, float], rng: np.random.Generator) -> tuple[np.ndarray, pd.DataFrame]:
    """Pictures of ``n`` words of each language, each with a label in its own."""
    digits, images = rng.integers(0, 10, 2 * n), []
    for k, digit in enumerate(digits):
        voice = rng.uniform(*pitches), rng.uniform(0.9, 1.15)
        images.append(picture(sound(WORDS["english" if k < n else "german"][digit], *voice, rng)))
    spoken = pd.Series(digits, dtype="Int64")
    is_english = spoken.index < n
    return np.array(images), pd.DataFrame({"english": spoken.where(is_english), "german": spoken.where(~is_english)})


def net() -> MultiTaskNetClassifier:
    images = ConvolutionEncoder(channels=(8, 16))
    return MultiTaskNetClassifier(encoder=images, hidden_layer_sizes=(32,), n_estimators=1, max_iter=12, random_state=0)


def main() -> None:
    rng = np.random.default_rng(0)
    X, y = recordings(N_TRAIN, (90, 180), rng)
    X_test, y_test = recordings(N_TEST, (180, 240), rng)
    together = net().fit(X, y).score_tasks(X_test, y_test)
    print(f"Spoken digits: {N_TRAIN} words of each language, other voices in the test\n")
    print(f"{'language':<10}{'trivial':>10}{'alone':>10}{'together':>10}")
    for language in WORDS:
        rows = y[language].notna().to_numpy()
        alone = net().fit(X[rows], y.loc[rows, [language]]).score_tasks(X_test, y_test[[language]])[language]
        trivial = y_test[language].value_counts(normalize=True).max()
        print(f"{language:<10}{trivial:>10.3f}{alone:>10.3f}{together[language]:>10.3f}")
    _, axes = plt.subplots(1, 4, figsize=(9, 2.5), layout="constrained")
    for ax, k in zip(axes, (0, 1, N_TRAIN, N_TRAIN + 1), strict=True):
        language = "english" if k < N_TRAIN else "german"
        ax.imshow(X[k], origin="lower", aspect="auto")
        ax.set(title=f"{language} {y[language][k]}", xlabel="time", ylabel="pitch")
    plt.show()


if __name__ == "__main__":
    main()
