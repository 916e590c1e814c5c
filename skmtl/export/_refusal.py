"""How an export is refused."""

from __future__ import annotations

from typing import Any

CURES = {
    "encoder": "to_module(include_encoder=False) takes rows that encoder_.transform has encoded",
    "loss": "Use a loss of skmtl.tasks",
    "target_transform": "Use a name, such as 'log1p' or 'yeo-johnson', or transform y ahead of fit",
    "postprocessor": "Fit without it",
}


def refusal(parameter: str, found: object, cure: str = "") -> NotImplementedError:
    """Error for a part that has no form in torch.

    Parameters
    ----------
    parameter : str
        What the part is given by, a key of ``CURES`` unless a ``cure`` is given.
    found : object
        The part.
    cure : str, default=""
        What to do instead.
    """
    return NotImplementedError(f"{parameter}={found!r} cannot be exported. {cure or CURES[parameter]}.")


def require_exportable(estimator: Any, caller: str) -> None:
    """Check that an estimator is one of skmtl's.

    Raises
    ------
    TypeError
        If it is something around one, or something else.
    """
    if hasattr(estimator, "task"):  # the class of which is private
        raise TypeError(f"{caller} takes whole estimators; got a view of one task. Pass the estimator that it views.")
    if not hasattr(estimator, "to_module"):
        raise TypeError(
            f"{caller} takes a fitted estimator of skmtl; got {type(estimator).__name__}. Of a search pass "
            f"best_estimator_, of a Pipeline its last step, whose X is what the steps before give."
        )
