"""The order in which streamed rows come, and that they come once each."""

import numpy as np
import pytest
import torch

from skmtl.blocks import StreamedData
from skmtl.processes import Collective, part_of
from skmtl.training import Batch, DenseRows, Streams, TrainingData

SIZES = np.array([30, 7, 0, 25, 41, 12])
STARTS = np.cumsum(SIZES) - SIZES


def block_rows(blocks: list[int], own: np.ndarray | None = None) -> TrainingData:
    """Rows that hold their own numbers; every third label is missing."""
    numbers = np.concatenate([np.arange(STARTS[b], STARTS[b] + SIZES[b]) for b in blocks]).astype(float)[:, None]
    numbers = numbers if own is None else numbers[own]
    rows = DenseRows(numbers, torch.float64, torch.device("cpu"))
    weights = torch.from_numpy((numbers % 3 > 0).astype(float))
    return TrainingData(rows, torch.from_numpy(-numbers), weights)


def streamed(buffer_rows: int, epoch_rows: int = 115, batch_size: int = 8) -> StreamedData:
    totals = block_rows(list(range(len(SIZES)))).totals
    sizes = {"buffer_rows": buffer_rows, "epoch_rows": epoch_rows, "batch_size": batch_size}
    return StreamedData(block_rows, SIZES, totals, 1, **sizes)


def passes(data: StreamedData, n_passes: int, batch_size: int = 8) -> list[list[Batch]]:
    """Batches of each epoch, drawn from generators as at the beginning of its pass."""
    return [
        list(data.batches(batch_size, [np.random.default_rng(number)], epoch))
        for number in range(n_passes)
        for epoch in range(data.epochs_per_pass)
    ]


def numbers(batches: list[Batch]) -> list[float]:
    return [row for batch in batches for row in batch.x[0, :, 0].tolist()]


@pytest.mark.parametrize("buffer_rows", [1, 45, 1000])
@pytest.mark.parametrize("epoch_rows", [30, 115])
def test_every_row_comes_once_in_a_pass_and_only_its_last_batch_is_short(buffer_rows: int, epoch_rows: int) -> None:
    data = streamed(buffer_rows, epoch_rows)
    epochs = passes(data, 2)
    first, second = epochs[: data.epochs_per_pass], epochs[data.epochs_per_pass :]
    for one in (first, second):
        batches = [batch for epoch in one for batch in epoch]
        assert sorted(numbers(batches)) == list(range(115))
        assert [batch.targets.shape[1] for batch in batches] == [8] * 14 + [3]
        assert all(torch.equal(batch.targets, -batch.x) for batch in batches)
        weights = [torch.ones(batch.targets.shape) if batch.weights is None else batch.weights for batch in batches]
        assert all(torch.equal(w, (b.x % 3 > 0).to(w)) for w, b in zip(weights, batches, strict=True))
    assert numbers(first[0]) != numbers(second[0])
    assert max(len(epoch) for epoch in first) * 8 == data.n_rows + (-data.n_rows) % 8


def test_an_epoch_does_not_depend_on_those_before() -> None:
    data = streamed(45, 30)
    in_order = passes(data, 1)
    assert data.epochs_per_pass == 4
    alone = streamed(45, 30).batches(8, [np.random.default_rng(0)], 2)
    assert numbers(list(alone)) == numbers(in_order[2])


def test_rows_are_mixed_over_blocks_and_buffers_over_passes() -> None:
    """Blocks of a file that is sorted would otherwise come one after another, and together in each pass."""
    first_blocks = [np.searchsorted(STARTS, numbers(epoch)[:30], side="right") for epoch in passes(streamed(80), 5)]
    assert all(len(np.unique(blocks)) > 1 for blocks in first_blocks)
    one_a_buffer = passes(streamed(1), 5)
    assert len({int(np.searchsorted(STARTS, numbers(epoch)[0], side="right")) for epoch in one_a_buffer}) > 1


