"""Estimators on their way through the driver, one step at a time."""

from collections.abc import Iterable, Iterator
from typing import Any

from skmtl.estimators._fit_inputs import fitted_copy, prepare_candidate, read_inputs
from skmtl.fitting import SharedInputs, StackedTrainer, stack_jobs

Fits = Iterable[tuple[Any, SharedInputs]]

__all__ = ["fitted", "read_inputs", "stacks_of"]


def stacks_of(fits: Fits, memory: float = 1e9, *, fill: bool = False) -> Iterator[StackedTrainer]:
    """Networks of estimators, each to be fitted to its inputs."""
    fits = list(fits)

    def jobs():
        for index, (estimator, inputs) in enumerate(fits):
            try:
                yield index, prepare_candidate(estimator, inputs)
            except ValueError as error:
                yield index, error

    def with_estimators(trainer: StackedTrainer) -> StackedTrainer:
        trainer.estimators = {index: fits[index][0] for index in trainer.indices}
        return trainer

    return map(with_estimators, stack_jobs(jobs(), memory, fill=fill))  # holds no network once it is taken


def fitted(trainer: StackedTrainer, index: int) -> Any:
    """A fitted copy of one of the estimators."""
    return fitted_copy(trainer.estimators[index], trainer.result(index))
