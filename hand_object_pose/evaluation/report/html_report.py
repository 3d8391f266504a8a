"""One self-contained HTML file that shows what happened: tables, charts, curves, pictures, meshes to turn."""

import base64
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hand_object_pose.errors import UserError
from hand_object_pose.evaluation.report.figures import (
    Chart,
    Curve,
    Figure,
    MeshView,
    chart_figure,
    curves_figure,
    views_figure,
)

# Browsers obey this: whatever the file holds, nothing is fetched from anywhere and nothing is sent.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; worker-src blob:; base-uri 'none'; form-action 'none'"
)
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; } td, th { padding: .25rem .8rem; border-bottom: 1px solid #ddd; text-align: right; }
td:first-child, th:first-child, .words { text-align: left; }
figure { display: inline-block; margin: .5rem; } figcaption { font-size: 13px; color: #555; }
figure img { max-width: calc(50% - 4px); } figure img:only-of-type, figure img.wide { max-width: 100%; }
.charts { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); }
@media (max-width: 50rem) { .charts { grid-template-columns: minmax(0, 1fr); } }
footer { margin-top: 3rem; font-size: 13px; color: #555; }
"""
_NUMBER = re.compile(r"-?\d+(\.\d+)?( ?%| s)?")
_LICENCE = "Diagrams are drawn by plotly.js (MIT licence), a part of this file; nothing is loaded from elsewhere."


@dataclass(frozen=True)
class Table:
    """A titled table; the first column holds names."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """JPEG files side by side, ``wide`` ones below each other under them, and what they show."""

    jpegs: Sequence[bytes]
    caption: str
    wide: Sequence[bytes] = ()


def write_report(
    path: Path,
    title: str,
    notes: Sequence[str],
    tables: Sequence[Table],
    curves: Sequence[Curve],
    pictures: Sequence[Picture],
    views: Sequence[MeshView],
    charts: Sequence[Chart] = (),
    about_pictures: str = "",
) -> None:
    """Write the report, the same for the same contents.

    ``notes`` are sentences under the title, ``about_pictures`` is one above the pictures.

    Raises:
        UserError: if Plotly is not installed.
    """
    diagrams = _Diagrams()
    body = [f"<h1>{html.escape(title)}</h1>", *(f"<p>{html.escape(note)}</p>" for note in notes)]
    body += [_table_html(table) for table in tables]
    if charts:
        body += ["<div class='charts'>", *(diagrams.html(chart_figure(chart)) for chart in charts), "</div>"]
    if curves:
        body += ["<h2>Over time</h2>", diagrams.html(curves_figure(curves))]
    if views:
        body += ["<h2>Meshes to turn</h2>", _views_note(views), diagrams.html(views_figure(views))]
    if pictures:
        body += ["<h2>Frames</h2>", f"<p>{html.escape(about_pictures)}</p>"]
        body += [_picture_html(picture) for picture in pictures]
    if diagrams.count:
        body.append(f"<footer>{_LICENCE}</footer>")
    head = "<meta charset='utf-8'>" + f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    head += f"<title>{html.escape(title)}</title><style>{_STYLE}</style>"
    path.parent.mkdir(parents=True, exist_ok=True)
    page = f"<!doctype html><html lang='en'><head>{head}</head><body>{''.join(body)}</body></html>"
    path.write_text(page, encoding="utf-8")


class _Diagrams:
    """Numbers the diagrams of a page; the library goes into the file once, with the first of them."""

    def __init__(self) -> None:
        self.count = 0

    def html(self, figure: Figure) -> str:
        name, include = f"diagram-{self.count}", self.count == 0
        self.count += 1
        # Some versions offer to send a diagram to a server of the library's makers.
        config = {"displaylogo": False, "modeBarButtonsToRemove": ["sendChartToCloud"], "plotlyServerURL": ""}
        return _plotly().to_html(figure, config, full_html=False, include_plotlyjs=include, div_id=name)


def _plotly() -> Any:
    try:
        import plotly.io
    except ImportError as error:
        raise UserError("reports need Plotly: pip install 'hand_object_pose[report]'") from error
    return plotly.io


def _table_html(table: Table) -> str:
    lines = ["".join(map(_cell_html, row)) for row in table.rows]
    header = "".join(f"<th>{html.escape(column)}</th>" for column in table.columns)
    rows = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<h2>{html.escape(table.title)}</h2><table><tr>{header}</tr>{rows}</table>"


def _cell_html(cell: str) -> str:
    """Numbers stand below each other at the right, words begin at the left."""
    kind = "" if _NUMBER.fullmatch(cell) else " class='words'"
    return f"<td{kind}>{html.escape(cell)}</td>"


def _picture_html(picture: Picture) -> str:
    caption = html.escape(picture.caption)
    files = [(jpeg, "") for jpeg in picture.jpegs] + [(jpeg, " class='wide'") for jpeg in picture.wide]
    images = " ".join(
        f"<img{kind} src='data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}' alt='{caption}'>"
        for jpeg, kind in files
    )
    return f"<figure>{images}<figcaption>{caption}</figcaption></figure>"


def _views_note(views: Sequence[MeshView]) -> str:
    if len(views) == 1:
        return f"<p>{html.escape(views[0].caption)}; click a name to hide it.</p>"
    return "<p>Choose a frame from the menu, drag to turn, click a name to hide it.</p>"
