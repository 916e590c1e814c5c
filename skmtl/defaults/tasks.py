"""What settings of tasks left at "auto" get.

Docstrings name the constants in braces; the page of the defaults fills them in.
"""

from __future__ import annotations

import math

from skmtl.defaults._summary import Choice

OUTLIER_SD = 4.0  # standard deviations, beyond which ordinary data has no label
MAX_OUTLIERS = 20
MAX_GLITCHES = 0.05  # of the labels
MAX_LOG_EXCESS = 0.5  # 1 over the index of a tail, which is above 2 where there is a variance


def far(n_far: int) -> Choice:
    """{OUTLIER_SD:g} standard deviations where at most {MAX_OUTLIERS} labels are beyond it, else infinity.

    A few labels far from all others would rule the whole network; more of them are signal, not noise.
    Where the few are right, as rare events are, predicted means are too low.
    """
    if n_far > MAX_OUTLIERS:
        return Choice(math.inf, f"{n_far} labels beyond {OUTLIER_SD:g} standard deviations, more than {MAX_OUTLIERS}")
    return Choice(OUTLIER_SD, f"{n_far} labels beyond {OUTLIER_SD:g} standard deviations, at most {MAX_OUTLIERS}")


def glitches(beyond: float, n_distinct: int, log_excess: float) -> Choice:
    """Glitches are labels beyond {OUTLIER_SD:g} robust standard deviations, interquartile range / 1.349, of the median.

    They are at most a fraction of {MAX_GLITCHES:g} of the labels, and lie farther beyond than a tail of finite variance
    lets them: there the mean of log(distance / bound) is at most {MAX_LOG_EXCESS:g} (Hill, 1975), and the mean
    of glitches is more than two standard errors above it. Equal labels count as one in this error. Then robust standard
    deviations take the place of the others, however many glitches there are, and the fit warns. Where half of the
    labels are equal, as where most are 0 but for events, there is no robust scale, and no label is a glitch.
    """
    allowed = MAX_LOG_EXCESS * (1 + 2 / math.sqrt(n_distinct)) if n_distinct else math.inf
    reason = f"{beyond:.2%} of the labels beyond {OUTLIER_SD:g} robust standard deviations"
    return Choice(
        beyond <= MAX_GLITCHES and log_excess > allowed, f"{reason}, with a mean log excess of {log_excess:.2g}"
    )
