"""Parts of dates, in torch."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from skmtl.encoders._dates import Dates

_DAY = 86_400.0  # seconds
_MARCH_OF_0 = 719_468  # days from 1 March of year 0, after which leap days come last, to 1970
_ERA = 146_097  # days in 400 years
_THURSDAY = 3.0  # weekday of 1 January 1970


class DateParts(nn.Module):
    """Twin of :class:`Dates`, from seconds since 1970 as clocks show them; NaN is a missing date.

    Parameters
    ----------
    dates : Dates
        Fitted.
    dtype : torch.dtype
        Of the positions in cycles.
    """

    def __init__(self, dates: Dates, dtype: torch.dtype) -> None:
        super().__init__()
        self.start, self.dtype = dates.start / 1e6, dtype
        self.parts, self.cycles = list(dates.parts), list(dates.cycles)

    def forward(self, seconds: Tensor) -> tuple[Tensor, Tensor]:
        """``(row,)`` to numbers ``(row, part)``, NaN where missing, and sines and cosines, 0 where missing."""
        missing = seconds.isnan()[:, None]
        seconds = torch.where(seconds.isnan(), 0.0, seconds)
        parts, phases = _calendar(seconds)
        parts["days"] = (seconds - self.start) / _DAY
        numbers = torch.stack([parts[name] for name in self.parts], 1).masked_fill(missing, torch.nan)
        waves = [wave(2.0 * math.pi * phases[name]) for name in self.cycles for wave in (torch.sin, torch.cos)]
        cycles = torch.stack(waves, 1).masked_fill(missing, 0.0) if waves else numbers[:, :0]
        return numbers, cycles.to(self.dtype)


def _calendar(seconds: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Parts of the Gregorian calendar, and how much of a year, month, week and day has passed; see :class:`Dates`.

    Months are counted from March of years that begin then, in eras of 400 years.
    """
    days = (seconds / _DAY).floor()
    hour = (seconds - days * _DAY) / 3600.0
    era = ((days + _MARCH_OF_0) / _ERA).floor()
    of_era = days + _MARCH_OF_0 - era * _ERA
    leap_days = (of_era / 1460).floor() - (of_era / 36_524).floor() + (of_era / 146_096).floor()
    years = ((of_era - leap_days) / 365).floor()
    of_year = of_era - 365 * years - (years / 4).floor() + (years / 100).floor()
    months = ((5 * of_year + 2) / 153).floor()
    day = of_year - ((153 * months + 2) / 5).floor() + 1
    month = torch.where(months < 10, months + 3, months - 9)
    year = years + 400 * era + (month <= 2)
    leap = ((_is_multiple(year, 4) & ~_is_multiple(year, 100)) | _is_multiple(year, 400)).double()
    yearday = torch.where(month > 2, of_year + 59 + leap, of_year - 306)
    long = month + (month / 8).floor()  # odd for months of 31 days
    in_month = torch.where(month == 2, 28 + leap, 30 + long - 2 * (long / 2).floor())
    weekday = days + _THURSDAY - 7 * ((days + _THURSDAY) / 7).floor()
    parts = {"year": year, "month": month, "day": day, "weekday": weekday, "hour": hour}
    passed = {"yearday": yearday / (365 + leap), "day": (day - 1) / in_month}
    return parts, {**passed, "weekday": weekday / 7.0, "hour": hour / 24.0}


def _is_multiple(number: Tensor, of: int) -> Tensor:
    return number == of * (number / of).floor()
