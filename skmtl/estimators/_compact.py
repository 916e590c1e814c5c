"""Fitted ensembles made small: fewer networks kept, with what that costs."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmtl._params import require_choice
from skmtl._torch_state import torch_settings
from skmtl.defaults import ROW_CORRECTIONS
from skmtl.estimators._predictor import PredictorMixin
from skmtl.estimators._relatedness import task_relatedness
from skmtl.fitting import (
    JudgedMembers,
    OutOfFold,
    choose_members,
    out_of_fold,
    score_responses,
    weights_of,
)
from skmtl.postprocess import Calibration, HeldOutResponses, Threshold

KEEP = ("one", "one_per_cohort")
# What a compact estimator is from now on: networks that learn on their own and are not corrected
_ALONE = {
    "n_peers": 1,
    "collaboration": None,
    "peer_sharing": None,
    **dict.fromkeys(ROW_CORRECTIONS, False),
}


@dataclass(frozen=True)
class Compaction:
    """Which networks were kept, and what that has cost.

    Attributes
    ----------
    kept : list of int
        Positions of the kept networks among those of the whole ensemble.
    before, after : dict
        Task name to the score of the ensemble and of the networks chosen, on the same labels: accuracy of
        classification, R2 of regression tasks; NaN where no label measures it. Empty where no rows are known that
        measure it.
    """

    kept: list[int]
    before: dict[str, float]
    after: dict[str, float]


class CompactMixin(PredictorMixin):
    """The method ``compact``."""

    n_peers_: int
    n_estimators: int
    loss_weights_: np.ndarray
    history_: dict[str, np.ndarray]
    auto_params_: dict[str, Any]
    random_state: Any
    compaction_: Compaction
    task_relatedness_: np.ndarray
    relatedness_history_: np.ndarray
    _out_of_fold: OutOfFold | None

    @torch_settings()
    def compact(
        self,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        *,
        keep: Literal["one", "one_per_cohort"] = "one",
    ) -> Self:
        """Keep the best of the fitted networks, for a smaller model with faster predictions.

        A network is chosen by its loss on rows that it has not learned from. Try it after
        ``collaboration="mutual"``, which makes each peer nearly as good as all of them together.

        Parameters
        ----------
        X_val : array-like, sparse matrix or data frame of shape (n_samples, n_features), default=None
            Rows that the networks have not learned from, by which they are chosen and scored. By default these are the
            training rows that they held out.
        y_val : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks), default=None
            Labels of these rows, of which some may be missing as in :meth:`fit`.
        sample_weight_val : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weight of each row or cell.
        keep : {"one", "one_per_cohort"}, default="one"
            Whether one network is kept of all, or one of the peers of each cohort. Where tasks are predicted by
            different networks, as those of :class:`~skmtl.model_selection.TaskGroupingCV` are, it is one for each of
            these sets of tasks.

        Returns
        -------
        Self
            A fitted copy, which predicts as the kept networks do, without ``kernel_blend``, ``tree_blend`` and
            ``local_correction``, but with the calibration and the thresholds of this estimator, which come from
            responses of single members. Its parameters are those of networks that learn on their own (``n_estimators``
            the number of kept ones, ``n_peers=1``, ``collaboration=None``, ``peer_sharing=None``,
            ``kernel_blend=False``, ``tree_blend=False``, ``local_correction=False``), so that ``partial_fit`` and
            ``warm_start`` train the kept ones further and a clone trains as many new ones. This estimator stays as it
            is. The attribute ``compaction_`` of the copy has the positions of the networks that were ``kept`` and the
            scores ``before`` and ``after`` by task.

        Raises
        ------
        ValueError
            If there are several networks to choose from and no rows to choose by, or a parameter is not usable.

        Notes
        -----
        The best of several networks looks better than it is on the rows that chose it. So ``after`` is the score of
        networks that were chosen by one half of the rows, on the other half, and the other way round. Rows of a
        group, and copies of a training row, are in one half.

        Of the networks of an ensemble those of one cohort alone have not learned from a training row that it held out.
        So ``before`` is then the score of the peers of one cohort, and what is lost by averaging over fewer cohorts
        shows on ``X_val`` and ``y_val`` only.
        """
        check_is_fitted(self, "network_")
        require_choice("keep", keep, KEEP)
        judged, before = self._judge(X_val, y_val, sample_weight_val)
        serves = self._serves()
        teams = _teams(serves, self.n_peers_ if keep == "one_per_cohort" else len(serves))
        if judged is None:
            return self._keeping(Compaction(self._without_choice(teams), {}, {}))
        kept, after = self._choose(judged, teams, serves * self.loss_weights_)
        after = self._calibrated(judged, after)
        before = [np.where(np.isnan(new), np.nan, old) for new, old in zip(after, before, strict=True)]
        thresholds = self._thresholds_by_row(judged)
        scores = [score_responses(self.tasks_, responses, judged.observed, thresholds) for responses in (before, after)]
        return self._keeping(Compaction(kept, *scores))

    def _judge(self, X: Any, y: Any, sample_weight: Any) -> tuple[JudgedMembers | None, list[np.ndarray]]:
        """What judges the members, and responses of the ensemble to the same rows, in the order of the label matrix."""
        if (X is None) != (y is None):
            raise ValueError("X_val and y_val go together: pass both or neither.")
        if X is not None:
            observed = self._read_labelled(X, y, sample_weight, "_val")
            before = self._responses(observed.X)
            return JudgedMembers.by_new_rows(observed, self.network_, self._layout, self.encoder_), before
        held_out = None if self._added_at else self._out_of_fold  # which knows nothing of tasks that were added
        if held_out is None or held_out.judged is None or held_out.responses is None:
            return None, []
        known = held_out.judged.observed.kept_mask
        return held_out.judged, [responses[known] for responses in held_out.responses]

    def _serves(self) -> np.ndarray:
        """Which tasks each member predicts, ``(member, n_tasks)``."""
        if self._member_weights is None:
            return np.ones((self.network_.architecture.members, len(self.tasks_)), dtype=bool)
        return self._member_weights > 0

    def _without_choice(self, teams: list[np.ndarray]) -> list[int]:
        """The members, where none is to be chosen from several."""
        if any(len(team) > 1 for team in teams):
            raise ValueError(
                f"compact chooses networks by rows that they have not learned from, and knows of none: in the last fit "
                f"of this {type(self).__name__} no member held out training rows, or it has been unpickled or copied "
                f"or got further tasks since. Pass rows that are new to it as X_val and y_val."
            )
        return sorted(int(team[0]) for team in teams)

    def _choose(
        self, judged: JudgedMembers, teams: list[np.ndarray], importance: np.ndarray
    ) -> tuple[list[int], list[np.ndarray]]:
        """Members to keep, and responses, by task, of those that other rows than a row itself would choose."""
        one, other = judged.halves()
        responses = []
        for choosing, judging in ((one, other), (other, one)):
            members = choose_members(teams, choosing.losses(self._layout), importance)
            weights = weights_of(members, self._member_weights)
            responses.append(judging.select(members).responses(self._layout, weights))
        after = [np.where(np.isnan(a), b, a) for a, b in zip(*responses, strict=True)]
        return choose_members(teams, judged.losses(self._layout), importance), after

    def _keeping(self, compaction: Compaction) -> Self:
        """A fitted copy of some of the members."""
        kept, compacted = compaction.kept, copy.copy(self)
        weights = weights_of(kept, self._member_weights)
        params = {"n_estimators": len(kept), **_ALONE}
        vars(compacted).update(
            params,
            random_state=copy.deepcopy(self.random_state),
            auto_params_={name: choice for name, choice in self.auto_params_.items() if name not in params},
            history_={name: values[:, kept] for name, values in self.history_.items()},
            n_peers_=1,
            network_=self.network_.select(kept),
            compaction_=compaction,
            _postprocessors=self._calibrations(),
            _member_weights=weights,
            _out_of_fold=None,
        )
        if hasattr(self, "relatedness_history_"):
            compacted._tell_relatedness()
        judged = None if self._out_of_fold is None or self._added_at else self._out_of_fold.judged
        if judged is not None:
            own = judged.select(kept)
            responses = self._calibrated(own, own.responses(self._layout, weights))
            compacted._out_of_fold = out_of_fold(self.tasks_, responses, own, self._thresholds_by_row(own))
        return compacted

    def _calibrations(self) -> tuple[Calibration, ...]:
        """What is kept of the postprocessors."""
        return tuple(one for one in self._postprocessors if isinstance(one, Calibration))

    def _calibrated(self, judged: JudgedMembers, responses: list[np.ndarray]) -> list[np.ndarray]:
        """Calibrate responses to new rows; those to rows that the calibration was learned from, by other such rows."""
        for calibration in self._calibrations():
            if judged.units is None:
                responses = calibration(np.empty(0), responses)
            else:
                observed = judged.observed
                cells = self.tasks_, observed.labels.columns, observed.weights, responses
                responses = calibration.cross_fitted(HeldOutResponses(judged.units, *cells))
        return responses

    def _thresholds_by_row(self, judged: JudgedMembers) -> dict[Any, np.ndarray]:
        """Thresholds for rows that judge members; those of held-out rows were chosen without them."""
        if judged.units is None or self._out_of_fold is None:
            fixed: dict[Any, Threshold] = getattr(self, "thresholds_", {})
            n_rows = len(judged.targets)
            return {name: np.broadcast_to(values, (n_rows, *np.shape(values))) for name, values in fixed.items()}
        known = judged.observed.kept_mask
        return {name: values[known] for name, values in self._out_of_fold.thresholds.items()}

    def _tell_relatedness(self) -> None:
        """What the kept networks have learned of how tasks relate, in place of the mean over all."""
        found = task_relatedness(self.network_, self._layout)
        assert found is not None
        self.task_relatedness_ = found
        self.relatedness_history_ = np.concatenate([self.relatedness_history_[:-1], found[None]])


def _teams(serves: np.ndarray, size: int) -> list[np.ndarray]:
    """Members of which one is kept: of neighbouring ``size``, those that predict the same tasks."""
    cohort = np.arange(len(serves)) // size
    keys = np.column_stack([cohort, serves])
    return [np.flatnonzero((keys == key).all(axis=1)) for key in np.unique(keys[serves.any(axis=1)], axis=0)]
