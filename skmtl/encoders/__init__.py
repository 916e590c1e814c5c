"""Encoders: what turns a row of X into the vector that the network reads."""

from skmtl.encoders._encoder import Encoder
from skmtl.encoders._table import Table, read_table
from skmtl.encoders.tabular import TabularEncoder

__all__ = ["Encoder", "Table", "TabularEncoder", "read_table"]
