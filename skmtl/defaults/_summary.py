"""What the rules look at, and what they give."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

FULL_BATCH_ROWS = 64
MAX_COPIES = 3  # rows for each distinct one; where there are more, a held-out row is unlike all that is trained on
TINY_ROWS = FULL_BATCH_ROWS * MAX_COPIES
WIDE_INPUTS = 400


class Choice(NamedTuple):
    """Value that a parameter left at "auto" gets.

    Attributes
    ----------
    value : object
        What was chosen.
    reason : str
        Why, in one sentence.
    """

    value: Any
    reason: str


@dataclass(frozen=True)
class DataSummary:
    """The data of a fit in a few numbers, and what else the rules depend on.

    For tiny data rows are counted as distinct rows, so that a row of weight 2 and the row twice lead to the same
    choices.

    Attributes
    ----------
    n_rows, n_distinct : int
        Rows with a label and a positive weight, and the distinct ones among them, features and labels together.
    n_joined : int
        How many of these share a fold with another one: rows of the same features with labels of different tasks.
    n_inputs, n_outputs : int
        Width of an encoded row, and outputs of the network for all tasks.
    classification : tuple of bool
        Whether each task is a classification task.
    on_gpu : bool
        Whether a GPU computes.
    static_weights : bool
        Whether the loss weights stay as they are during training.
    learned_encoding : bool
        Whether the encoder has layers that are trained with the network.
    validation_given : bool
        Whether the user passed validation rows.
    n_unlabeled : int
        Further rows, without any label, that a method of collaboration learns from.
    n_splits : int
        Number of splits that ``cv`` or groups give; 0 where rows are dealt to folds by their content.
    n_units : int
        Groups of rows that stay together in the splits, which without groups are their test parts; 0 as above.
    every_row_held_out, every_row_used : bool
        Whether each row is in a test part of the splits, and in one of the two parts of each of them.
    fitted_dtype : str, optional
        Type of the parameters of the network whose training goes on; None for a new network.
    n_tasks, n_classification : int
        Number of tasks, and of classification tasks.
    only_classification : bool
        Whether all tasks are classification tasks.
    kinds : str
        Number and kinds of the tasks in words.
    tiny : bool
        Whether all rows are one batch, in which rows count exactly by their weights.
    wide : bool
        Whether an encoded row has many inputs.
    """

    n_rows: int
    n_distinct: int
    n_inputs: int
    n_outputs: int
    classification: tuple[bool, ...]
    on_gpu: bool = False
    static_weights: bool = True
    learned_encoding: bool = False
    validation_given: bool = False
    n_joined: int = 0
    n_unlabeled: int = 0
    n_splits: int = 0
    n_units: int = 0
    every_row_held_out: bool = True
    every_row_used: bool = True
    fitted_dtype: str | None = None
    n_tasks: int = field(init=False)
    n_classification: int = field(init=False)
    only_classification: bool = field(init=False)
    kinds: str = field(init=False)
    tiny: bool = field(init=False)
    wide: bool = field(init=False)

    def __post_init__(self) -> None:
        n_tasks, n_classes = len(self.classification), sum(self.classification)
        counts = {"classification": n_classes, "regression": n_tasks - n_classes}
        vars(self).update(
            n_tasks=n_tasks,
            n_classification=n_classes,
            only_classification=n_classes == n_tasks,
            kinds=" and ".join(f"{n} {kind} task{'s' * (n > 1)}" for kind, n in counts.items() if n),
            tiny=self.n_distinct <= FULL_BATCH_ROWS and self.n_rows <= TINY_ROWS,
            wide=self.n_inputs >= WIDE_INPUTS,
        )

    @property
    def n_apart(self) -> int:
        """Rows that may be in different folds."""
        return self.n_distinct - self.n_joined

    def rows_of_step(self, batch_size: int) -> int:
        """Rows of a step with ``batch_size`` labelled ones: beside them as many others as keep an epoch as long."""
        n_labelled = min(batch_size, self.n_rows)
        return n_labelled + round(n_labelled * self.n_unlabeled / max(self.n_rows, 1))
