"""What the rules look at."""

from __future__ import annotations

from dataclasses import dataclass

FULL_BATCH_ROWS = 64
MAX_COPIES = 3  # rows for each distinct one; where there are more, a held-out row is unlike all that is trained on
TINY_ROWS = FULL_BATCH_ROWS * MAX_COPIES
WIDE_ROWS, WIDE_INPUTS = 1500, 400


@dataclass(frozen=True)
class DataSummary:
    """The data of a fit in a few numbers, and what else the rules depend on.

    For tiny data rows are counted as distinct rows, so that a row of weight 2 and the row twice lead to the same
    choices.

    Attributes
    ----------
    n_rows, n_distinct : int
        Rows with a label and a positive weight, and the distinct ones among them, features and labels together.
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
    fitted_dtype : str, optional
        Type of the parameters of the network whose training goes on; None for a new network.
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
    fitted_dtype: str | None = None

    @property
    def n_tasks(self) -> int:
        """Number of tasks."""
        return len(self.classification)

    @property
    def n_classification(self) -> int:
        """Number of classification tasks."""
        return sum(self.classification)

    @property
    def only_classification(self) -> bool:
        """Whether all tasks are classification tasks."""
        return all(self.classification)

    @property
    def tasks(self) -> str:
        """Number and kinds of the tasks in words."""
        n_regression = self.n_tasks - self.n_classification
        counts = {"classification": self.n_classification, "regression": n_regression}
        return " and ".join(f"{count} {kind} task{'s' * (count > 1)}" for kind, count in counts.items() if count)

    @property
    def wide(self) -> bool:
        """Whether there are many inputs, and rows enough to learn from any part of them."""
        return self.n_rows >= WIDE_ROWS and self.n_inputs >= WIDE_INPUTS

    @property
    def tiny(self) -> bool:
        """Whether all rows are one batch, in which rows count exactly by their weights."""
        return self.n_distinct <= FULL_BATCH_ROWS and self.n_rows <= TINY_ROWS
