"""Columns of dates and times, and the numbers that they are encoded by."""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

DateArray: TypeAlias = npt.NDArray[np.datetime64]
FloatArray: TypeAlias = npt.NDArray[np.float64]

_TYPE = "datetime64[us]"
_EPOCH = datetime.date(1970, 1, 1)  # the day of times without one
_MONDAY = 3  # added to days since 1970, which began on a Thursday
_DAY = 86_400e6  # microseconds


class Moments(NamedTuple):
    """A column of dates and times, in microseconds, NaT where missing; each array ``(n_samples,)``."""

    local: DateArray
    """As clocks showed them in their time zones."""
    utc: DateArray
    """On one time line. Without time zones these are the same."""


def from_dates(values: npt.NDArray[Any]) -> Moments:
    """Read dates without time zones."""
    moments = values.astype(_TYPE)
    return Moments(moments, moments)


def from_zoned(series: Any) -> Moments:
    """Read a series of pandas or polars whose type has a time zone."""
    times = series.dt
    if hasattr(times, "tz_localize"):
        local, utc = times.tz_localize(None), times.tz_convert(None)
    else:
        local, utc = times.replace_time_zone(None), times.convert_time_zone("UTC").dt.replace_time_zone(None)
    return Moments(local.to_numpy().astype(_TYPE), utc.to_numpy().astype(_TYPE))


def from_date_objects(objects: npt.NDArray[np.object_]) -> Moments:
    """Read dates, times, periods and numpy's dates, None where missing; times without a date are those of one day."""
    plain = [_without_period(value) for value in objects]
    local = np.array([value.replace(tzinfo=None) if _zone(value) else value for value in plain], dtype=_TYPE)
    ahead = [value.utcoffset() if _zone(value) else datetime.timedelta(0) for value in plain]
    return Moments(local, local - np.array(ahead, dtype="timedelta64[us]"))


def _without_period(value: Any) -> Any:
    if isinstance(value, datetime.time):
        return datetime.datetime.combine(_EPOCH, value)
    return getattr(value, "start_time", value)  # of a period of pandas


def _zone(value: Any) -> Any:
    return getattr(value, "tzinfo", None)


class Dates:
    """Numbers by which a column of dates is encoded.

    Parts of the calendar are numbers, so that any function of each can be learned, and positions in its cycles have a
    sine and a cosine, which make the end of a cycle a neighbour of its beginning. What does not vary is left out.

    Parameters
    ----------
    moments : Moments
        Dates of the training rows.

    Attributes
    ----------
    start : int
        The earliest moment, in microseconds since 1970 in UTC.
    parts : list of str
        Of "days", which are counted from ``start`` and always there, "year", "month", "day", "weekday" and "hour".
    cycles : list of str
        Of "yearday", "day", "weekday" and "hour": positions in the year, in the month, in the week and in the day.
    zoned : bool
        Whether clocks showed another time than UTC.
    """

    zoned: bool = False  # of those that were kept before it was noted

    def __init__(self, moments: Moments) -> None:
        known = ~np.isnat(moments.utc)
        self.zoned = bool((moments.local != moments.utc)[known].any())
        self.start = int(moments.utc[known].astype(np.int64).min()) if known.any() else 0
        self.parts = ["days", *_varying(_parts(moments.local[known]))]
        self.cycles = _varying(_phases(moments.local[known]))

    @property
    def n_outputs(self) -> int:
        """Number of outputs beside the numbers."""
        return 2 * len(self.cycles)

    @property
    def names(self) -> list[str]:
        """Names of these outputs."""
        return [f"{cycle}_{wave}" for cycle in self.cycles for wave in ("sin", "cos")]

    def numbers(self, moments: Moments) -> FloatArray:
        """Parts of dates, ``(n, n_parts)``, NaN where missing."""
        known = ~np.isnat(moments.utc)
        numbers = np.full((len(known), len(self.parts)), np.nan)
        found = _parts(moments.local[known])
        elapsed = moments.utc[known].astype(np.int64) - self.start
        numbers[known] = np.column_stack([elapsed / _DAY, *(found[name] for name in self.parts[1:])])
        return numbers

    def encode(self, moments: Moments, out: FloatArray) -> None:
        """Write sines and cosines into ``out``, zeros of shape (n, n_outputs); a missing date leaves its row zero."""
        known = ~np.isnat(moments.utc)
        phases = _phases(moments.local[known])
        for i, name in enumerate(self.cycles):
            angle = 2.0 * np.pi * phases[name]
            out[known, 2 * i], out[known, 2 * i + 1] = np.sin(angle), np.cos(angle)


def _varying(numbers: dict[str, FloatArray]) -> list[str]:
    return [name for name, values in numbers.items() if (values != values[:1]).any()]


def _parts(local: DateArray) -> dict[str, FloatArray]:
    """Year, month and day from 1, weekday from 0 for Monday, hour with its fraction."""
    days, months = local.astype("datetime64[D]"), local.astype("datetime64[M]")
    return {
        "year": 1970.0 + local.astype("datetime64[Y]").astype(np.int64),
        "month": 1.0 + months.astype(np.int64) % 12,
        "day": 1.0 + (days - months).astype(np.int64),
        "weekday": (days.astype(np.int64) + _MONDAY) % 7.0,
        "hour": (local - days) / np.timedelta64(1, "h"),
    }


def _phases(local: DateArray) -> dict[str, FloatArray]:
    """How much of a year, month, week and day has passed, as a fraction; of the first three in whole days."""
    days, parts = local.astype("datetime64[D]"), _parts(local)

    def passed(unit: str) -> FloatArray:
        begin = local.astype(f"datetime64[{unit}]")
        fraction: FloatArray = (days - begin) / ((begin + 1).astype("datetime64[D]") - begin)
        return fraction

    return {"yearday": passed("Y"), "day": passed("M"), "weekday": parts["weekday"] / 7.0, "hour": parts["hour"] / 24.0}
