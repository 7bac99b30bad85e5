"""Draws a station: instruments on matrix rows, electrodes on columns, and a table of phases.

Relays of one crosspoint are marked where they close: up, down and read each with a shape and a colour of their own.
Conditions of electrodes are told by words, and by colours that colour-blind readers tell apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from instruments.bench.phases import Condition, Phase
from instruments.bench.wiring import Column, MatrixCabling, Source
from instruments.errors import InputError
from labshd.station.schema import BenchFile
from labshd.station.wiring_text import PHASES, TITLES, Cell, phase_table, remarks, setups
from protocols.analysis.common.figure_style import DOWN, ESTIMATE, TRACE, UP

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS: Final = (".svg", ".png", ".pdf")
MOST_COLUMNS: Final = 16  # of the matrix that are drawn; the others are counted
MARKS: Final = {Phase.UP: ("^", UP, -0.22), Phase.DOWN: ("v", DOWN, 0.0), Phase.READ: ("o", ESTIMATE, 0.22)}
FILLS: Final = {
    Condition.DRIVEN: "#F6C9A8",  # lighter relatives of the palette, so that black words stay readable
    Condition.HELD: "#BFE0F3",
    Condition.GROUNDED: "#E3E3E3",
    Condition.FLOATING: "#FFFFFF",
}
LINE: Final = 0.34  # [inch] of one row of the drawing


def save_drawing(file: BenchFile, path: Path) -> Path:
    """Draw a station into `path`; `InputError` for a format that is none of SVG, PNG and PDF."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path}: a drawing is written as {', '.join(FORMATS)}; give the file one of these endings")
    figure = drawing(file)
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise InputError(f"{path}: the drawing cannot be written: {error.strerror or error}") from None
    return path


