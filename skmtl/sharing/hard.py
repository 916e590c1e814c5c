"""Hard parameter sharing."""

from __future__ import annotations

from skmtl._params import require_number
from skmtl.sharing._sharing import Body, BodySpec, MLPBody, Sharing


class Hard(Sharing):
    """One trunk of hidden layers serves all tasks (Caruana, 1997).

    With ``output_strength`` above 0 the output layers of the tasks learn from one another, too, by mean-regularised
    multi-task learning (Evgeniou and Pontil, 2004): their weights w_t start alike and are drawn to their mean by the
    penalty output_strength * sum_t |w_t - mean w|^2. Biases are free, so that a task may lie above another by a
    constant. Use it where many tasks ask for much the same function and each has few labels, such as schools with a
    hundred pupils each; choose it by a search over 0, 1, 10 and so on, as unlike tasks lose by it. It takes no part in
    the gradient: after each step of the optimizer the distances from the mean are divided by
    1 + 2 * learning rate * output_strength (a proximal step, decoupled as weight decay is). The steps of AdamW do not
    depend on the scale of the loss: there 1 is felt, and 1000 makes all output weights nearly equal. Reported losses
    and the early-stopping score do not include the penalty.

    Parameters
    ----------
    output_strength : float, default=0.0
        Factor of the penalty, among tasks with the same number of outputs; their classes are matched in sorted order.
        With 0, output layers start and learn apart. It is not for ``task_layer_sizes``, which give each task features
        of its own, nor for tasks whose loss weight is 0, which would hold back the others.

    References
    ----------
    Caruana, R. (1997). Multitask learning. Machine Learning 28, 41-75.

    Evgeniou, T. and Pontil, M. (2004). Regularized multi-task learning. KDD.
    """

    strengths = ("output_strength",)
    proximal = "output_strength"

    def __init__(self, output_strength: float = 0.0) -> None:
        self.output_strength = output_strength

    def build(self, spec: BodySpec) -> Body:
        """Make one stack of hidden layers; see :meth:`Sharing.build`."""
        require_number(self.label("output_strength"), self.output_strength)
        body = MLPBody("trunk", spec)
        body.stack = body.mlp
        body.output_strength = spec.of_members("output_strength", self.output_strength)
        body.outputs_alike = self.output_strength > 0
        return body
