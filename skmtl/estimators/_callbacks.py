"""scikit-learn's callbacks where this version of it has them (1.9); nothing elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks

    SUPPORTED = True
except ImportError:  # scikit-learn < 1.9
    SUPPORTED = False

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in where scikit-learn has no callbacks."""

    def with_callbacks(fit: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``fit`` unchanged."""
        return fit


class FitProgress:
    """Tells the estimator's callbacks of a fit and of its epochs.

    Parameters
    ----------
    estimator : estimator
        Being fitted.
    max_iter : int
        Greatest number of epochs.
    X, y : array-like
        What it is fitted to.
    """

    def __init__(self, estimator: Any, max_iter: int, X: Any, y: Any) -> None:
        self.estimator, self.data = estimator, {"X": X, "y": y}
        listens = SUPPORTED and bool(getattr(estimator, "_skl_callbacks", []))  # contexts cost a millisecond an epoch
        self.context = estimator._init_callback_context(max_subtasks=max_iter) if listens else None
        if self.context is not None:
            self.context.call_on_fit_task_begin(estimator=estimator, **self.data)

    def epoch(self, fitted_attributes: Callable[[], dict[str, Any]]) -> bool:
        """Report an epoch; True if a callback wants to stop."""
        if self.context is None:
            return False
        epoch = self.context.subcontext(task_name="epoch")
        epoch.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        return bool(
            epoch.call_on_fit_task_end(
                estimator=self.estimator, **self.data, reconstruction_attributes=fitted_attributes
            )
        )

    def end(self) -> None:
        """Report the end of the fit."""
        if self.context is not None:
            self.context.call_on_fit_task_end(estimator=self.estimator, **self.data)


__all__ = ["CallbackSupportMixin", "FitProgress", "with_callbacks"]
