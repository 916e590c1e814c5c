"""Hard parameter sharing."""

from __future__ import annotations

from skmtl.sharing._sharing import Body, BodySpec, MLPBody, Sharing


class Hard(Sharing):
    """One trunk of hidden layers serves all tasks (Caruana, 1997).

    References
    ----------
    Caruana, R. (1997). Multitask learning. Machine Learning 28, 41-75.
    """

    def build(self, spec: BodySpec) -> Body:
        """Make one stack of hidden layers; see :meth:`Sharing.build`."""
        body = MLPBody("trunk", spec)
        body.stack = body.mlp
        return body
