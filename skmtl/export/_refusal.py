"""How an export is refused."""

from __future__ import annotations

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
