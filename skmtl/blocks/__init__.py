"""Rows beyond memory: read in blocks, surveyed once, shuffled in buffers."""

from skmtl.blocks._arrow import ArrowBlocks
from skmtl.blocks._blocks import ArrayBlocks, Block, Blocks, SequenceBlocks
from skmtl.blocks._rows import join_rows
from skmtl.blocks._source import Source, as_source
from skmtl.blocks._streamed import StreamedData
from skmtl.blocks._survey import RowReader, Survey

__all__ = [
    "ArrayBlocks",
    "ArrowBlocks",
    "Block",
    "Blocks",
    "RowReader",
    "SequenceBlocks",
    "Source",
    "StreamedData",
    "Survey",
    "as_source",
    "join_rows",
]
