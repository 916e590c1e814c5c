"""Runs for MLflow."""

from __future__ import annotations

import re
import time
from typing import Any

from skmtl.callbacks._run_logger import RunLogger

_MAX_LENGTH = 500  # of the value of a parameter in older stores of MLflow
_REFUSED = re.compile(r"[^\w\-. /]")  # characters in names of metrics


class MLflowLogger(RunLogger):
    """Log parameters, losses, held-out losses and weights of the tasks by epoch to MLflow.

    Needs ``pip install "skmtl[mlflow]"``. Each fit is a run of its own, with the status "FAILED" where the fit fails.
    The values are means over the members; "oof_score" of the tasks is logged, too. Characters that MLflow does not
    take in names become "_"; tasks whose names are equal then get their position appended.

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

    def _open(self, estimator: Any, parameters: dict[str, str]) -> None:
        try:
            from mlflow import MlflowClient
            from mlflow.entities import Param
        except ImportError as error:
            raise ImportError('MLflowLogger needs the package mlflow. Run pip install "skmtl[mlflow]".') from error
        self._client = client = MlflowClient(tracking_uri=self.tracking_uri)
        known = client.get_experiment_by_name(self.experiment)
        experiment = client.create_experiment(self.experiment) if known is None else known.experiment_id
        self.run_id_ = client.create_run(experiment, run_name=self.run_name or type(estimator).__name__).info.run_id
        params = [Param(name, value[:_MAX_LENGTH]) for name, value in parameters.items()]
        client.log_batch(self.run_id_, params=params)

    def _label(self, task: Any) -> str:
        return _REFUSED.sub("_", str(task))

    def _write(self, values: dict[str, float], epoch: int) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [Metric(name, value, now, epoch) for name, value in values.items()]
        self._client.log_batch(self.run_id_, metrics=metrics)

    def _close(self, has_ended: bool) -> None:
        self._client.set_terminated(self.run_id_, "FINISHED" if has_ended else "FAILED")
        self._client = None
