"""Groups that are made anew after a restart."""

import pytest
import torch.distributed as dist

from skmtl.processes._distributed import _make_default_group


def test_a_restart_does_not_read_addresses_of_the_attempt_before(monkeypatch: pytest.MonkeyPatch) -> None:
    store, made = dist.HashStore(), []
    monkeypatch.setattr(dist, "rendezvous", lambda url: iter([(store, 1, 2)]))
    monkeypatch.setattr(dist, "init_process_group", lambda **given: made.append(given))
    for attempt in ("0", "1"):
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", attempt)
        _make_default_group()
    first, second = made
    first["store"].set("address", "old")
    assert first["store"].check(["address"])
    assert not second["store"].check(["address"])
    assert (second["rank"], second["world_size"]) == (1, 2)
