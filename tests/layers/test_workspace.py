"""Masks of dropout."""

import pytest
import torch

from skmtl.layers import Workspace

RATES = torch.tensor([0.0, 0.3, 0.999999], dtype=torch.float64)
CELLS = (5, 401)  # rows and width, no multiple of four cells


def masks(members, dtype=torch.float64, **options):
    """Masks of two copies for each of some members, each from its own stream."""
    generators = [torch.Generator().manual_seed(k) for k in members]
    rate, like = RATES[members].to(dtype), torch.zeros((), dtype=dtype)
    return Workspace(generators=generators).keep_mask("m", (2 * len(members), *CELLS), rate, like, **options)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cells_are_dropped_at_the_rate_of_the_member_and_keep_their_mean(dtype):
    none, some, most = masks([0, 1, 2], dtype).unflatten(0, (3, 2)).double()
    assert (none == 1).all()
    assert (some == 0).double().mean() == pytest.approx(0.3, abs=0.03)
    torch.testing.assert_close(some[some > 0].unique(), torch.tensor([1 / 0.7]).double(), rtol=1e-4, atol=0)
    assert some.mean() == pytest.approx(1, abs=0.05)
    assert most.isfinite().all()


def test_members_draw_what_they_would_alone():
    together = masks([0, 1], drops=[False, True])
    torch.testing.assert_close(together[2:], masks([1]), rtol=0, atol=0)
    assert (together[:2] == 1).all()


def test_neighbouring_cells_steps_and_copies_are_independent():
    generators = [torch.Generator().manual_seed(0)]
    workspace, like = Workspace(reuse=True, generators=generators), torch.zeros(())
    draws = [workspace.keep_mask("m", (2, 64, 64), torch.tensor([0.5]), like).clone().flatten() > 0 for _ in range(2)]
    pairs = [(draws[0], draws[1]), *((draws[0][:-k], draws[0][k:]) for k in (1, 2, 3, 4, 4096))]
    for one, other in pairs:
        assert (one == other).double().mean() == pytest.approx(0.5, abs=0.03)
