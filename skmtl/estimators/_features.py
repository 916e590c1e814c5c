"""A fitted network as a transformer: the features that its tasks share."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skmtl.estimators._predictor import PredictorMixin
from skmtl.fitting import body_features, count_threads


class FeaturesMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin, PredictorMixin):
    """Adds :meth:`transform`, by which an estimator can stand before others in a pipeline."""

    def transform(self, X: Any, *, by_member: bool = False) -> np.ndarray:
        """Return the features that the tasks share: the last hidden layer of the sharing architecture.

        Another estimator can learn from them, say of a task with few labels. Those of ``sharing="hard"`` are read by
        all tasks. Where the architecture gives tasks features of their own, as "independent", "mmoe" or "cross_stitch"
        do, the features of all tasks are side by side, in the order of y. ``task_layer_sizes`` do not count. Rows that
        the network was fitted to have features that know their labels.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.
        by_member : bool, default=False
            Whether to return the features of each member. Their units have no common meaning, so that the mean over the
            members, the default, is a short summary of all.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out) or (n_members, n_samples, n_features_out)
            Features.
        """
        check_is_fitted(self, "network_")
        self._check_columns(X)
        fitted = self.network_, self._layout, self.encoder_
        features = body_features(*fitted, X, count_threads(self.n_jobs))
        return features if by_member else features.mean(axis=0)

    @property
    def _n_features_out(self) -> int:
        """For the names of the features."""
        body = self.network_.layers.body
        return body.width * body.copies

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        assert tags.transformer_tags is not None
        tags.transformer_tags.preserves_dtype = []  # features have the type of the network
        return tags
