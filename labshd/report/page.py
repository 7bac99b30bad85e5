"""One self-contained HTML page: text, facts, tables, figures and files in sections; loads nothing from outside."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from instruments.errors import InputError
from instruments.whole_files import written_whole
from labshd.common.provenance import now, versions

if TYPE_CHECKING:
    from jinja2 import Template
    from matplotlib.figure import Figure

_SMALL = 5_000
"""Points of a figure above which marks and lines are drawn as an image inside the SVG: axes and text stay sharp."""


@dataclass
class Section:
    """A heading and what stands below it, in the order in which it was added; methods give the section again."""

    heading: str
    parts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def text(self, *paragraphs: str) -> Self:
        """Paragraphs of plain text."""
        self.parts += [{"kind": "text", "text": paragraph} for paragraph in paragraphs if paragraph]
        return self

    def notice(self, text: str, tone: str = "warning") -> Self:
        """A sentence that must not be missed; `tone` "good", "warning" or "bad"."""
        self.parts.append({"kind": "notice", "text": text, "tone": tone})
        return self

    def facts(self, facts: Mapping[str, object] | Iterable[tuple[str, object]]) -> Self:
        """Names and values below each other; empty values are left out."""
        pairs: Iterable[tuple[str, object]] = (
            cast("Mapping[str, object]", facts).items() if isinstance(facts, Mapping) else facts
        )
        shown = [(str(name), str(value)) for name, value in pairs if value not in (None, "")]
        if shown:
            self.parts.append({"kind": "facts", "facts": shown})
        return self

    def folded(self, summary: str, facts: Iterable[tuple[str, str]]) -> Self:
        """Names and values that open on a click."""
        shown = [(name, value) for name, value in facts if value]
        if shown:
            self.parts.append({"kind": "folded", "summary": summary, "facts": shown})
        return self

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> Self:
        """A table."""
        cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
        self.parts.append({"kind": "table", "columns": list(columns), "rows": cells, "caption": caption})
        return self

    def figure(self, figure: Figure, caption: str, *, kind: str = "svg") -> Self:
        """A matplotlib figure with its caption, which is also read aloud; as "svg" or, for pictures, "png"."""
        self.parts.append({"kind": "figure", "source": data_uri(figure, kind), "caption": caption})
        return self

    def file(self, summary: str, content: str) -> Self:
        """A text, such as a station file, that opens on a click."""
        self.parts.append({"kind": "file", "summary": summary, "content": content})
        return self


@dataclass
class Page:
    """A report: a title, a line below it, and sections."""

    title: str
    subtitle: str = ""
    badge: str = ""  # "finished", "interrupted", ...: how it ended, beside the title
    sections: list[Section] = field(default_factory=list[Section])

    def section(self, heading: str, *paragraphs: str) -> Section:
        """Begin a section."""
        begun = Section(heading).text(*paragraphs)
        self.sections.append(begun)
        return begun

    def html(self) -> str:
        """The page as HTML. Whatever text it holds is escaped."""
        filled = [section for section in self.sections if section.parts]
        made = f"labshd {versions()['labshd']}, {now():%Y-%m-%d %H:%M} UTC"
        return _template().render(page=self, sections=filled, made=made)

    def write(self, path: Path) -> Path:
        """Write the page; `InputError` where that is not possible."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(path) as passing:
                passing.write_text(self.html(), encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"cannot write {path}: {error.strerror or error}; choose another place with --out FILE"
            ) from None
        return path


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    source = resources.files("labshd.report").joinpath("page.html").read_text(encoding="utf-8")
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
        source
    )


def data_uri(figure: Figure, kind: str = "svg") -> str:
    """The figure as the address of an image that holds it all; the same figure gives the same text."""
    import matplotlib as mpl

    if kind not in ("svg", "png"):
        raise InputError(f"a figure is shown as svg or png, not {kind!r}")
    _thin_out(figure)
    buffer = io.BytesIO()
    plain = {"Date": None} if kind == "svg" else {"Software": None}
    with mpl.rc_context({"svg.hashsalt": "labshd"}):
        figure.savefig(buffer, format=kind, dpi=160, metadata=plain)
    mime = "image/svg+xml" if kind == "svg" else "image/png"
    return f"data:{mime};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _thin_out(figure: Figure) -> None:
    """Draw marks of very long series as an image inside the SVG, so that a page stays a few hundred kilobytes."""
    for axes in figure.axes:
        for line in axes.lines:
            line.set_rasterized(len(line.get_xdata()) > _SMALL)  # type: ignore[arg-type]
        for marks in axes.collections:
            marks.set_rasterized(len(marks.get_offsets()) > _SMALL)  # type: ignore[arg-type]
