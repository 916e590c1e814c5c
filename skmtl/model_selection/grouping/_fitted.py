"""What an estimator that has fitted another does with rows."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if

from skmtl._sklearn import DocLinkMixin, final_model
from skmtl.estimators._fit_inputs import COLUMNS
from skmtl.estimators._inner import at_net
from skmtl.estimators._predictor import PredictorMixin
from skmtl.model_selection._net_methods import ConformalOfNetMixin, net_has

ADOPTED = (
    "network_",
    "encoder_",
    "tasks_",
    "task_names_",
    "classes_",
    "thresholds_",
    "_layout",
    "_one_dimensional",
    "_categories",
)


class FittedByAnother(DocLinkMixin, MetaEstimatorMixin, ConformalOfNetMixin, PredictorMixin, BaseEstimator):
    """Predictions and scores by ``best_estimator_``, which is one of skmtl's or a Pipeline that ends in one."""

    estimator: Any
    best_estimator_: Any

    def _adopt(self) -> None:
        """Take over the fitted attributes that predictions need, and what is known of the columns of X."""
        owners = dict.fromkeys(ADOPTED, final_model(self.best_estimator_)) | dict.fromkeys(
            COLUMNS, self.best_estimator_
        )
        for name, owner in owners.items():
            self.__dict__.pop(name, None)  # of an earlier fit
            if hasattr(owner, name):
                setattr(self, name, getattr(owner, name))

    @property
    def missing_label(self) -> object:  # type: ignore[override]
        """A further value of y that means "no label"."""
        return final_model(self.estimator).missing_label

    def _responses(self, X: Any) -> list[np.ndarray]:
        net, rows = at_net(self, X)
        responses: list[np.ndarray] = net._responses(rows)
        return responses

    @available_if(net_has("predict_proba"))
    def predict_proba(self, X: Any) -> Any:
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        list of ndarray of shape (n_samples, n_classes)
            As of the estimator: one entry a task, None for numeric tasks.
        """
        net, rows = at_net(self, X)
        return net.predict_proba(rows)

    @available_if(net_has("predict_log_proba"))
    def predict_log_proba(self, X: Any) -> Any:
        """Logarithm of :meth:`predict_proba`.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        list of ndarray of shape (n_samples, n_classes)
            Log-probabilities.
        """
        net, rows = at_net(self, X)
        return net.predict_log_proba(rows)

    def inspect_sharing(self, X: Any) -> dict[str, np.ndarray]:
        """Show how the fitted tasks share hidden layers; see the estimator.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows over which gates are averaged; they matter to nothing else.

        Returns
        -------
        dict of ndarray
            By sharing architecture; members are those of the first of ``groups_``, then of the next.
        """
        net, rows = at_net(self, X)
        found: dict[str, np.ndarray] = net.inspect_sharing(rows)
        return found

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.estimator_type = inner.estimator_type
        tags.classifier_tags = copy.deepcopy(inner.classifier_tags)
        tags.regressor_tags = copy.deepcopy(inner.regressor_tags)
        tags.input_tags = copy.deepcopy(inner.input_tags)
        tags.target_tags = copy.deepcopy(inner.target_tags)
        tags.target_tags.single_output = False
        return tags
