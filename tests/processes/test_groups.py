"""Groups of processes learn what one process learns."""

import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="groups are forked")


def run_ranks(sizes: str, name: str, folder: Path, *options: str) -> None:
    """Run a function of ``_ranks`` in groups of these sizes; every process leaves its result, and none stays."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(Path(__file__).with_name("_ranks.py")), sizes, name, str(folder), *options]
    subprocess.run(command, cwd=ROOT, env=environment, timeout=300, check=True, start_new_session=True)


def result(folder: Path, turn: int, rank: int) -> Any:
    """What a process of a group has left."""
    return pickle.loads((folder / f"{turn}-{rank}.pickle").read_bytes())


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[dict[str, dict[str, np.ndarray]]]]:
    """Results of all laws by number of processes and rank."""
    folder = tmp_path_factory.mktemp("groups")
    run_ranks("1,2,3,4", "laws", folder)
    return {size: [result(folder, size - 1, rank) for rank in range(size)] for size in (1, 2, 3, 4)}


Found = dict[int, list[dict[str, dict[str, np.ndarray]]]]


def test_all_processes_have_the_same_bits(found: Found) -> None:
    for size in (2, 3, 4):
        for rank in range(1, size):
            for case, values in found[size][0].items():
                for key, value in values.items():
                    np.testing.assert_array_equal(found[size][rank][case][key], value, err_msg=f"{case} {key}")


@pytest.mark.parametrize("case", ["members", "tried", "slices", "seeded search"])
@pytest.mark.parametrize("size", [2, 3, 4])
def test_a_group_learns_what_one_process_learns(found: Found, size: int, case: str) -> None:
    alone, group = found[1][0][case], found[size][0][case]
    assert alone.keys() == group.keys()
    for key, value in alone.items():
        np.testing.assert_allclose(group[key], value, rtol=1e-10, atol=1e-10, err_msg=key)


def test_members_and_rows_are_divided_at_once(found: Found) -> None:
    for key, value in found[1][0]["members"].items():
        np.testing.assert_allclose(found[4][0]["both"][key], value, rtol=1e-10, atol=1e-10, err_msg=key)


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Errors by rank."""
    folder = tmp_path_factory.mktemp("failures")
    run_ranks("3", "failures", folder)
    return [result(folder, 0, rank) for rank in range(3)]


def test_errors_of_all_processes_leave_the_group_alive(failures: list[dict[str, Any]]) -> None:
    for rank in range(3):
        assert failures[rank]["all"].startswith("ValueError: hidden_layer_sizes must be positive")
        assert failures[rank]["gramian"].startswith("ValueError: Processes cannot divide the rows of batches")
        assert "PCGrad, which needs the Gramian" in failures[rank]["gramian"]
        assert failures[rank]["jobs"].startswith("ValueError: n_jobs must be None or 1 in a group")


def test_an_interrupt_of_one_process_ends_the_epoch_of_all(failures: list[dict[str, Any]]) -> None:
    assert [found["interrupted"] for found in failures] == [3, 3, 3]


def test_an_error_of_one_process_is_told_to_the_others(failures: list[dict[str, Any]]) -> None:
    assert failures[1]["bad"].startswith("ValueError: ")
    for rank in (0, 2):
        assert failures[rank]["bad"].startswith("DistributedError: ")
        assert f"rank 1 of 3 has failed: {failures[1]['bad']}" in failures[rank]["bad"]
        assert failures[rank]["after"].startswith(f"DistributedError: Rank {rank} has left its group")


def test_processes_with_other_rows_are_named(failures: list[dict[str, Any]]) -> None:
    for found in failures:
        assert found["other rows"].startswith("DistributedError: Rank 2 of 3 was given other data")


@pytest.mark.parametrize("axis", ["members", "data"])
def test_a_killed_process_ends_the_others(tmp_path: Path, axis: str) -> None:
    started = monotonic()
    run_ranks("3", "killed", tmp_path, axis)
    assert monotonic() - started < 60
    assert not (tmp_path / "0-2.pickle").exists()
    for rank in (0, 1):
        assert re.match(
            rf"DistributedError: In epoch \d+: Rank {rank} of 3 has lost rank 2", result(tmp_path, 0, rank)["error"]
        )


@pytest.mark.parametrize("axis", ["members", "data"])
def test_a_group_goes_on_from_checkpoints_with_the_same_bits(tmp_path: Path, axis: str) -> None:
    run_ranks("2,2,2", "going_on", tmp_path, axis)
    assert result(tmp_path, 0, 0) == {}
    for rank in range(2):
        resumed, undisturbed = result(tmp_path, 1, rank), result(tmp_path, 2, rank)
        assert resumed.pop("epochs begun") < undisturbed.pop("epochs begun")
        for key, value in undisturbed.items():
            np.testing.assert_array_equal(resumed[key], value, err_msg=key)
