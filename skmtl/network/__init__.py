"""Encoder, shared layers and the fused output layer as one network with a forward and a backward."""

from skmtl.layers import ACTIVATIONS, Scratch
from skmtl.network._network import Architecture, Network

__all__ = ["ACTIVATIONS", "Architecture", "Network", "Scratch"]
