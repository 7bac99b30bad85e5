"""Fixtures of tests that import tables: text and workbooks written, taken as a run."""

from __future__ import annotations

import pytest

from labshd.runs.importing import import_table


@pytest.fixture
def write(tmp_path):
    def written(text, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


@pytest.fixture
def workbook(tmp_path):
    def written(sheets, name="table.xlsx"):
        import openpyxl

        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
        book.save(tmp_path / name)
        return tmp_path / name

    return written


@pytest.fixture
def take(tmp_path):
    def taken(path, **said):
        (run,) = import_table(path, runs=tmp_path / "runs", **said)
        return run

    return taken
