"""What the package exports: one line a name, for type checkers and for `lazy_exports`."""

from .deviations import (
    Deviation as Deviation,
)
from .files.table_file import (
    TableFile as TableFile,
)
from .preprocess import (
    Matrices as Matrices,
    Preprocessor as Preprocessor,
)
from .reading import (
    Reading as Reading,
    read_by as read_by,
    understand as understand,
)
from .row_sample import (
    row_count as row_count,
    some_rows as some_rows,
)
from .schema import (
    Schema as Schema,
)
from .samples import (
    Sample as Sample,
    sample_path as sample_path,
    SAMPLES as SAMPLES,
)
from .split import (
    Split as Split,
    split_ahead as split_ahead,
    split_rows as split_rows,
)
from .standardizer import (
    Standardizer as Standardizer,
)
from .table_hash import (
    table_hash as table_hash,
)
from .table_writing import (
    csv_text as csv_text,
    write_table as write_table,
)
from .tables import (
    as_table as as_table,
    check_columns as check_columns,
    column_of as column_of,
    read_table as read_table,
    PACKED as PACKED,
    READABLE as READABLE,
    Table as Table,
)
from .target import (
    ClassTarget as ClassTarget,
    RegressionTarget as RegressionTarget,
    Target as Target,
    target_from_document as target_from_document,
    usable_rows as usable_rows,
    Values as Values,
)
from .task_choice import (
    choose_task as choose_task,
    TASK_NAMES as TASK_NAMES,
    TaskChoice as TaskChoice,
)
