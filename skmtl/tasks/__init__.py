"""Kinds of targets, each owning its encoding, loss, decoding and metric."""

from skmtl.tasks._kind import Kind, Task
from skmtl.tasks._layout import Group, TaskLayout
from skmtl.tasks._match import require_labels_of
from skmtl.tasks._numeric import Numeric
from skmtl.tasks._target_transform import TARGET_TRANSFORMS, TargetTransform
from skmtl.tasks.absolute_error import AbsoluteError
from skmtl.tasks.binary import Binary
from skmtl.tasks.huber import Huber
from skmtl.tasks.multiclass import Multiclass
from skmtl.tasks.poisson import Poisson
from skmtl.tasks.quantile import Quantile, has_several_quantiles
from skmtl.tasks.squared_error import SquaredError

LOSSES: dict[str, type[Kind]] = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "poisson": Poisson,
    "quantile": Quantile,
}
KINDS: dict[str, type[Kind]] = {"binary": Binary, "multiclass": Multiclass, "regression": SquaredError, **LOSSES}
Task.state_types = KINDS | {transform.__name__: transform for transform in TARGET_TRANSFORMS.values()}


def kind_name(kind: Kind) -> str:
    """Name by which users know a kind of target.

    Examples
    --------
    >>> from skmtl.tasks import SquaredError, kind_name
    >>> kind_name(SquaredError())
    'regression'
    """
    return next((name for name, known in KINDS.items() if type(kind) is known), type(kind).__name__)


__all__ = [
    "KINDS",
    "LOSSES",
    "TARGET_TRANSFORMS",
    "AbsoluteError",
    "Binary",
    "Group",
    "Huber",
    "Kind",
    "Multiclass",
    "Numeric",
    "Poisson",
    "Quantile",
    "SquaredError",
    "TargetTransform",
    "Task",
    "TaskLayout",
    "has_several_quantiles",
    "kind_name",
    "require_labels_of",
]
