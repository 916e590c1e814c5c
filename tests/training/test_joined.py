"""Parts of the members with rows of their own: what a member sees is what it sees alone."""

import numpy as np
import pytest
import torch
from scipy import sparse

from skmtl.layers import MemberLinear, ParameterBuffer, Workspace
from skmtl.training import DenseRows, JoinedData, SparseRows, TrainingData, _joined, _merged
from skmtl.training._joined import split_members
from skmtl.training._merged import MergedRows

CPU = torch.device("cpu")
N, D, SIZES = 23, 3, (2, 1, 3)


def make_data(k, size, n_tasks, rows=DenseRows, weighted=True):
    rng = np.random.default_rng(k)
    values = rng.normal(size=(N, D))
    held = rows(sparse.csr_array(values) if rows is SparseRows else values, torch.float64, CPU)
    targets = torch.from_numpy(rng.normal(size=(N, n_tasks)))
    if not weighted:
        return TrainingData(held, targets, torch.ones(N, n_tasks, dtype=torch.float64))
    cells = torch.from_numpy(rng.random((size, N, n_tasks) if k and weighted != "alike" else (N, n_tasks)))
    return TrainingData(held, targets, cells, torch.from_numpy(rng.random((size, N))))


def orders():
    return [np.random.default_rng(seed) for seed in (5, 6, 7)]


@pytest.mark.parametrize("batch_size", [8, N])
@pytest.mark.parametrize("products", [0, np.inf])
@pytest.mark.parametrize(("n_tasks", "rows"), [(2, DenseRows), (20, SparseRows)])
@pytest.mark.parametrize(
    "weighted", [(True,) * 3, (False,) * 3, (True, False, True), ("alike",) * 3, ("alike", False, "alike")]
)
@pytest.mark.parametrize("kept", [[0, 1, 2, 3, 4, 5], [1, 3, 5], [4]])
def test_members_see_the_batches_of_their_part(batch_size, products, n_tasks, weighted, rows, kept, monkeypatch):
    monkeypatch.setattr(_joined, "MAX_REPEATED", products)
    parts = [make_data(k, size, n_tasks, rows, weighted[k]) for k, size in enumerate(SIZES)]
    joined = JoinedData(parts, SIZES, batch_size).select(torch.tensor(kept))
    alone = [list(part.batches(batch_size, [own])) for part, own in zip(parts, orders(), strict=True)]
    of_member = [(k, place) for k, size in enumerate(SIZES) for place in range(size)]
    part_of = {k: i for i, k in enumerate(dict.fromkeys(of_member[member][0] for member in kept))}
    kept_orders = [orders()[k] for k in part_of]
    for step, batch in enumerate(joined.batches(batch_size, kept_orders)):
        for i, member in enumerate(kept):
            k, place = of_member[member]
            own = alone[k][step]
            row = part_of[k] if joined.parts else min(i, len(batch.x) - 1)
            torch.testing.assert_close(batch.x[row], own.x[0], rtol=0, atol=0)
            torch.testing.assert_close(batch.targets[min(i, len(batch.targets) - 1)], own.targets[0], rtol=0, atol=0)
            expected = (
                torch.ones(own.targets.shape[1:])
                if own.weights is None
                else own.weights[min(place, len(own.weights) - 1)]
            )
            found = (
                torch.ones_like(expected) if batch.weights is None else batch.weights[min(i, len(batch.weights) - 1)]
            )
            torch.testing.assert_close(found, expected.to(found.dtype), rtol=0, atol=0)
            expected = torch.ones(len(own.x[0])) if own.row_mask is None else own.row_mask[place]
            found = torch.ones_like(expected) if batch.row_mask is None else batch.row_mask[i]
            torch.testing.assert_close(found, expected.to(found.dtype), rtol=0, atol=0)
    assert step == len(alone[0]) - 1


@pytest.mark.parametrize("change", [None, "sparse", "weights of members", "large"])
def test_small_tables_are_gathered_at_once(change, monkeypatch):
    rows, weighted = SparseRows if change == "sparse" else DenseRows, change == "weights of members" or "alike"
    monkeypatch.setattr(_merged, "MERGED_BYTES", 100 if change == "large" else 10_000)
    parts = [make_data(k, size, 2, rows, weighted) for k, size in enumerate(SIZES)]
    assert (MergedRows.of(parts, SIZES, repeats=False) is not None) == (change is None)


@pytest.mark.parametrize("weighted", [True, "alike"])
def test_no_member_learns_from_rows_that_fill_up_the_last_batch(weighted):
    parts = [make_data(k, size, 2, weighted=weighted) for k, size in enumerate(SIZES)]
    rows = DenseRows(np.zeros((N - 2, D)), torch.float64, CPU)
    parts[1] = TrainingData(rows, parts[1].targets[2:], torch.ones(N - 2, 2, dtype=torch.float64))
    joined = JoinedData(parts, SIZES, 8)
    *_, before, last = joined.batches(8, orders())
    assert (before.row_mask > 0).all()
    assert ((last.row_mask > 0).sum(1) == torch.tensor([7, 7, 5, 7, 7, 7])).all()
    assert torch.equal(last.weights > 0, (last.row_mask > 0)[:, :, None].expand_as(last.weights))


def test_rows_of_each_member():
    parts = [make_data(k, size, 2) for k, size in enumerate(SIZES)]
    joined = JoinedData(parts, SIZES, None)
    index = torch.from_numpy(np.random.default_rng(0).integers(0, N, (6, 4)))
    x, (targets, weights) = joined.x_at(index), joined.cells_at(index)
    for own, rows in zip(split_members(torch.arange(6), SIZES), index.split(SIZES), strict=True):
        assert own.tolist() == list(range(len(rows)))
    for k, (part, members) in enumerate(zip(parts, torch.arange(6).split(SIZES), strict=True)):
        torch.testing.assert_close(x[members], part.x_at(index[members]))
        for found, expected in zip((targets, weights), part.cells_at(index[members]), strict=True):
            torch.testing.assert_close(found[members], expected)
        torch.testing.assert_close(joined.totals[members], part.totals.expand(SIZES[k], -1))


@pytest.mark.parametrize("reuse", [True, False])
def test_a_layer_over_parts_is_the_layer_over_repeated_rows(reuse):
    layer = MemberLinear("layer", D, 4)
    buffer = ParameterBuffer(layer.specs, 6, torch.float64, CPU)
    buffer.initialise([np.random.default_rng(k) for k in range(6)])
    layer.bind(buffer)
    rng = np.random.default_rng(0)
    x, gradient = torch.from_numpy(rng.normal(size=(3, 5, D))), torch.from_numpy(rng.normal(size=(6, 5, 4)))
    repeated = x.repeat_interleave(torch.tensor(SIZES), 0)
    found = []
    for rows in (x, repeated):
        workspace = Workspace(reuse=reuse, parts=SIZES)
        out = layer.forward(rows, workspace).clone()
        buffer.gradient.zero_()
        layer.backward(gradient, workspace)
        found.append((out, buffer.gradient.clone()))
    for ours, expected in zip(*found, strict=True):
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-14)
