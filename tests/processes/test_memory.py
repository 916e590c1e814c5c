"""Memory that processes of one machine share; threads stand for the processes."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from skmtl.processes import _memory
from skmtl.processes._memory import SharedMemory, share_memory


class GoneError(Exception):
    """Another process is gone."""


def gone() -> None:
    raise GoneError


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "memory"
    file.write_bytes(bytes(SharedMemory.size_of(3, 256)))
    return str(file)


def test_all_get_the_sum_in_the_order_of_ranks_in_every_turn(path):
    shapes = [(5, 6), (), (0,), (2, 3, 4), (1,)] * 4
    tensors = [[torch.rand(shape, dtype=torch.float64) for shape in shapes] for _ in range(3)]
    expected = [a + b + c for a, b, c in zip(*tensors, strict=True)]

    def process(rank: int) -> None:
        memory = SharedMemory(path, rank, 3, 256)
        for tensor in tensors[rank]:
            memory.add(tensor, lambda: None)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(process, range(3)))
    for own in tensors:
        assert all(torch.equal(found, total) for found, total in zip(own, expected, strict=True))


def test_waiting_for_a_process_that_is_gone_is_an_error(path):
    with pytest.raises(GoneError):
        SharedMemory(path, 0, 3, 256).add(torch.ones(2), gone)


def test_no_file_is_left_where_a_process_is_gone(tmp_path, monkeypatch):
    def gather(value: str) -> list[str]:
        assert list(tmp_path.iterdir())
        raise GoneError

    monkeypatch.setattr(_memory, "FOLDER", str(tmp_path))
    with pytest.raises(GoneError):
        share_memory(0, 2, 100, gather)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("rank", [0, 1])
def test_none_is_shared_where_a_process_does_not_find_it(rank, tmp_path, monkeypatch):
    monkeypatch.setattr(_memory, "FOLDER", str(tmp_path))
    other = str(tmp_path / "of another machine")
    assert share_memory(rank, 2, 100, lambda value: [value if rank == 0 else other, False]) is None
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(_memory, "FOLDER", other)
    assert share_memory(0, 2, 100, lambda value: [value, value]) is None
