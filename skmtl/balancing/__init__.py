"""How much each task counts in a step: one file a method."""

from skmtl.balancing._balancer import Balancer, Seen
from skmtl.balancing.static import Static, geometric

BALANCERS: dict[str, type[Balancer]] = {"static": Static}

__all__ = ["BALANCERS", "Balancer", "Seen", "Static", "geometric"]
