"""Several data sets in one network
================================

A clinic has labels of 15 patients. A registry knows 200 others, without some of the columns, and a laboratory has other
labels of 80 more. ``stack_datasets`` puts the tables below one another, unites columns and tasks by name, and leaves
cells open where a table has no label. One network learns from all of it; weights see to it that 15 rows count.

The patients are those of scikit-learn's diabetes data, dealt to three places here. Patients of the test are in none.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes

from skmtl import MultiTaskNetRegressor
from skmtl.datasets import StackedDatasets, stack_datasets

VITALS = ["age", "sex", "bmi", "bp"]
LIPIDS = ["s1", "s2"]
N_CLINIC, N_REGISTRY, N_LABORATORY = 15, 200, 80


def places(patients: pd.DataFrame, rng: np.random.Generator) -> tuple[StackedDatasets, pd.DataFrame]:
    """Patients of three places, stacked, and others for the test."""
    ends = np.cumsum([N_CLINIC, N_REGISTRY, N_LABORATORY])
    clinic, registry, laboratory, test = np.split(rng.permutation(len(patients)), ends)
    stacked = stack_datasets(
        {
            "clinic": (patients.loc[clinic, VITALS + LIPIDS], patients.loc[clinic, ["progression"]]),
            "registry": (patients.loc[registry, VITALS], patients.loc[registry, ["progression"]]),
            "laboratory": (patients.loc[laboratory, VITALS], patients.loc[laboratory, ["triglycerides", "glucose"]]),
        },
        weighting="sqrt",
    )
    return stacked, patients.loc[test]


def net() -> MultiTaskNetRegressor:
    return MultiTaskNetRegressor(hidden_layer_sizes=(16,), n_estimators=4, max_iter=40, random_state=0)


def draw(truth: pd.Series, predictions: dict[str, np.ndarray]) -> None:
    _, axes = plt.subplots(1, 2, figsize=(7, 3.5), sharex=True, sharey=True, layout="constrained")
    for ax, (name, predicted) in zip(axes, predictions.items(), strict=True):
        ax.scatter(truth, predicted, s=12, alpha=0.6)
        ax.axline((150, 150), slope=1, color="0.6", linewidth=1)
        ax.set(title=name, xlabel="progression of the disease", ylabel="predicted")
    plt.show()


def main() -> None:
    patients = load_diabetes(as_frame=True, scaled=False).frame.reset_index(drop=True)
    patients = patients.rename(columns={"target": "progression", "s5": "triglycerides", "s6": "glucose"})
    stacked, test = places(patients, np.random.default_rng(0))

    together = net().fit(stacked.X, stacked.y, stacked.sample_weight)
    X_clinic, y_clinic = (stacked.split(values)["clinic"] for values in (stacked.X, stacked.y))
    alone = net().fit(X_clinic, y_clinic)

    found = {
        "clinic alone": np.ravel(alone.predict(test[VITALS + LIPIDS])),
        "three places": together.predict_frame(test[list(stacked.X.columns)])["progression"].to_numpy(),
    }
    print(stacked.y.groupby(stacked.source_, sort=False).count().to_string(), "\n")
    print("R2 of the progression of patients whom only the clinic would have seen:")
    spread = np.mean((test["progression"] - test["progression"].mean()) ** 2)
    for name, predicted in found.items():
        print(f"{name:<14}{1 - np.mean((test['progression'] - predicted) ** 2) / spread:>8.3f}")
    draw(test["progression"], found)


if __name__ == "__main__":
    main()
