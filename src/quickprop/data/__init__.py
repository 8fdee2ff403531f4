"""Files and frames to matrices.

Names are loaded when they are first used: who needs no table is spared the package that reads them.
"""

from typing import TYPE_CHECKING

from quickprop.config import on_demand

_HOMES = {
    "quickprop.foundation.atomic_file": ("replace_file",),
    "quickprop.data.preprocess": ("Matrices", "Preprocessor"),
    "quickprop.data.samples": ("SAMPLES", "Sample", "sample_path"),
    "quickprop.data.split": ("Split", "split_rows"),
    "quickprop.data.tables": (
        "READABLE",
        "Table",
        "as_table",
        "check_columns",
        "column_of",
        "csv_text",
        "read_table",
        "table_hash",
        "write_table",
    ),
    "quickprop.data.target": (
        "ClassTarget",
        "RegressionTarget",
        "Target",
        "fit_target",
        "target_from_document",
        "usable_rows",
    ),
    "quickprop.data.task": ("TASKS", "Task", "choose_task"),
}

__all__ = sorted(name for names in _HOMES.values() for name in names)

__getattr__ = on_demand(__name__, _HOMES)

# What type checkers and editors see; a test compares it with the table above.
if TYPE_CHECKING:
    from quickprop.data.preprocess import Matrices as Matrices
    from quickprop.data.preprocess import Preprocessor as Preprocessor
    from quickprop.data.samples import SAMPLES as SAMPLES
    from quickprop.data.samples import Sample as Sample
    from quickprop.data.samples import sample_path as sample_path
    from quickprop.data.split import Split as Split
    from quickprop.data.split import split_rows as split_rows
    from quickprop.data.tables import READABLE as READABLE
    from quickprop.data.tables import Table as Table
    from quickprop.data.tables import as_table as as_table
    from quickprop.data.tables import check_columns as check_columns
    from quickprop.data.tables import column_of as column_of
    from quickprop.data.tables import csv_text as csv_text
    from quickprop.data.tables import read_table as read_table
    from quickprop.data.tables import table_hash as table_hash
    from quickprop.data.tables import write_table as write_table
    from quickprop.data.target import ClassTarget as ClassTarget
    from quickprop.data.target import RegressionTarget as RegressionTarget
    from quickprop.data.target import Target as Target
    from quickprop.data.target import fit_target as fit_target
    from quickprop.data.target import target_from_document as target_from_document
    from quickprop.data.target import usable_rows as usable_rows
    from quickprop.data.task import TASKS as TASKS
    from quickprop.data.task import Task as Task
    from quickprop.data.task import choose_task as choose_task
    from quickprop.foundation.atomic_file import replace_file as replace_file
