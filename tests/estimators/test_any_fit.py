"""Fits to whatever may come in: predictions, or an error that says what is wrong."""

from hypothesis import HealthCheck, given, settings

from tests._any_fit import check, fits


@settings(max_examples=100, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(fits())
def test_any_fit(fit):
    check(*fit)
