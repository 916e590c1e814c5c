"""Tables as exported models read them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmtl.encoders import TabularEncoder, read_table
from skmtl.export._refusal import require_exportable
from skmtl.export._table import category_values, zone_refusal

UNKNOWN_CODE = -1.0


def to_codes(estimator: Any, X: Any) -> np.ndarray:
    """Turn a table into the numbers that an exported model reads.

    Numbers stay as they are, with NaN where missing. A category becomes its code: its position among the known values
    of the column, -1 for an unknown value, NaN for a missing cell. A date becomes the seconds since 1970 began. ONNX
    files hold the values under the key ``categories`` of their metadata, so that other programs can do the same without
    skmtl.

    Parameters
    ----------
    estimator : estimator
        Fitted estimator of skmtl that reads tables.
    X : array-like or data frame of shape (n_samples, n_features)
        Rows as the estimator takes them.

    Returns
    -------
    ndarray of shape (n_samples, n_features)
        In float64.

    Raises
    ------
    TypeError
        If it is no estimator of skmtl, or does not read tables.
    ValueError
        If X has other columns than in ``fit``, or cells that the estimator does not read.
    NotImplementedError
        For dates with a time zone.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from skmtl import MultiTaskNet
    >>> from skmtl.export import to_codes
    >>> X = pd.DataFrame({"age": np.arange(20.0), "city": ["Porto", "Oslo"] * 10})
    >>> y = pd.DataFrame({"price": 2.5 * X["age"], "sold": X["city"] == "Oslo"})
    >>> net = MultiTaskNet(hidden_layer_sizes=(4,), n_estimators=1, max_iter=1, random_state=0).fit(X, y)
    >>> to_codes(net, X[:2])
    array([[0., 1.],
           [1., 0.]])
    """
    require_exportable(estimator, "to_codes")
    check_is_fitted(estimator, "encoder_")
    encoder = estimator.encoder_
    if not isinstance(encoder, TabularEncoder):
        raise TypeError(
            f"to_codes is for estimators that read tables; the encoder of this one is {encoder!r}, whose exported form "
            f"takes images, tokens or other rows as they are. Pass X itself, in the type that the guide names."
        )
    estimator._check_columns(X)
    table = read_table(X, encoder.categorical_positions_ or None, encoder.date_positions_)
    numbers = np.asarray(table.numeric.toarray() if hasattr(table.numeric, "toarray") else table.numeric)
    out = np.empty((len(numbers), estimator.n_features_in_))
    out[:, table.numeric_positions] = numbers
    for position, values, categories in zip(
        table.categorical_positions, table.categorical, encoder.categories_, strict=True
    ):
        codes: dict[Any, float] = {value: float(code) for code, value in enumerate(category_values(categories))}
        codes[None] = np.nan
        out[:, position] = [codes.get(value, UNKNOWN_CODE) for value in values]
    for position, moments in zip(table.date_positions, table.dates, strict=True):
        known = ~np.isnat(moments.utc)
        if (moments.local != moments.utc)[known].any():
            raise zone_refusal(encoder, position)
        out[:, position] = np.where(known, moments.local.astype(np.int64) / 1e6, np.nan)
    return out
