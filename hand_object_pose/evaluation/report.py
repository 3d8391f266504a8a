"""One self-contained HTML file that shows what happened: a table, curves over time, pictures, a mesh view to turn."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.meshes import TriangleMesh

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; } td, th { padding: .25rem .8rem; border-bottom: 1px solid #ddd; text-align: right; }
td:first-child, th:first-child { text-align: left; }
figure { display: inline-block; margin: .5rem; } figcaption { font-size: 13px; color: #555; max-width: 30rem; }
"""
_JPEG_QUALITY = 85


@dataclass(frozen=True)
class Table:
    """A titled table; the first column holds names."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """An image (H, W, 3), uint8 RGB, and what it shows."""

    image: NDArray[np.uint8]
    caption: str


@dataclass(frozen=True)
class Curve:
    """Values (N,) over time (N,) in seconds; NaN leaves a gap. Curves of one panel share an axis."""

    panel: str
    name: str
    time: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True)
class MeshView:
    """Meshes by name in one view to turn, metres, camera frame (x right, y down, z forward)."""

    caption: str
    meshes: Mapping[str, TriangleMesh]


def write_report(
    path: Path,
    title: str,
    notes: Sequence[str],
    tables: Sequence[Table],
    curves: Sequence[Curve],
    pictures: Sequence[Picture],
    views: Sequence[MeshView],
) -> None:
    """Write the report; ``notes`` are sentences under the title.

    Raises:
        UserError: if Plotly is not installed.
    """
    body = [f"<h1>{html.escape(title)}</h1>", *(f"<p>{html.escape(note)}</p>" for note in notes)]
    body += [_table_html(table) for table in tables]
    body += [_figures_html(curves, views)]
    body += ["<h2>Frames</h2>", *(_picture_html(picture) for picture in pictures)]
    head = f"<meta charset='utf-8'><title>{html.escape(title)}</title><style>{_STYLE}</style>"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<!doctype html><html lang='en'><head>{head}</head><body>{''.join(body)}</body></html>")


def _table_html(table: Table) -> str:
    header = "".join(f"<th>{html.escape(column)}</th>" for column in table.columns)
    rows = ("".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in table.rows)
    lines = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<h2>{html.escape(table.title)}</h2><table><tr>{header}</tr>{lines}</table>"


def _picture_html(picture: Picture) -> str:
    quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture.image, cv2.COLOR_RGB2BGR), quality)
    data = base64.b64encode(encoded.tobytes()).decode()
    caption = html.escape(picture.caption)
    return f"<figure><img src='data:image/jpeg;base64,{data}'><figcaption>{caption}</figcaption></figure>"


def _figures_html(curves: Sequence[Curve], views: Sequence[MeshView]) -> str:
    try:
        import plotly.io
    except ImportError as error:
        raise UserError("reports need Plotly: pip install 'hand_object_pose[report]'") from error
    figures = [("Over time", _curves_figure(curves))] if curves else []
    figures += [(view.caption, _mesh_figure(view)) for view in views]
    # The library goes into the file once, with the first figure.
    parts = [
        f"<h2>{html.escape(caption)}</h2>"
        + plotly.io.to_html(figure, full_html=False, include_plotlyjs=number == 0, config={"displaylogo": False})
        for number, (caption, figure) in enumerate(figures)
    ]
    return "".join(parts)


def _curves_figure(curves: Sequence[Curve]) -> dict:
    panels = list(dict.fromkeys(curve.panel for curve in curves))
    height = 1.0 / len(panels)
    layout: dict = {"height": 230 * len(panels), "margin": {"t": 20}, "xaxis": {"title": {"text": "time (s)"}}}
    traces = []
    for number, panel in enumerate(panels):
        axis = "" if number == 0 else f"{number + 1}"
        top = 1.0 - number * height
        layout[f"yaxis{axis}"] = {"title": {"text": panel}, "domain": [top - 0.85 * height, top], "rangemode": "tozero"}
        for curve in (curve for curve in curves if curve.panel == panel):
            line = {"type": "scatter", "mode": "lines", "name": curve.name, "yaxis": f"y{axis}", "connectgaps": False}
            traces.append({**line, "x": list(map(float, curve.time)), "y": list(map(_rounded, curve.values))})
    return {"data": traces, "layout": layout}


def _mesh_figure(view: MeshView) -> dict:
    colours = ("#d99a7c", "#5b9bd5", "#9fd99a", "#c9a0dc")
    traces = []
    for (name, mesh), colour in zip(view.meshes.items(), colours, strict=False):
        # Shown upright: the viewer's vertical axis is the camera's minus y.
        x, y, z = np.round(mesh.vertices[:, [0, 2, 1]] * [1.0, 1.0, -1.0], 4).T.tolist()
        i, j, k = mesh.faces.T.tolist()
        look = {"type": "mesh3d", "name": name, "color": colour, "showlegend": True, "flatshading": True}
        traces.append({**look, "x": x, "y": y, "z": z, "i": i, "j": j, "k": k, "opacity": 0.85})
    eye = {"x": 0.0, "y": -1.8, "z": 0.4}
    scene = {"aspectmode": "data", "camera": {"eye": eye}}
    return {"data": traces, "layout": {"height": 560, "scene": scene, "margin": {"t": 10, "b": 10}}}


def _rounded(value: float) -> float | None:
    return None if not np.isfinite(value) else round(float(value), 4)
