"""The course of a fit as a table."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

_QUANTITIES = ("loss", "validation_loss", "weight")


class HistoryMixin:
    """Adds :meth:`history_frame`."""

    history_: dict[str, np.ndarray]
    task_names_: np.ndarray

    def _names_in_history(self) -> np.ndarray:
        """Names of the tasks, or what stands for all of them where only their mean is kept."""
        kept = self.history_["loss"].shape[2]
        return self.task_names_ if kept == len(self.task_names_) else np.array([f"mean of {len(self.task_names_)}"])

    def history_frame(self) -> Any:
        """Return ``history_`` as a tidy pandas frame, in which a row is a task of a member in an epoch.

        Returns
        -------
        pandas.DataFrame of shape (n_rows, 6)
            Columns "epoch" from 1 on, "member" from 0 on, "task", "loss", "validation_loss" and "weight". A member has
            no rows after it has stopped.
        """
        import pandas as pd

        check_is_fitted(self, "history_")
        values = {name: self.history_[name] for name in _QUANTITIES}
        epochs, members, tasks = np.nonzero(~np.isnan(np.stack(list(values.values()))).all(axis=0))
        return pd.DataFrame(
            {
                "epoch": epochs + 1,
                "member": members,
                "task": pd.Series(self._names_in_history()[tasks]),
                **{name: array[epochs, members, tasks] for name, array in values.items()},
            }
        )
