"""Files and frames to matrices."""

from quickprop.data.atomic_file import replace_file
from quickprop.data.preprocess import Matrices, Preprocessor
from quickprop.data.samples import SAMPLES, Sample, sample_path
from quickprop.data.split import Split, split_rows
from quickprop.data.tables import (
    READABLE,
    column_of,
    csv_text,
    read_table,
    table_hash,
    write_table,
)
from quickprop.data.target import (
    ClassTarget,
    RegressionTarget,
    Target,
    fit_target,
    target_from_document,
    usable_rows,
)
from quickprop.data.task import TASKS, Task, choose_task

__all__ = [
    "READABLE",
    "SAMPLES",
    "TASKS",
    "ClassTarget",
    "Matrices",
    "Preprocessor",
    "RegressionTarget",
    "Sample",
    "Split",
    "Target",
    "Task",
    "choose_task",
    "column_of",
    "csv_text",
    "fit_target",
    "read_table",
    "replace_file",
    "sample_path",
    "split_rows",
    "table_hash",
    "target_from_document",
    "usable_rows",
    "write_table",
]
