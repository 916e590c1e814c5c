"""Runs for MLflow."""

from __future__ import annotations

import re
import time
from typing import Any

from skmtl.callbacks._callback import Callback
from skmtl.callbacks._scalars import of_fit, of_last_epoch, parameters

_MAX_LENGTH = 500  # of the value of a parameter in older stores of MLflow
_REFUSED = re.compile(r"[^\w\-. /]")  # characters in names of metrics


class MLflowLogger(Callback):
    """Log parameters, losses, held-out losses and weights of the tasks by epoch to MLflow.

    Needs ``pip install "skmtl[mlflow]"``. Each fit is a run of its own; that of a fit that fails is marked so. The
    values are means over the members; "oof_score" of the tasks is logged, too. Characters that MLflow does not take in
    names become "_".

    Parameters
    ----------
    experiment : str, default="skmtl"
        Name of the experiment, which is made where it does not exist.
    tracking_uri : str, default=None
        Where MLflow keeps its data; None: what MLflow is set to.
    run_name : str, default=None
        Name of the runs; None: that of the estimator.

    Attributes
    ----------
    run_id_ : str
        Identifier of the last run.

    Examples
    --------
    >>> from skmtl import MultiTaskNetRegressor
    >>> from skmtl.callbacks import MLflowLogger
    >>> model = MultiTaskNetRegressor().set_callbacks(MLflowLogger("prices"))  # doctest: +SKIP
    """

    def __init__(
        self, experiment: str = "skmtl", *, tracking_uri: str | None = None, run_name: str | None = None
    ) -> None:
        self.experiment, self.tracking_uri, self.run_name = experiment, tracking_uri, run_name
        self._client: Any = None

    def on_fit_begin(self, estimator: Any) -> None:
        """Begin a run and log the parameters.

        Parameters
        ----------
        estimator : estimator
            To be fitted.

        Raises
        ------
        ImportError
            If mlflow is not installed.
        """
        try:
            from mlflow import MlflowClient
            from mlflow.entities import Param
        except ImportError as error:
            raise ImportError('MLflowLogger needs the package mlflow. Run pip install "skmtl[mlflow]".') from error
        client = MlflowClient(tracking_uri=self.tracking_uri)
        known = client.get_experiment_by_name(self.experiment)
        experiment = client.create_experiment(self.experiment) if known is None else known.experiment_id
        self.run_id_ = client.create_run(experiment, run_name=self.run_name or type(estimator).__name__).info.run_id
        self._client, self._status = client, "FAILED"  # until the fit has ended
        params = [Param(name, value[:_MAX_LENGTH]) for name, value in parameters(estimator).items()]
        client.log_batch(self.run_id_, params=params)

    def on_epoch_end(self, estimator: Any, epoch: int) -> None:
        """Log the values of an epoch.

        Parameters
        ----------
        estimator : estimator
            As of this epoch.
        epoch : int
            Its number.
        """
        self._log(of_last_epoch(estimator), epoch)

    def on_fit_end(self, estimator: Any) -> None:
        """Log the scores.

        Parameters
        ----------
        estimator : estimator
            Fitted.
        """
        if scores := of_fit(estimator):
            self._log(scores, estimator.n_iter_)
        self._status = "FINISHED"

    def teardown(self, estimator: Any, context: Any) -> None:
        """End the run.

        Parameters
        ----------
        estimator : estimator
            Whose fit has ended.
        context : sklearn.callback.CallbackContext
            Of the fit.
        """
        if self._client is not None:
            self._client.set_terminated(self.run_id_, self._status)
            self._client = None

    def _log(self, scalars: dict[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [Metric(_REFUSED.sub("_", name), value, now, step) for name, value in scalars.items()]
        self._client.log_batch(self.run_id_, metrics=metrics)
