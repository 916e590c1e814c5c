"""scikit-learn's checks of an estimator that chooses groups, with its single targets doubled."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from skmtl import MultiTaskNetRegressor
from skmtl.model_selection import TaskGroupingCV

NOT_FOR_IT = {
    "check_sample_weights_shape",  # weights of two columns are those of the cells of two tasks
    "check_supervised_y_2d",  # a column of labels is no reason for a warning where labels are matrices
    "check_regressors_train",  # one epoch is too little to score well
    "check_estimator_sparse_array",  # slow; the nets read what it passes on
    "check_estimator_sparse_matrix",
}


class TwoTasks(TaskGroupingCV):
    """Learns a single target as two tasks and predicts the first."""

    def fit(self, X, y, sample_weight=None, groups=None):
        return super().fit(X, y if y is None else doubled(y), sample_weight, groups)

    def predict(self, X):
        return super().predict(X)[:, 0]

    def score(self, X, y):
        return super().score(X, doubled(y))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output, tags.target_tags.multi_output = True, False
        return tags


def doubled(y):
    column = np.asarray(y)
    column = column.reshape(len(column), -1)[:, :1]
    return np.concatenate([column, column], axis=1)


NET = MultiTaskNetRegressor(hidden_layer_sizes=(4,), n_estimators=1, max_iter=1, early_stopping=False, random_state=0)
CHECKS = [
    pytest.param(estimator, check, id=f"{check.func.__name__}-{place}")
    for place, (estimator, check) in enumerate(estimator_checks_generator(TwoTasks(NET, subsets=[], cv=2)))
    if check.func.__name__ not in NOT_FOR_IT
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_scikit_learns_checks(estimator, check):
    check(estimator)
