"""SQL over run folders: the table of runs and their readings, in a database in memory."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from instruments.errors import InputError
from instruments.whole_files import is_plain_file
from labshd.common.toml_file import nearest
from labshd.runs.files import points_columns, points_name
from labshd.runs.run import Run

if TYPE_CHECKING:
    import pandas as pd
    from duckdb import DuckDBPyConnection

_DOTTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\b(?:result|settings|campaign)(?:\.\w+)+")


def ids_where(made: pd.DataFrame, condition: str) -> set[str]:
    """Ids of the rows for which a condition in SQL holds."""
    with _connection(made) as connection:
        _shut(connection)
        asked = f"SELECT id FROM runs WHERE ({_quoted(condition)}\n)"
        return {str(row[0]) for row in _asked(connection, asked, made, condition).fetchall()}


def asked(sql: str, made: pd.DataFrame, found: Sequence[Run]) -> pd.DataFrame:
    """What SQL makes of the table `made` of the runs `found` ("runs"), and of their readings ("points")."""
    import pandas as pd

    with _connection(made) as connection:
        if re.search(r"\bpoints\b", sql, re.IGNORECASE):
            _add_points(connection, found)
        _shut(connection)
        answer = _asked(connection, _quoted(sql), made, sql)
        columns = cast("dict[str, NDArray[Any]]", answer.fetchnumpy() if answer.description else {})
    return pd.DataFrame({name: _filled(of) for name, of in columns.items()})


def _filled(column: NDArray[Any]) -> NDArray[Any]:
    """A column with NaN (numbers), NaT (times) or None where it has no value; whole numbers become floats for that."""
    missing = np.ma.getmaskarray(column)
    if not missing.any():
        return np.ma.getdata(column)
    kind = column.dtype.kind
    plain = np.ma.getdata(column).astype(np.float64 if kind in "iu" else object if kind == "b" else column.dtype)
    plain[missing] = None if plain.dtype.kind == "O" else np.datetime64("NaT") if kind == "M" else np.nan
    return plain


def _quoted(sql: str) -> str:
    """SQL in which names such as ``result.std_S`` are columns; what stands in quotes is left as it is."""
    return _DOTTED.sub(lambda m: m[0] if m[0][0] in "'\"" else f'"{m[0]}"', sql)


def _connection(made: pd.DataFrame) -> DuckDBPyConnection:
    """A database in memory that holds the table `runs`; it loads no extension."""
    import duckdb

    connection = duckdb.connect(":memory:")
    connection.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
    # pandas' columns of text differ between versions; Python objects are the same in all
    texts = {name: made[name].astype(object) for name in made if not _is_number(made[name])}
    connection.register("runs", made.assign(**{str(name): of.where(of.notna(), None) for name, of in texts.items()}))
    return connection


def _shut(connection: DuckDBPyConnection) -> None:
    """From here on it reads no file and writes none, whatever it is asked, and that cannot be changed."""
    connection.execute("SET enable_external_access = false; SET lock_configuration = true")


def _is_number(column: pd.Series[Any]) -> bool:
    return column.dtype.kind in "iufbM"


def _asked(connection: DuckDBPyConnection, sql: str, made: pd.DataFrame, said: str) -> DuckDBPyConnection:
    import duckdb

    try:
        return connection.execute(sql)
    except duckdb.BinderException as error:
        missing = re.search(r'[Cc]olumn "?([\w.]+)"?', str(error))
        known = [str(name) for name in made.columns]
        hint = nearest(missing[1], known) if missing else ""
        raise InputError(f"{said!r}: {_first_line(error)}{hint}") from None
    except duckdb.Error as error:
        raise InputError(f"{said!r} is not understood: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0].strip()


def _add_points(connection: DuckDBPyConnection, found: Sequence[Run]) -> None:
    """The table `points` from the files of runs; files of one unit of conductance are read as one table."""
    import duckdb

    parts: list[str] = []
    for number, unit in enumerate(sorted({run.unit for run in found})):
        files = {
            run.folder / points_name(array): (run.id, array)
            for run in found
            if run.unit == unit
            for array in run.arrays
            if is_plain_file(run.folder / points_name(array))
        }
        if files:
            parts.append(_points_of(connection, f"files_{number}", unit, files))
    columns = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in _POINT_TYPES.items() if name != "conductance")
    empty = f'SELECT NULL::VARCHAR AS run, NULL::VARCHAR AS "array", {columns} WHERE false'
    try:
        connection.execute("CREATE TABLE points AS " + " UNION ALL BY NAME ".join(parts or [empty]))
    except duckdb.Error as error:
        raise InputError(
            f"the readings of these runs cannot be read: {_first_line(error)}; were they edited by hand? "
            "`labshd runs` names the folders; say which runs with --where"
        ) from None


_POINT_TYPES = {
    "reading": "BIGINT", "time_s": "DOUBLE", "phase": "VARCHAR", "row": "INTEGER", "column": "INTEGER",
    "pulses": "BIGINT", "pulse_voltage_V": "DOUBLE", "pulse_width_s": "DOUBLE", "conductance": "DOUBLE",
    "voltage_V": "DOUBLE", "current_A": "DOUBLE", "status": "UTINYINT",
}  # fmt: skip


def _points_of(connection: DuckDBPyConnection, table: str, unit: str, files: Mapping[Path, tuple[str, str]]) -> str:
    """A query that reads `files`; a last row that is half written is left out."""
    import pandas as pd

    known = pd.DataFrame([(str(path), *of) for path, of in files.items()], columns=["file", "run", "array"])
    connection.register(table, known.astype(object))
    types = ", ".join(f"{_literal(name)}: '{_POINT_TYPES.get(name, 'DOUBLE')}'" for name in points_columns(unit))
    listed = ", ".join(_literal(str(path)) for path in files)
    read = (
        f"read_csv([{listed}], header = true, delim = ',', quote = '\"', escape = '\"', auto_detect = false, "
        f"columns = {{{types}}}, filename = 'file', ignore_errors = true)"
    )
    return f'SELECT f.run, f."array", p.* EXCLUDE (file) FROM {read} AS p JOIN {table} AS f USING (file)'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
