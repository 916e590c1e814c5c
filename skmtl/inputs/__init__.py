"""What users pass, read and checked: labels, names of tasks, sample weights, classes and rows."""

from skmtl.inputs._cells import family_of, from_tensor, is_missing, require_comparable
from skmtl.inputs._folds import held_out_rows, label_codes, label_hashes, row_hashes, row_units, take_turns
from skmtl.inputs._labels import Categories, LabelMatrix, read_classes, read_labels
from skmtl.inputs._names import (
    are_names,
    as_mapping,
    as_spelt,
    by_task,
    default_names,
    object_array,
    plain_names,
    require_known,
    require_order,
)
from skmtl.inputs._quantiles import weighted_quantile
from skmtl.inputs._rows import (
    LabelledRows,
    TaskLabels,
    all_labels_by_task,
    as_numbers,
    count_rows,
    labels_by_task,
    read_labelled_rows,
    read_sample_weight,
    require_same_tasks,
    sliceable,
    take_rows,
)
from skmtl.inputs._sparse_labels import labels_from_long, stored_by_column
from skmtl.inputs._splits import RowSplitter, Splits, group_codes
from skmtl.inputs._stored import StoredColumns, cells_of_column, with_values

__all__ = [
    "Categories",
    "LabelMatrix",
    "LabelledRows",
    "RowSplitter",
    "Splits",
    "StoredColumns",
    "TaskLabels",
    "all_labels_by_task",
    "are_names",
    "as_mapping",
    "as_numbers",
    "as_spelt",
    "by_task",
    "cells_of_column",
    "count_rows",
    "default_names",
    "family_of",
    "from_tensor",
    "group_codes",
    "held_out_rows",
    "is_missing",
    "label_codes",
    "label_hashes",
    "labels_by_task",
    "labels_from_long",
    "object_array",
    "plain_names",
    "read_classes",
    "read_labelled_rows",
    "read_labels",
    "read_sample_weight",
    "require_comparable",
    "require_known",
    "require_order",
    "require_same_tasks",
    "row_hashes",
    "row_units",
    "sliceable",
    "stored_by_column",
    "take_rows",
    "take_turns",
    "weighted_quantile",
    "with_values",
]
