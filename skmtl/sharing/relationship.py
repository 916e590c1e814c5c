"""Hidden layers for each task, tied by a learned matrix of how the tasks relate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from skmtl._params import require_boolean, require_choice, require_number
from skmtl.layers import Initializer, ParameterBuffer, ParameterSpec, constant
from skmtl.sharing._penalty import Penalty
from skmtl.sharing._relatedness import blended_root, correlations, of_unit_mean, shrunk, sparse_inverse
from skmtl.sharing._sharing import Body, BodySpec, MLPBody, Sharing, SharingStatistic

Learn = Literal["covariance", "precision"] | None
LEAST_SHRINKAGE = 1e-4  # keeps the inverse finite in float32


class Relationship(Sharing):
    """Every task has its own hidden layers, under a penalty that learns how the tasks relate (Zhang and Yeung, 2010).

    The penalty is strength * tr(D P D'), where column t of D is how far the parameters theta_t of a task's hidden
    layers have moved from the start that all tasks have in common. P is learned once an epoch from S = D'D:

    - ``learn="covariance"``: the inverse of S^(1/2), the covariance of the tasks. With ``ridge`` it makes the penalty
      the squared nuclear norm of D over the number of tasks.
    - ``learn="precision"``: the graphical lasso of the correlations in S^(1/2). P is sparse: two tasks act on each
      other where they are related beyond what other tasks explain.
    - ``learn=None``: P stays I - 11'/n_tasks, and the penalty is that of ``sharing="soft"``.

    S^(1/2) is scaled to a mean of 1 on its diagonal, so that ``strength`` does not depend on how far the tasks have
    moved. From P its least eigenvalue is taken off the diagonal, unless ``ridge`` is set: what the tasks have most in
    common costs nothing then. Tasks that move alike are held together, tasks that move in opposite directions are held
    apart, and a task that is unlike the others is left alone. The output layers of all tasks start alike, too, so that
    only their labels tell tasks apart. Fitted estimators have the correlations in ``task_relatedness_``. Reported
    losses and the early-stopping score do not include the penalty.

    Parameters
    ----------
    strength : float, default=0.003
        Factor of the penalty, beside task losses whose weights sum to 1.
    learn : {"covariance", "precision"} or None, default="covariance"
        What is learned of the tasks' relations.
    sparsity : float, default=0.0
        Penalty on the entries of P between tasks, for ``learn="precision"``: from 1 on all are 0, and tasks do not act
        on each other.
    shrinkage : float, default=0.05
        Share of the identity in the matrix that is inverted, from 0.0001 to 1. With less of it, tasks that are found to
        be alike are held together more strictly.
    forgetting : float or sequence of float, default=0.0
        How much earlier calls of ``partial_fit`` count, or of ``fit`` with ``warm_start``, in [0, 1]: S is forgetting
        times S before the call plus (1 - forgetting) D'D. With 0 the present parameters alone decide; with 1 relations
        stay what the first call found. A sequence is dealt to the members in turn. Their predictions then count by
        their losses on the rows of each call of ``partial_fit``, measured before these are learned from.
    ridge : bool, default=False
        Whether P keeps its least eigenvalue, as in the paper. All tasks are then drawn towards their start, which is a
        second weight decay.

    References
    ----------
    Zhang, Y. and Yeung, D.-Y. (2010). A convex formulation for learning task relationships in multi-task learning. UAI.

    Goncalves, A. R., Von Zuben, F. J. and Banerjee, A. (2016). Multi-task sparse structure learning with Gaussian
    copula models. JMLR 17.

    Saha, A., Rai, P., Daume III, H. and Venkatasubramanian, S. (2011). Online learning of multiple tasks and their
    relationships. AISTATS.
    """

    strengths = ("strength", "sparsity", "shrinkage", "forgetting")

    def __init__(
        self,
        strength: float = 0.003,
        learn: Learn = "covariance",
        sparsity: float = 0.0,
        shrinkage: float = 0.05,
        forgetting: float | Sequence[float] = 0.0,
        ridge: bool = False,
    ) -> None:
        self.strength, self.learn, self.sparsity = strength, learn, sparsity
        self.shrinkage, self.forgetting, self.ridge = shrinkage, forgetting, ridge

    def build(self, spec: BodySpec) -> Body:
        """Make the trunks and their penalty; see :meth:`Sharing.build`."""
        require_number(self.label("strength"), self.strength)
        if self.learn is not None:
            require_choice(self.label("learn"), self.learn, ("covariance", "precision"), " or None")
        require_number(self.label("sparsity"), self.sparsity)
        if self.sparsity and self.learn != "precision":
            raise ValueError(
                f"{self.label('sparsity')} is for learn='precision'; got sparsity={self.sparsity!r} with "
                f"learn={self.learn!r}. Set learn='precision', or sparsity=0."
            )
        require_number(self.label("shrinkage"), self.shrinkage, minimum=LEAST_SHRINKAGE, maximum=1)
        for factor in self.forgetting_factors:
            require_number(self.label("forgetting"), factor, maximum=1)
        require_boolean(self.label("ridge"), self.ridge)
        return _RelationshipBody(spec, self)

    @property
    def weighed(self) -> str | None:
        """Forgetting, where members differ in it; see :class:`Sharing`."""
        return "forgetting" if len(set(self.forgetting_factors)) > 1 else None

    @property
    def forgetting_factors(self) -> tuple[float, ...]:
        """Factors that are dealt to the members."""
        if isinstance(self.forgetting, list | tuple) and self.forgetting:
            return tuple(self.forgetting)
        return (self.forgetting,)  # type: ignore[return-value]  # checked in build


class _CommonStart:
    """One draw for all copies of a parameter and for the start that they are compared with."""

    def __init__(self, initial: Initializer) -> None:
        self.initial = initial

    def copies(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        self._drawn = self.initial(generator, (1, *shape[1:]))
        return np.repeat(self._drawn, shape[0], axis=0)

    def start(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return self._drawn


class _RelationshipBody(MLPBody):
    """Trunks, their start, and the root of their Gram matrix.

    The start never gets a gradient. Weight decay, linear in all parameters, shrinks it as it shrinks what the trunks
    have of it, so that their difference is what the labels have moved.
    """

    outputs_alike = True

    def __init__(self, spec: BodySpec, settings: Relationship) -> None:
        super().__init__("trunks", spec, spec.n_tasks, "task")
        draws = [_CommonStart(parameter.initial) for parameter in self.mlp.specs]
        trunks = [replace(p, initial=draw.copies) for p, draw in zip(self.mlp.specs, draws, strict=True)]
        starts = [
            replace(p, name=f"start.{p.name}", shape=(1, *p.shape[1:]), initial=draw.start)
            for p, draw in zip(self.mlp.specs, draws, strict=True)
        ]
        square = (spec.n_tasks, spec.n_tasks)
        roots = [ParameterSpec(f"relatedness.{when}", square, constant(0.0), None) for when in ("now", "before")]
        self._specs = [*trunks, *starts, *roots] if trunks else []
        self.penalty = RelationshipPenalty(settings, spec, trunks, starts, roots)
        self.penalties = (self.penalty,) if trunks else ()

    @property
    def specs(self) -> list[ParameterSpec]:
        return self._specs

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        super().bind(buffer, leaves)
        if self.specs:
            self.penalty.bind(buffer)

    def relatedness(self) -> Tensor | None:
        return self.penalty.relatedness() if self.specs else None

    def sharing_statistics(self, x: Tensor) -> dict[str, SharingStatistic]:
        """Correlations of the tasks; where the precision is learned, partial correlations too."""
        if not self.specs:
            return {}
        found = {"relatedness": self.penalty.relatedness()}
        if self.penalty.learn == "precision":
            found["partial_correlation"] = self.penalty.partial_correlations()
        return {name: SharingStatistic(values, ("member", "task", "task")) for name, values in found.items()}


class RelationshipPenalty(Penalty):
    """strength * tr(D P D') with P learned from D'D.

    Parameters
    ----------
    settings : Relationship
        Values for all members, unless they have their own.
    spec : BodySpec
        Members and tasks.
    trunks, starts : sequence of ParameterSpec
        The tasks' parameters, and what they are compared with.
    roots : sequence of ParameterSpec
        Root of the Gram matrix, and what it was before the call.
    """

    own = Relationship.strengths

    def __init__(
        self,
        settings: Relationship,
        spec: BodySpec,
        trunks: Sequence[ParameterSpec],
        starts: Sequence[ParameterSpec],
        roots: Sequence[ParameterSpec],
    ) -> None:
        self.parameter, self.learn, self.ridge, self.n_tasks = "strength", settings.learn, settings.ridge, spec.n_tasks
        self.strength = spec.of_members("strength", settings.strength)
        self.sparsity = spec.of_members("sparsity", settings.sparsity)
        self.shrinkage = spec.of_members("shrinkage", settings.shrinkage)
        self.forgetting = spec.of_members("forgetting", settings.forgetting_factors[0])
        self._trunks, self._starts, self._roots = ([s.name for s in specs] for specs in (trunks, starts, roots))

    def bind(self, buffer: ParameterBuffer) -> None:
        """See :class:`Penalty`."""
        self._values = [buffer.views[name].flatten(2) for name in self._trunks]  # (member, task, size)
        self._gradients = [buffer.gradient_views[name].flatten(2) for name in self._trunks]
        self._origins = [buffer.views[name].flatten(2) for name in self._starts]  # (member, 1, size)
        self.root, self._before = (buffer.views[name] for name in self._roots)
        self._matrix = torch.zeros_like(self.root)
        self._known = False

    def add_gradient(self) -> None:
        """See :class:`Penalty`."""
        factors = 2 * self.strength[:, None, None] * self.matrix()
        for values, origin, gradient in zip(self._values, self._origins, self._gradients, strict=True):
            gradient.baddbmm_(factors, values - origin)

    def matrix(self) -> Tensor:
        """P, ``(member, task, task)``, as it is until the end of the epoch."""
        if not self._known:
            self._solve()
            self._known = True
        return self._matrix

    def _solve(self) -> None:
        """Write P, in place: a recorded step reads it."""
        precision = self._precision()
        if not self.ridge:
            least = torch.linalg.eigvalsh(precision)[:, :1, None]
            precision = precision - least * _identity_like(precision)
        self._matrix.copy_(precision)

    def _precision(self) -> Tensor:
        """Inverse of the tasks' covariance, ``(member, task, task)``."""
        root, shrinkage = of_unit_mean(self.root.double()), self.shrinkage.double()
        if self.learn is None:
            return _identity_like(root) - 1 / self.n_tasks
        if self.learn == "precision":
            return sparse_inverse(shrunk(correlations(root), shrinkage), self.sparsity.double())
        inverse: Tensor = torch.linalg.inv(shrunk(root, shrinkage))
        return inverse

    def begin_call(self) -> None:
        """See :class:`Penalty`."""
        self._before.copy_(self.root)
        self._known = False

    def end_epoch(self) -> None:
        """Learn the matrix from where the tasks are now; see :class:`Penalty`."""
        gram = torch.zeros_like(self.root, dtype=torch.float64)
        for values, origin in zip(self._values, self._origins, strict=True):
            moved = (values - origin).double()
            gram.baddbmm_(moved, moved.mT)
        # A member that has diverged learns nothing more; the losses will tell.
        gram = torch.where(gram.isfinite().all(2).all(1)[:, None, None], gram, 0.0)
        self.root.copy_(blended_root(self._before.double(), gram, self.forgetting.double()))
        self._solve()

    def relatedness(self) -> Tensor:
        """Correlations of the tasks, ``(member, task, task)``."""
        return correlations(self.root.double())

    def partial_correlations(self) -> Tensor:
        """What two tasks have in common beyond the others, ``(member, task, task)``; 0 where P is 0."""
        scaled = correlations(self._precision())
        return 2 * _identity_like(scaled) - scaled


def _identity_like(matrix: Tensor) -> Tensor:
    return torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device).expand_as(matrix)
