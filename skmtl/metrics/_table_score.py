"""Any metric of predicted labels as a score of tables of weights by true and predicted class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skmtl.metrics._registry import Metric


@dataclass(frozen=True)
class TableScore:
    """Score of tables, greater is better: ``(table, true, predicted) -> (table,)``.

    A metric of labels depends on nothing but the weight of each pair of a true and a predicted label. So a table is
    scored as a task of n_classes squared rows.

    Parameters
    ----------
    metric : Metric
        Of predicted labels.
    classes : ndarray of shape (n_classes,)
        Labels of the classes.
    """

    metric: Metric
    classes: np.ndarray

    def __call__(self, tables: np.ndarray) -> np.ndarray:
        """Score tables; NaN where a score is not defined."""
        if self.metric.of_tables is not None:
            return self.metric.of_tables(tables)
        n_tables, n_classes = tables.shape[:2]
        truth = np.repeat(self.classes, n_classes)[:, None].repeat(n_tables, axis=1)
        predicted = np.tile(self.classes, n_classes)[:, None].repeat(n_tables, axis=1)
        options = {"classes": [self.classes] * n_tables} if self.metric.takes_classes else {}
        weights = tables.reshape(n_tables, -1).T
        scores = self.metric.function(truth, predicted, sample_weight=weights, average=None, **options)
        signed: np.ndarray = scores if self.metric.greater_is_better else -scores
        return signed
