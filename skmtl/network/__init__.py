"""Encoder, shared layers and the fused output layer as one network with a forward and a backward."""

from skmtl.network._network import Architecture, Network

__all__ = ["Architecture", "Network"]
