"""The base of callbacks."""

from __future__ import annotations

from typing import Any

import numpy as np


class Callback:
    """Does nothing; override the methods that you need.

    From the methods of scikit-learn's callback protocol it calls three that are easier to override:
    :meth:`on_fit_begin`, :meth:`on_epoch_end` and :meth:`on_fit_end`. An estimator is pickled with its callbacks, so
    :meth:`teardown` should remove attributes that cannot be pickled.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskNetRegressor
    >>> from skmtl.callbacks import Callback
    >>> class StopWhenGood(Callback):
    ...     def on_epoch_end(self, estimator, epoch):
    ...         return estimator.history_["loss"][-1].mean() < 0.5
    >>> X = np.linspace(-1, 1, 60)[:, None]
    >>> model = MultiTaskNetRegressor(hidden_layer_sizes=(16,), max_iter=200, random_state=0)
    >>> model.set_callbacks(StopWhenGood()).fit(X, X).n_iter_ < 200  # doctest: +SKIP
    True
    """

    def on_fit_begin(self, estimator: Any) -> None:
        """Do something before the first epoch.

        Parameters
        ----------
        estimator : estimator
            Not fitted yet, or to the data of an earlier fit.
        """
        return

    def on_epoch_end(self, estimator: Any, epoch: int) -> bool | None:
        """Do something after an epoch.

        Parameters
        ----------
        estimator : estimator
            A copy, fitted as if training had ended with this epoch: it predicts, and has ``history_``.
        epoch : int
            Number of the epoch, from 1 on.

        Returns
        -------
        bool or None
            True ends the training.
        """
        return None

    def on_fit_end(self, estimator: Any) -> None:
        """Do something with the fitted estimator; not called if the fit fails.

        Parameters
        ----------
        estimator : estimator
            Fitted.
        """
        return

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin; part of scikit-learn's protocol.

        Parameters
        ----------
        estimator : estimator
            To be fitted.
        context : sklearn.callback.CallbackContext
            Of the fit.
        """
        return

    def teardown(self, estimator: Any, context: Any) -> None:
        """End, whether or not the fit has failed; part of scikit-learn's protocol.

        Parameters
        ----------
        estimator : estimator
            Whose fit has ended.
        context : sklearn.callback.CallbackContext
            Of the fit.
        """
        return

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Call :meth:`on_fit_begin`; part of scikit-learn's protocol.

        Parameters
        ----------
        estimator : estimator
            Being fitted.
        context : sklearn.callback.CallbackContext
            Of the fit or of one of its epochs.
        """
        if context.task_name == "fit":
            self.on_fit_begin(estimator)

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any = None) -> bool:
        """Call :meth:`on_epoch_end` and :meth:`on_fit_end`; part of scikit-learn's protocol.

        Parameters
        ----------
        estimator : estimator
            Being fitted.
        context : sklearn.callback.CallbackContext
            Of the fit or of one of its epochs.
        fitted_estimator : estimator, default=None
            Ready to predict.

        Returns
        -------
        bool
            Whether to end the training.

        Raises
        ------
        TypeError
            If :meth:`on_epoch_end` returns an array.
        """
        if context.task_name == "epoch":
            stop: Any = self.on_epoch_end(fitted_estimator, context.task_id + 1)
            if np.ndim(stop):
                raise TypeError(
                    f"{type(self).__name__}.on_epoch_end must return True, False or None; got an array of shape "
                    f"{np.shape(stop)}. Reduce it by all(), any() or mean()."
                )
            return bool(stop)
        if context.task_name == "fit":
            self.on_fit_end(estimator)
        return False
