"""Groups of processes learn what one process learns."""

import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
GROUPS = ["laws:1", "laws:3", "both:4", "failures:3", "killed:3", "killed:3:data"]
GROUPS += 3 * ["going_on:2"] + 3 * ["going_on:2:data"]
CASES = ["members", "tried", "slices", "slices of blocks", "slices of stored", "tasks", "callback", "seeded search"]
CASES += ["blocks", "stored", "tasks of stored"]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="groups are forked")
Found = dict[str, list[list[Any]]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Results by group, turn and rank; None of a process that was killed. All share the imports of one process."""
    folder = tmp_path_factory.mktemp("groups")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(Path(__file__).with_name("_ranks.py")), str(folder), *GROUPS]
    subprocess.run(command, env=environment, timeout=900, check=True)
    results: Found = {}
    for turn, group in enumerate(GROUPS):
        files = [folder / f"{turn}-{rank}.pickle" for rank in range(int(group.split(":")[1]))]
        of_ranks = [pickle.loads(file.read_bytes()) if file.exists() else None for file in files]
        results.setdefault(group, []).append(of_ranks)
    return results


def assert_alike(group: dict[str, np.ndarray], alone: dict[str, np.ndarray]) -> None:
    assert group.keys() == alone.keys()
    for key, value in alone.items():
        np.testing.assert_allclose(group[key], value, rtol=1e-10, atol=1e-10, err_msg=key)


def assert_equal(own: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert own.keys() == other.keys()
    for key, value in other.items():
        np.testing.assert_array_equal(own[key], value, err_msg=key)


def test_all_processes_have_the_same_bits(found: Found) -> None:
    (ranks,) = found["laws:3"]
    for rank in (1, 2):
        for case, values in ranks[0].items():
            assert_equal(ranks[rank][case], values)


@pytest.mark.parametrize("case", CASES)
def test_a_group_learns_what_one_process_learns(found: Found, case: str) -> None:
    assert_alike(found["laws:3"][0][0][case], found["laws:1"][0][0][case])


@pytest.mark.parametrize("case", ["members", "tasks", "seeded search"])
def test_members_and_rows_or_tasks_are_divided_at_once(found: Found, case: str) -> None:
    for own in found["both:4"][0]:
        assert_alike(own[case], found["laws:1"][0][0][case])


def test_what_tasks_cannot_be_divided_for_is_named(found: Found) -> None:
    for own in found["failures:3"][0]:
        assert own["tasks"].startswith("ValueError: skmtl.distributed(tasks=3) cannot divide a fit with balancing=DWA")
        assert "2 tasks, which are less than tasks=3" in own["few tasks"]
        assert "the stored cells of 20 tasks, of which a part takes at least 7; set fewer parts" in own["narrow"]
        assert own["blocks"].startswith("ValueError: skmtl.distributed(tasks=3) takes all rows in memory")
        assert own["diverged"].startswith("DivergenceError: ")
        assert own["diverged"] == found["failures:3"][0][0]["diverged"]


def test_errors_of_all_processes_leave_the_group_alive(found: Found) -> None:
    for own in found["failures:3"][0]:
        assert own["all"].startswith("ValueError: hidden_layer_sizes must be positive")
        assert own["gramian"].startswith("ValueError: Processes cannot divide the rows of batches")
        assert "PCGrad, which needs the Gramian" in own["gramian"]
        assert own["numbers"].startswith("ValueError: data of distributed must be an integer of at least 1; got True")
        assert own["jobs"].startswith("ValueError: n_jobs must be None or 1 in a group")


def test_an_interrupt_of_one_process_ends_the_epoch_of_all(found: Found) -> None:
    assert [own["interrupted"] for own in found["failures:3"][0]] == [3, 3, 3]


def test_an_error_of_one_process_is_told_to_the_others(found: Found) -> None:
    (ranks,) = found["failures:3"]
    assert ranks[1]["bad"].startswith("ValueError: ")
    for rank in (0, 2):
        assert ranks[rank]["bad"].startswith("DistributedError: ")
        assert f"rank 1 of 3 has failed: {ranks[1]['bad']}" in ranks[rank]["bad"]
        assert ranks[rank]["after"].startswith(f"DistributedError: Rank {rank} has left its group")


def test_processes_hear_of_the_error_of_one_that_fails_between_sums(found: Found) -> None:
    errors = {"failed": "OSError: the disk is full: .+", "member": "OSError: the disk is full"}
    errors |= {"callback": "SystemExit: ends", "bad block": "ValueError: the file ends here"}
    (ranks,) = found["failures:3"]
    for case, error in errors.items():
        assert re.match(error, ranks[1][case])
        for rank in (0, 2):
            told = rf"DistributedError: (In epoch \d+: )?Rank {rank} of 3 ends, as rank 1 has failed: {error}$"
            assert re.match(told, ranks[rank][case])


def test_a_callback_of_one_process_stops_all_that_share_its_batches(found: Found) -> None:
    assert [own["stopped"] for own in found["failures:3"][0]] == [2, 2, 2]


def test_tasks_are_divided_under_the_same_callbacks_only(found: Found) -> None:
    for own in found["failures:3"][0]:
        assert own["other callbacks"].startswith("DistributedError: Callbacks are set in some of 3 processes")


@pytest.mark.parametrize("case", ["fewer rows", "other order", "other rate", "other blend"])
def test_processes_with_other_rows_or_parameters_are_named(found: Found, case: str) -> None:
    for own in found["failures:3"][0]:
        assert own[case].startswith("DistributedError: Rank 2 of 3 was given other data")


@pytest.mark.parametrize("axis", ["", ":data"])
def test_a_killed_process_ends_the_others(found: Found, axis: str) -> None:
    (ranks,) = found[f"killed:3{axis}"]
    assert ranks[2] is None
    for rank in (0, 1):
        assert re.match(rf"DistributedError: (In epoch \d+: )?Rank {rank} of 3 has lost", ranks[rank]["error"])


@pytest.mark.parametrize("axis", ["", ":data"])
def test_a_group_goes_on_from_checkpoints_with_the_same_bits(found: Found, axis: str) -> None:
    killed, resumed, undisturbed = found[f"going_on:2{axis}"]
    assert killed == [{}, None]
    for own, other in zip(resumed, undisturbed, strict=True):
        assert own.pop("epochs begun") < other.pop("epochs begun")
        assert_equal(own, other)
