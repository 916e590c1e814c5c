"""Rows a second of which xgboost makes an ``ExtMemQuantileDMatrix``; run by an interpreter that has xgboost."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any


def main(path: str) -> float:
    """Read a Parquet file a row group at a time, as its documentation shows."""
    import xgboost
    from pyarrow import parquet

    file = parquet.ParquetFile(path)
    names = file.schema_arrow.names
    targets = [name for name in names if name.startswith("y")]
    features = [name for name in names if name not in targets]

    class Groups(xgboost.DataIter):  # type: ignore[misc]
        def __init__(self, folder: str) -> None:
            self.group = 0
            super().__init__(cache_prefix=str(Path(folder) / "cache"))

        def next(self, input_data: Any) -> bool:
            if self.group == file.num_row_groups:
                return False
            frame = file.read_row_group(self.group).to_pandas()
            input_data(data=frame[features].to_numpy(), label=frame[targets].to_numpy())
            self.group += 1
            return True

        def reset(self) -> None:
            self.group = 0

    with tempfile.TemporaryDirectory() as folder:
        started = perf_counter()
        matrix = xgboost.ExtMemQuantileDMatrix(Groups(folder), nthread=2)
        seconds = perf_counter() - started
        del matrix  # before its cache
    return file.metadata.num_rows / seconds


if __name__ == "__main__":
    sys.stdout.write(str(main(sys.argv[1])))
