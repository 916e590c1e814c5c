"""Curves for TensorBoard."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

from skmtl.callbacks._run_logger import RunLogger


class TensorBoardLogger(RunLogger):
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

    def _open(self, estimator: Any, parameters: dict[str, str]) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ImportError(
                'TensorBoardLogger needs the package tensorboard. Run pip install "skmtl[tensorboard]".'
            ) from error
        candidates = (Path(self.folder) / f"{type(estimator).__name__}-{number}" for number in count(1))
        self.run_folder_ = next(folder for folder in candidates if not folder.exists())
        self._writer = SummaryWriter(str(self.run_folder_))
        table = "\n".join(f"| {name} | {value} |" for name, value in parameters.items())
        self._writer.add_text("parameters", f"| parameter | value |\n|---|---|\n{table}")

    def _write(self, values: dict[str, float], epoch: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, epoch)

    def _close(self, has_ended: bool) -> None:
        self._writer.close()
        self._writer = None