def drawing(file: BenchFile) -> Figure:
    """The drawing as a figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    first = next(iter(file.crosspoints))
    electrodes, cells = phase_table(file, first)
    matrix = file.bench_wiring().matrix
    rows = len(matrix.rows()) if matrix else 2
    heights = [LINE * (rows + 4.0), LINE * (len(electrodes) + 2.2), LINE * (len(list(remarks(file))) + 0.6)]
    figure = Figure(figsize=(10.0, sum(heights) + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    top, middle, bottom = figure.subplots(3, 1, gridspec_kw={"height_ratios": heights})
    for ax in (top, middle, bottom):
        ax.set_axis_off()
    figure.suptitle(f"{file.name}: {file.wiring.kind}", fontsize=13, color=TRACE)
    if matrix is None:
        _draw_fixed(top, file)
    else:
        _draw_matrix(top, file, matrix, first)
    _draw_phases(middle, first, electrodes, cells)
    _draw_remarks(bottom, file)
    return figure


# -- instruments and matrix ------------------------------------------------------------------------------------------


def _draw_matrix(ax: Axes, file: BenchFile, matrix: MatrixCabling, first: str) -> None:
    rows = matrix.rows()
    labels = _column_labels(matrix)
    columns = list(labels)[:MOST_COLUMNS]
    height = {row: -float(number) for number, row in enumerate(sorted(rows.values()))}
    for source, row in rows.items():
        _instrument(ax, height[row], f"{TITLES[source]}, row {row}", ground=source is Source.GROUND)
        ax.plot([-0.6, len(columns) - 0.4], [height[row]] * 2, color=TRACE, linewidth=1.2, zorder=1)
    bottom = -len(rows) + 0.4
    for number, column in enumerate(columns):
        ax.plot([number, number], [0.55, bottom], color="#999999", linewidth=0.8, zorder=0)
        said = str(column) if len(matrix.slots()) > 1 else str(column.number)
        ax.text(number, bottom - 0.1, said, ha="center", va="top", fontsize=8, color="#666666")
        ax.text(number, 0.65, labels[column], ha="left", va="bottom", fontsize=8, rotation=40, rotation_mode="anchor")
    _relays(ax, file, first, columns, height)
    left_out = len(labels) - len(columns)
    said = "column" if len(matrix.slots()) == 1 else "slot:column"
    ax.text(-0.7, bottom - 0.1, said, ha="right", va="top", fontsize=8, color="#666666")
    if left_out:
        ax.text(len(columns) - 0.3, bottom - 0.1, f"and {left_out} more", ha="left", va="top", fontsize=8)
    ax.set_xlim(-0.45 * max(len(columns), 8), max(len(columns), 8) + 1.5)
    ax.set_ylim(bottom - 0.9, 3.2)


def _column_labels(matrix: MatrixCabling) -> dict[Column, str]:
    """What is on each column, in order; a line that several crosspoints share is named by its own kind."""
    on: dict[Column, list[tuple[str, str]]] = {}
    for name, terminal in matrix.columns:
        on.setdefault(matrix.column(name, terminal), []).append((name, terminal.value))
    labels: dict[Column, str] = {}
    for column in sorted(on):
        names = [name for name, _ in on[column]]
        who = names[0] if len(names) == 1 else f"{names[0]}..{names[-1]}"
        labels[column] = f"{who} {on[column][0][1]}"
    return labels


def _relays(ax: Axes, file: BenchFile, first: str, columns: list[Column], height: dict[str, float]) -> None:
    """Where relays of one crosspoint close, phase by phase."""
    for one in setups(file, first):
        mark, colour, aside = MARKS[one.phase]
        places = [(Column(relay.slot, relay.column), relay.row) for relay in one.relays]
        drawn = [(columns.index(column) + aside, height[row]) for column, row in places if column in columns]
        x, y = zip(*drawn, strict=True) if drawn else ((), ())
        ax.plot(x, y, mark, color=colour, markersize=7, linestyle="none", label=f"{first}: {one.phase}", zorder=3)
    ax.legend(loc="upper left", fontsize=8, frameon=False, ncols=3, borderaxespad=0.0)


def _draw_fixed(ax: Axes, file: BenchFile) -> None:
    """Without a matrix: every electrode with who is cabled to it for good."""
    first = next(iter(file.crosspoints))
    cabled: dict[str, set[Source]] = {}
    for one in setups(file, first):
        for joined in one.terminals:
            own = cabled.setdefault(joined.terminal, set())
            if joined.by is not None:
                own.add(joined.by)
    for number, (electrode, sources) in enumerate(cabled.items()):
        who = " and ".join(TITLES[source] for source in Source if source in sources) or TITLES[Source.GROUND]
        _instrument(ax, -number, who, ground=not sources)
        ax.plot([-0.6, 2.0], [-number] * 2, color=TRACE, linewidth=1.2)
        ax.text(2.15, -number, f"{first} {electrode}", va="center", fontsize=9)
    ax.set_xlim(-4.2, 9)
    ax.set_ylim(-len(cabled) + 0.2, 1.2)


def _instrument(ax: Axes, y: float, title: str, *, ground: bool) -> None:
    style = {"boxstyle": "round,pad=0.28", "facecolor": "#E3E3E3" if ground else "#FFFFFF", "edgecolor": TRACE}
    ax.text(-0.75, y, title, ha="right", va="center", fontsize=9, bbox=style, zorder=2)


# -- phases ------------------------------------------------------------------------------------------------------------


def _draw_phases(ax: Axes, first: str, electrodes: list[str], cells: list[list[Cell]]) -> None:
    table = ax.table(
        cellText=[[_wrapped(cell.words) for cell in row] for row in cells],
        cellColours=[[FILLS[cell.condition] for cell in row] for row in cells],
        rowLabels=electrodes,
        colLabels=[f"{first}: {phase}" for phase in PHASES],
        cellLoc="center",
        loc="upper center",
        bbox=[0.1, 0.0, 0.9, 1.0],  # type: ignore[arg-type] - a list is what it takes
    )
    table.auto_set_font_size(False)
    table.set_fontsize(8.5)
    for (row, _), cell in table.get_celld().items():
        cell.set_edgecolor("#999999")
        if row == 0:
            cell.set_text_props(weight="bold")
    for row, each in enumerate(cells):
        for column, one in enumerate(each):
            if one.condition is Condition.FLOATING:
                table[row + 1, column].set_linestyle("--")


def _wrapped(words: str) -> str:
    """Who does it on a line of its own."""
    return words.replace(" (", "\n(", 1)


def _draw_remarks(ax: Axes, file: BenchFile) -> None:
    ax.text(0.1, 1.0, "\n".join(remarks(file)), va="top", fontsize=9, color=TRACE, transform=ax.transAxes)
