"""The picture of a transfer report."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from skmtl.inspection._history import make_axes

_COLORS = {"positive": "C0", "negative": "C3", None: "0.5"}


class TransferDisplay:
    """Gain of each task by being learned with the others, with its confidence interval.

    Tasks that gain are blue and those that lose are red, as far as the tests tell; the others are grey. The band is
    that of gains that do not matter. Use :meth:`from_report`, or ``plot`` of the report.

    Parameters
    ----------
    gain, low, high : ndarray of shape (n_tasks,)
        Gains in percent and the ends of their intervals.
    task_names : sequence
        Names of the tasks.
    positive, negative : sequence
        Names of the tasks that gain and that lose.
    rope : float
        Half the width of the band in percent.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the gains, the first task on top.
    figure_ : matplotlib Figure
        Figure of the axes.
    errorbars_ : list of matplotlib ErrorbarContainer
        One a task, in their order.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.inspection import TransferDisplay
    >>> gain = np.array([12.0, -3.0])  # in percent
    >>> display = TransferDisplay(gain=gain, low=gain - 5, high=gain + 5, task_names=["stays", "spend"])
    >>> display.plot().ax_.get_xlabel()
    'Gain by learning together in percent'
    """

    def __init__(
        self,
        *,
        gain: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
        task_names: Any,
        positive: Any = (),
        negative: Any = (),
        rope: float = 0.0,
    ) -> None:
        self.gain, self.low, self.high, self.task_names = gain, low, high, list(task_names)
        self.positive, self.negative, self.rope = list(positive), list(negative), rope

    @classmethod
    def from_report(cls, report: Any, *, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the gains of a report.

        Parameters
        ----------
        report : TransferReport
            Made by :func:`transfer_report`.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.
        **kwargs : dict
            Passed to matplotlib's ``errorbar``.

        Returns
        -------
        TransferDisplay
            The drawn display.
        """
        display = cls(
            **{name: report.table[name] for name in ("gain", "low", "high")},
            task_names=report.task_names,
            positive=report.positive,
            negative=report.negative,
            rope=100 * report.rope,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the gains.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.
        **kwargs : dict
            Passed to matplotlib's ``errorbar``.

        Returns
        -------
        TransferDisplay
            This display.
        """
        self.ax_ = make_axes(ax)
        self.figure_ = self.ax_.figure
        self.ax_.axvspan(-self.rope, self.rope, color="0.93", zorder=0)
        self.ax_.axvline(0, color="0.7", linewidth=1, zorder=0)
        self.errorbars_ = []
        for place, (name, gain, low, high) in enumerate(
            zip(self.task_names, self.gain, self.low, self.high, strict=True)
        ):
            found = "positive" if name in self.positive else "negative" if name in self.negative else None
            style = {"fmt": "o", "capsize": 3, "color": _COLORS[found], **kwargs}
            self.errorbars_.append(self.ax_.errorbar([gain], [place], xerr=[[gain - low], [high - gain]], **style))
        self.ax_.set(xlabel="Gain by learning together in percent", yticks=range(len(self.task_names)))
        self.ax_.set_yticklabels(map(str, self.task_names))
        self.ax_.invert_yaxis()
        return self
