"""Curves for TensorBoard."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

from skmtl.callbacks._callback import Callback
from skmtl.callbacks._scalars import of_fit, of_last_epoch, parameters


class TensorBoardLogger(Callback):
    """Write losses, held-out losses and weights of the tasks by epoch for TensorBoard.

    Needs ``pip install "skmtl[tensorboard]"``. Look at them with ``tensorboard --logdir FOLDER``. The values are means
    over the members; "oof_score" of the tasks and the parameters of the estimator are written, too.

    Parameters
    ----------
    folder : str or path, default="runs"
        Each fit writes into a new folder in it, named by the estimator and a number.

    Attributes
    ----------
    run_folder_ : Path
        Folder of the last fit.

    Examples
    --------
    >>> from skmtl import MultiTaskNetRegressor
    >>> from skmtl.callbacks import TensorBoardLogger
    >>> model = MultiTaskNetRegressor().set_callbacks(TensorBoardLogger("runs"))  # doctest: +SKIP
    """

    def __init__(self, folder: str | Path = "runs") -> None:
        self.folder = folder
        self._writer: Any = None

    def on_fit_begin(self, estimator: Any) -> None:
        """Open a folder and write the parameters.

        Parameters
        ----------
        estimator : estimator
            To be fitted.

        Raises
        ------
        ImportError
            If tensorboard is not installed.
        """
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ImportError(
                'TensorBoardLogger needs the package tensorboard. Run pip install "skmtl[tensorboard]".'
            ) from error
        candidates = (Path(self.folder) / f"{type(estimator).__name__}-{number}" for number in count(1))
        self.run_folder_ = next(folder for folder in candidates if not folder.exists())
        self._writer = SummaryWriter(str(self.run_folder_))
        table = "\n".join(f"| {name} | {value} |" for name, value in parameters(estimator).items())
        self._writer.add_text("parameters", f"| parameter | value |\n|---|---|\n{table}")

    def on_epoch_end(self, estimator: Any, epoch: int) -> None:
        """Write the values of an epoch.

        Parameters
        ----------
        estimator : estimator
            As of this epoch.
        epoch : int
            Its number.
        """
        self._write(of_last_epoch(estimator), epoch)

    def on_fit_end(self, estimator: Any) -> None:
        """Write the scores.

        Parameters
        ----------
        estimator : estimator
            Fitted.
        """
        if scores := of_fit(estimator):
            self._write(scores, estimator.n_iter_)

    def teardown(self, estimator: Any, context: Any) -> None:
        """Close the file.

        Parameters
        ----------
        estimator : estimator
            Whose fit has ended.
        context : sklearn.callback.CallbackContext
            Of the fit.
        """
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _write(self, scalars: dict[str, float], step: int) -> None:
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, step)
