"""Batches of training rows."""

import numpy as np
import pytest
import torch

from skmtl.training import DenseRows, TrainingData, _streams


@pytest.fixture
def data() -> TrainingData:
    values = np.arange(70.0).reshape(35, 2)
    rows = DenseRows(values, torch.float64, torch.device("cpu"))
    return TrainingData(rows, torch.arange(35.0)[:, None], torch.ones(35, 1))


def _epoch(data: TrainingData) -> list[np.ndarray]:
    return [batch.targets.numpy().ravel() for batch in data.batches(8, [np.random.default_rng(3)])]


def test_an_epoch_takes_every_row_once_in_the_order_of_the_stream(data):
    batches = _epoch(data)
    assert [len(batch) for batch in batches] == [8, 8, 8, 8, 3]
    np.testing.assert_array_equal(np.concatenate(batches), np.random.default_rng(3).permutation(35))


def test_rows_and_targets_of_a_batch_belong_together(data):
    for batch in data.batches(8, [np.random.default_rng(0)]):
        torch.testing.assert_close(batch.x[0, :, 0], 2.0 * batch.targets[0, :, 0].double())


def test_the_order_of_many_rows_is_the_same_in_half_the_memory(data, monkeypatch):
    expected = _epoch(data)
    monkeypatch.setattr(_streams, "MANY_ROWS", 10)
    for batch, same in zip(_epoch(data), expected, strict=True):
        np.testing.assert_array_equal(batch, same)
