"""What settings of tasks left at "auto" get.

Docstrings name the constants in braces; the page of the defaults fills them in.
"""

from __future__ import annotations

import math

from skmtl.defaults._summary import Choice

OUTLIER_SD = 4.0  # standard deviations, beyond which ordinary data has no label
MAX_OUTLIERS = 20


def far(n_far: int) -> Choice:
    """{OUTLIER_SD:g} standard deviations where at most {MAX_OUTLIERS} labels are beyond it, else infinity.

    A few labels far from all others would rule the whole network; more of them are signal, not noise.
    """
    if n_far > MAX_OUTLIERS:
        return Choice(math.inf, f"{n_far} labels beyond {OUTLIER_SD:g} standard deviations, more than {MAX_OUTLIERS}")
    return Choice(OUTLIER_SD, f"{n_far} labels beyond {OUTLIER_SD:g} standard deviations, at most {MAX_OUTLIERS}")
