"""Dates in tables: parts of the calendar in closed form, time zones, kinds of columns, what is missing or changes."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.pipeline import make_pipeline

from skmtl import MultiTaskNetRegressor
from skmtl.encoders import TabularEncoder, read_table
from skmtl.encoders._dates import Dates

DAYS = [datetime.date(2023, 1, 1), datetime.date(2024, 2, 29), datetime.date(2024, 12, 31)]
TIMES = [datetime.datetime.combine(day, datetime.time(hour, 30)) for day, hour in zip(DAYS, (0, 9, 23), strict=True)]
VIENNA = "Europe/Vienna"


def _fit(X, **params):
    return TabularEncoder(numeric="scaled", **params).fit(X, np.ones(len(X)))


def _numbers(X):
    """Parts by name, and outputs beside the numbers by name, of the only column of X, all of dates."""
    (moments,) = read_table(X).dates
    dates = Dates(moments)
    out = np.zeros((len(X), dates.n_outputs))
    dates.encode(moments, out)
    return dict(zip(dates.parts, dates.numbers(moments).T, strict=True)), dict(zip(dates.names, out.T, strict=True))


def test_parts_of_the_calendar():
    numbers, cycles = _numbers(pd.DataFrame({"d": TIMES}))
    assert numbers["year"].tolist() == [2023, 2024, 2024]
    assert numbers["month"].tolist() == [1, 2, 12]
    assert numbers["day"].tolist() == [1, 29, 31]
    assert numbers["weekday"].tolist() == [6, 3, 1] == [day.weekday() for day in DAYS]
    assert numbers["hour"].tolist() == [0.5, 9.5, 23.5]
    np.testing.assert_allclose(numbers["days"], [0, 424 + 9 / 24, 730 + 23 / 24], rtol=1e-15)
    year = 2 * np.pi * np.array([0, 59 / 366, 365 / 366])
    month = 2 * np.pi * np.array([0, 28 / 29, 30 / 31])
    for name, angle in {"yearday": year, "day": month, "hour": 2 * np.pi * numbers["hour"] / 24}.items():
        np.testing.assert_allclose(cycles[f"{name}_sin"], np.sin(angle), atol=1e-14)
        np.testing.assert_allclose(cycles[f"{name}_cos"], np.cos(angle), atol=1e-14)


def test_the_end_of_a_cycle_is_a_neighbour_of_its_beginning():
    Z = _fit(pd.DataFrame({"d": pd.date_range("2021-01-01", "2022-12-31")}))
    names = Z.get_feature_names_out()
    around = Z.transform(pd.DataFrame({"d": pd.to_datetime(["2021-12-31", "2022-01-01", "2021-07-01"])}))
    around = around[:, [name.startswith("d_yearday") for name in names]]
    assert np.linalg.norm(around[0] - around[1]) < 0.02 < 1.9 < np.linalg.norm(around[0] - around[2])


def test_what_does_not_vary_is_left_out():
    numbers, cycles = _numbers(pd.DataFrame({"d": [datetime.date(2024, 3, day) for day in (4, 11, 18)]}))
    assert [*numbers] == ["days", "day"]
    assert [*cycles] == ["yearday_sin", "yearday_cos", "day_sin", "day_cos"]


SERIES = {
    "pandas": pd.Series(TIMES),
    "nanoseconds": pd.Series(TIMES).astype("datetime64[ns]"),
    "arrow": pd.Series(TIMES).astype("timestamp[us][pyarrow]"),
    "objects": pd.Series(TIMES, dtype=object),
    "numpy objects": pd.Series([np.datetime64(moment) for moment in TIMES], dtype=object),
    "polars": pl.Series(TIMES),
    "polars milliseconds": pl.Series(TIMES).cast(pl.Datetime("ms")),
}


@pytest.mark.parametrize("name", SERIES)
def test_columns_of_all_kinds_encode_alike(name):
    series = SERIES[name]
    frame = (pl.DataFrame if isinstance(series, pl.Series) else pd.DataFrame)({"d": series, "x": [1.0, 2.0, 4.0]})
    expected = pd.DataFrame({"d": TIMES, "x": [1.0, 2.0, 4.0]})
    encoder = _fit(expected)
    np.testing.assert_array_equal(_fit(frame).transform(frame), encoder.transform(expected))
    np.testing.assert_array_equal(encoder.transform(frame), encoder.transform(expected))
    assert frame["d"].to_list() == list(series)  # left unchanged


@pytest.mark.parametrize(
    "X",
    [
        pl.DataFrame({"d": DAYS}),
        np.array(DAYS, dtype="datetime64[D]")[:, None],
        np.array(DAYS, dtype=object)[:, None],
        pd.DataFrame({"d": [pd.Period(day, "D") for day in DAYS]}),
    ],
    ids=["polars", "numpy", "objects", "periods"],
)
def test_days_of_all_kinds_encode_alike(X):
    expected = pd.DataFrame({"d": pd.to_datetime(DAYS)})
    np.testing.assert_array_equal(_fit(X).transform(X), _fit(expected).transform(expected))


@pytest.mark.parametrize("kind", ["pandas", "polars", "objects"])
def test_time_zones_show_local_clocks_and_count_days_in_utc(kind):
    clocks = [datetime.datetime(2024, 3, 30, 12), datetime.datetime(2024, 3, 31, 12)]  # an hour is skipped between
    zoned = pd.Series(clocks).dt.tz_localize(VIENNA)
    frames = {
        "pandas": pd.DataFrame({"d": zoned}),
        "polars": pl.DataFrame({"d": pl.Series(clocks).dt.replace_time_zone(VIENNA)}),
        "objects": pd.DataFrame({"d": pd.Series(list(zoned), dtype=object)}),
    }
    moments = read_table(frames[kind]).dates[0]
    np.testing.assert_array_equal(moments.local, np.array(clocks, dtype="datetime64[us]"))
    numbers, _ = _numbers(frames[kind])
    assert "hour" not in numbers
    np.testing.assert_allclose(numbers["days"], [0, 23 / 24], rtol=1e-15)


def test_the_first_and_last_dates_of_python_may_have_a_time_zone():
    zones = [datetime.timezone(datetime.timedelta(hours=hours)) for hours in (5, -5)]
    ends = [
        end.replace(tzinfo=zone)
        for end, zone in zip((datetime.datetime.min, datetime.datetime.max), zones, strict=True)
    ]
    moments = read_table(np.array(ends, dtype=object)[:, None]).dates[0]
    assert ((moments.utc - moments.local) / np.timedelta64(1, "h")).tolist() == [-5, 5]


def test_missing_dates_have_one_indicator():
    frame = pd.DataFrame({"x": [1.0, np.nan, 3.0, 4.0], "d": [TIMES[0], pd.NaT, *TIMES[1:]]})
    encoder = _fit(frame)
    names = encoder.get_feature_names_out()
    assert [name for name in names if "missing" in name] == ["x_missing", "d_missing"]
    missing = encoder.transform(frame)[1]
    assert missing[names == "d_missing"] == 1
    assert (missing[[name.startswith("d_") and name != "d_missing" for name in names]] == 0).all()
    both = pl.DataFrame({"x": frame["x"].to_numpy(), "d": [TIMES[0], None, *TIMES[1:]]})
    np.testing.assert_array_equal(encoder.transform(both), encoder.transform(frame))
    empty = pd.DataFrame({"x": [1.0], "d": pd.Series([None], dtype=object)})
    np.testing.assert_array_equal(encoder.transform(empty)[0, names == "d_missing"], [1])


def test_names_and_columns_of_outputs_follow_the_outputs():
    frame = pd.DataFrame({"d": TIMES * 2, "c": list("abcabc"), "x": np.arange(6.0), "e": TIMES[::-1] * 2})
    encoder = TabularEncoder(numeric="piecewise").fit(frame, np.ones(6))
    names, columns = encoder.get_feature_names_out(), encoder.columns_of_outputs()
    assert len(names) == len(columns) == encoder.n_outputs_ == encoder.transform(frame).shape[1]
    assert [name[0] for name in names] == [frame.columns[i] for i in columns]
    changed = encoder.transform(frame.assign(e=TIMES[0])) != encoder.transform(frame)
    assert set(columns[changed.any(axis=0)]) == {3}
    assert encoder.get_feature_names_out(["A", "B", "C", "D"])[0] == "C"


def test_later_dates_go_on():
    days = pd.date_range("2020-01-01", "2022-12-31", tz=VIENNA)
    encoder = _fit(pd.DataFrame({"d": days}))
    names = encoder.get_feature_names_out()
    last, later, far = encoder.transform(
        pd.DataFrame({"d": pd.to_datetime(["2022-06-15", "2025-06-15", "2090-01-01"]).tz_localize(VIENNA)})
    )
    assert last[names == "d_days"] < later[names == "d_days"] < far[names == "d_days"] < 3
    np.testing.assert_array_equal(last[names == "d_month"], later[names == "d_month"])


def test_durations_are_numbers():
    hours = [datetime.timedelta(hours=h) for h in (1, 2, 5)]
    frames = [
        pd.DataFrame({"t": hours}),
        pd.DataFrame({"t": pd.Series(hours, dtype=object)}),
        pl.DataFrame({"t": hours}),
    ]
    for frame in [*frames, np.array(hours, dtype="timedelta64[m]")[:, None]]:
        np.testing.assert_array_equal(read_table(frame).numeric[:, 0], [3600, 7200, 18000])
    months = read_table(np.array([[12], [24]], dtype="timedelta64[M]")).numeric[:, 0]
    np.testing.assert_allclose(months / 86400, [365.2425, 730.485], rtol=1e-12)
    missing = pl.DataFrame({"t": [None, *hours]})
    assert np.isnan(read_table(missing).numeric[0, 0])


def test_times_of_day_are_hours():
    numbers, cycles = _numbers(pl.DataFrame({"t": [moment.time() for moment in TIMES]}))
    assert numbers["hour"].tolist() == [0.5, 9.5, 23.5]
    assert [*cycles] == ["hour_sin", "hour_cos"]


def test_strings_are_not_read_as_dates():
    encoder = _fit(pd.DataFrame({"d": ["2024-01-01", "2024-01-02"]}))
    assert encoder.get_feature_names_out().tolist() == ["d_2024-01-01", "d_2024-01-02"]


def test_columns_keep_the_kind_they_had_in_fit():
    encoder = _fit(pd.DataFrame({"d": TIMES, "x": [1.0, 2.0, 3.0]}))
    with pytest.raises(TypeError, match=r"dates or times beside values of type str in column 'd'.*to_datetime"):
        encoder.transform(pd.DataFrame({"d": ["2024-01-01"], "x": [1.0]}))
    with pytest.raises(TypeError, match="dates or times in column 'x', which held none in fit"):
        encoder.transform(pd.DataFrame({"d": TIMES, "x": TIMES}))
    with pytest.raises(TypeError, match="dates or times beside values of type float in column 0"):
        encoder.transform(np.ones((1, 2)))


def test_dates_may_be_categories():
    frame = pd.DataFrame({"d": pd.Series(TIMES).dt.tz_localize(VIENNA)})
    encoder = _fit(frame, categorical_features=["d"])
    np.testing.assert_array_equal(encoder.transform(frame), np.eye(3))


@pytest.mark.parametrize("values", [np.array(TIMES, dtype="datetime64[us]"), np.array([1, 7, 3], dtype="m8[s]")])
def test_categories_of_times_do_not_depend_on_their_unit(values):
    frames = [pd.DataFrame({"d": values.astype(f"{values.dtype.kind}8[{unit}]")}) for unit in ("ns", "us", "s")]
    fitted = [_fit(frame, categorical_features=["d"]) for frame in frames]
    assert len({tuple(encoder.get_feature_names_out()) for encoder in fitted}) == 1
    for encoder in fitted:
        for frame in frames:
            assert encoder.transform(frame).sum() == 3


def test_weight_two_is_the_row_twice():
    frame = pd.DataFrame({"d": pd.date_range("2024-01-01", periods=9, freq="55h")})
    weights = np.arange(9) % 3 + 1
    repeated = frame.loc[np.repeat(np.arange(9), weights)]
    encoder = TabularEncoder(numeric="piecewise").fit(frame, weights.astype(float))
    expected = TabularEncoder(numeric="piecewise").fit(repeated, np.ones(len(repeated))).transform(frame)
    np.testing.assert_array_equal(encoder.transform(frame), expected)


def test_a_net_learns_the_season():
    days = pd.date_range("2021-01-01", periods=400, freq="61h")
    X, y = pd.DataFrame({"d": days}), np.sin(2 * np.pi * days.day_of_year / 365.25)
    net = MultiTaskNetRegressor(n_estimators=1, hidden_layer_sizes=(16,), max_iter=20, random_state=0)
    assert net.fit(X[:300], y[:300]).score(X[300:], y[300:]) > 0.9


def test_the_recipe_for_free_text():
    import skrub  # in the process that runs this alone, since it takes seconds

    rng = np.random.default_rng(0)
    words = [" ".join(rng.choice(["red", "blue", "tall", "small"], 3)) + f" {i}" for i in range(300)]
    X, y = pd.DataFrame({"words": words}), np.array([text.count("red") for text in words])
    net = MultiTaskNetRegressor(n_estimators=1, hidden_layer_sizes=(16,), max_iter=20, random_state=0)
    recipe = make_pipeline(skrub.TableVectorizer(), net)
    assert recipe.fit(X[:200], y[:200]).score(X[200:], y[200:]) > 0.7