def test_one_buffer_gives_the_batches_of_data_in_memory() -> None:
    resident = block_rows(list(range(len(SIZES))))
    expected = list(resident.batches(8, [np.random.default_rng(3)]))
    found = list(streamed(115).batches(8, [np.random.default_rng(3)]))
    assert all(
        torch.equal(a.x, b.x) and torch.equal(a.targets, b.targets) for a, b in zip(found, expected, strict=True)
    )


def test_mean_losses_are_of_the_labels_of_the_epoch() -> None:
    """An epoch that is a part of a pass has its own number of labels."""
    data = streamed(45, 30)
    for epoch in range(data.epochs_per_pass):
        batches = list(data.batches(8, [np.random.default_rng(0)], epoch))
        labels = sum(float((batch.x % 3 > 0).sum()) for batch in batches)
        assert data.mean_losses(torch.ones(1, 1)).item() == pytest.approx(1 / labels)


@pytest.mark.parametrize("batch_size", [2, 8])
def test_processes_take_slices_of_every_batch_and_load_no_other_rows(batch_size: int) -> None:
    def load(blocks: list[int], own: np.ndarray) -> TrainingData:
        assert own.sum() <= len(own) / 2 + 4
        return block_rows(blocks, own)

    def slices(rank: int) -> list[Batch]:
        data, own = streamed(45, 30, batch_size), Collective()
        data._load, own.rank, own.size = load, rank, 3
        return passes(data.sliced(own), 1, batch_size)[1]

    whole = passes(streamed(45, 30, batch_size), 1, batch_size)[1]
    for batch, *parts in zip(whole, *map(slices, range(3)), strict=True):
        n_rows = batch.targets.shape[1]
        for rank, part in enumerate(parts):
            rows = part_of(n_rows, rank, 3)
            assert part.counts.item() == n_rows
            assert part.drawn == (rows.start, n_rows)
            assert torch.equal(part.x[:, : rows.stop - rows.start], batch.x[:, rows])
            assert part.weights.sum() == (batch.x[:, rows] % 3 > 0).sum()


@pytest.mark.parametrize("epoch_rows", [30, 115])
def test_the_first_buffer_is_read_in_the_epoch_before(epoch_rows: int) -> None:
    reads = []

    def reading(blocks: list[int], own: None) -> TrainingData:
        reads.append(list(blocks))
        return block_rows(blocks)

    sizes = {"buffer_rows": 45, "epoch_rows": epoch_rows, "batch_size": 8}
    data, streams = StreamedData(reading, SIZES, torch.ones(1, 1), 1, **sizes), Streams.from_seed(0, 1)
    last_read = list[int]()
    for epoch in range(6):
        batches = data.batches(8, streams.orders(data.epochs_per_pass), epoch % data.epochs_per_pass)
        first_row = numbers([next(batches)])[0]
        first_block = int(np.searchsorted(STARTS, first_row, side="right")) - 1
        assert epoch == 0 or first_block in last_read
        list(batches)
        data._reader.submit(int).result()  # what was asked for has been read
        last_read = reads[-1]
        streams.epoch += 1
    of_passes = -(-6 // data.epochs_per_pass) * len(data._buffers(np.random.default_rng(0)))
    assert len(reads) <= of_passes + 1


def test_an_epoch_broken_off_leaves_no_rows_in_another() -> None:
    data = streamed(45)
    next(data.batches(8, [np.random.default_rng(1)]))
    assert sorted(numbers(passes(data, 1)[0])) == list(range(115))


def test_a_failing_block_ends_the_epoch_with_its_error() -> None:
    def failing(blocks: list[int], own: None) -> TrainingData:
        if 3 in blocks:
            raise ValueError("block 3 is broken")
        return block_rows(blocks)

    data = StreamedData(failing, SIZES, torch.ones(1, 1), 1, buffer_rows=1, epoch_rows=115, batch_size=8)
    with pytest.raises(ValueError, match="block 3 is broken"):
        list(data.batches(8, [np.random.default_rng(0)]))
