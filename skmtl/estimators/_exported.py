"""A fitted estimator as a torch module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.utils.validation import check_is_fitted

from skmtl._torch_state import torch_settings
from skmtl.estimators._predictor import PredictorMixin
from skmtl.export import FittedParts, export_module

if TYPE_CHECKING:
    from torch import nn


class ExportMixin(PredictorMixin):
    """The method ``to_module``."""

    @torch_settings()
    def to_module(self, include_encoder: bool = True) -> nn.Module:
        """Return a copy of the fitted network as a plain torch module.

        It takes a batch of rows and returns a dict from the name of each task, as text, to what the estimator predicts:
        probabilities ``(n_samples, n_classes)``, numbers ``(n_samples,)`` in the units of y, or quantiles
        ``(n_samples, n_levels)``. The ensemble, the local correction and the calibration are inside. Thresholds are
        not: take them from ``thresholds_``. The module has no part in training: dropout is off.

        Rows are a table of numbers ``(n_samples, n_features)`` with NaN where a cell is missing, codes of categories
        and seconds of dates, as :func:`skmtl.export.to_codes` makes it; images ``(n_samples, c, h, w)``; or token ids
        ``(n_samples, length)``. ``torch.export.export`` makes a program of the module that loads with torch alone
        (:doc:`/exporting`). Rows of another shape are refused, by the module with a ValueError, by programs and ONNX
        files with errors of torch and of what runs them.

        Parameters
        ----------
        include_encoder : bool, default=True
            Whether the module encodes rows. If not, it takes those that ``encoder_.transform`` gives.

        Returns
        -------
        torch.nn.Module
            On the CPU; changes of it do not change the estimator.

        Raises
        ------
        NotImplementedError
            For dates with a time zone, and for encoders, kinds of targets and transforms of labels that are not
            skmtl's.
        ValueError
            If two names of tasks are equal as text, or ``include_encoder`` is not True or False.
        """
        check_is_fitted(self, "network_")
        net: Any = self
        fitted = FittedParts(
            network=self.network_,
            layout=self._layout,
            encoder=self.encoder_,
            n_features=net.n_features_in_,
            postprocessors=self._postprocessors,
            member_weights=self._member_weights,
        )
        return export_module(fitted, include_encoder)
