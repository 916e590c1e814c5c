"""Encoders: how rows of X become the vectors that the network reads."""

from skmtl.encoders._encoder import Encoder, dense
from skmtl.encoders._extractor import Extractor
from skmtl.encoders._table import Table, read_table
from skmtl.encoders.convolution import ConvolutionEncoder
from skmtl.encoders.module import ModuleEncoder
from skmtl.encoders.sequence import SequenceEncoder
from skmtl.encoders.tabular import TabularEncoder
from skmtl.encoders.text import TokenSequencer

ENCODERS: dict[str, type[Encoder]] = {
    "auto": TabularEncoder,
    "tabular": TabularEncoder,
    "convolution": ConvolutionEncoder,
    "sequence": SequenceEncoder,
}

__all__ = [
    "ENCODERS",
    "ConvolutionEncoder",
    "Encoder",
    "Extractor",
    "ModuleEncoder",
    "SequenceEncoder",
    "Table",
    "TabularEncoder",
    "TokenSequencer",
    "dense",
    "read_table",
]
