"""The diagrams of a report as Plotly's JSON: curves over time, charts, meshes to turn."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.geometry.meshes import TriangleMesh

Figure = dict[str, Any]
Line = tuple[Sequence[float], Sequence[float]]

# Okabe and Ito's colours, told apart by nearly everyone.
_LINES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
# Colour and opacity of the meshes of a view; the truth is seen through.
_MESHES = {
    "hand": ("#d99a7c", 0.9),
    "object": ("#5b9bd5", 0.9),
    "true hand": ("#9fd99a", 0.5),
    "true object": ("#c9a0dc", 0.5),
}


@dataclass(frozen=True)
class Curve:
    """Values (N,) over time (N,) in seconds; NaN leaves a gap. Curves of one panel share an axis."""

    panel: str
    name: str
    time: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True)
class Chart:
    """A diagram of lines, or of bars; ``lines``: x and y (N,) by name; ``shares``: y is between 0 and 1."""

    title: str
    x_title: str
    y_title: str
    lines: Mapping[str, Line]
    bars: bool = False
    shares: bool = False


@dataclass(frozen=True)
class MeshView:
    """Meshes in one view to turn, metres, camera frame (x right, y down, z forward).

    Their names are among "hand", "object", "true hand" and "true object".
    """

    caption: str
    meshes: Mapping[str, TriangleMesh]


def curves_figure(curves: Sequence[Curve]) -> Figure:
    """Panels one below the other, over the same time; curves of one name look the same and are hidden together."""
    panels = list(dict.fromkeys(curve.panel for curve in curves))
    names = list(dict.fromkeys(curve.name for curve in curves))
    axes = {panel: "y" if number == 0 else f"y{number + 1}" for number, panel in enumerate(panels)}
    height = 1.0 / len(panels)
    time = {"title": {"text": "time (s)"}, "anchor": axes[panels[-1]]}
    layout: Figure = {"height": 120 + 180 * len(panels), "margin": {"t": 20}, "xaxis": time}
    for number, (panel, axis) in enumerate(axes.items()):
        top = 1.0 - number * height
        place = {"domain": [top - 0.85 * height, top], "rangemode": "tozero"}
        layout[axis.replace("y", "yaxis")] = {"title": {"text": _text(panel)}, **place}
    traces = []
    listed: set[str] = set()
    for curve in curves:
        # Markers, too: a value between two gaps would not be seen in a line.
        colour = _LINES[names.index(curve.name) % len(_LINES)]
        look = {"mode": "lines+markers", "marker": {"size": 3, "color": colour}, "line": {"color": colour}}
        legend = {"name": _text(curve.name), "legendgroup": _text(curve.name), "showlegend": curve.name not in listed}
        listed.add(curve.name)
        values = {"x": _rounded(curve.time), "y": _rounded(curve.values), "yaxis": axes[curve.panel]}
        traces.append({"type": "scatter", "connectgaps": False, **look, **legend, **values})
    return {"data": traces, "layout": layout}


def chart_figure(chart: Chart) -> Figure:
    """One diagram with its title inside."""
    kind = {"type": "bar", "opacity": 0.7} if chart.bars else {"type": "scatter", "mode": "lines"}
    traces = [{**kind, "name": _text(name), "x": _rounded(x), "y": _rounded(y)} for name, (x, y) in chart.lines.items()]
    extent = {"range": [0, 1.02]} if chart.shares else {"rangemode": "tozero"}
    axes = {
        "xaxis": {"title": {"text": _text(chart.x_title)}},
        "yaxis": {"title": {"text": _text(chart.y_title)}, **extent},
    }
    title = {"text": _text(chart.title), "font": {"size": 14}}
    layout = {**axes, "title": title, "height": 340, "bargap": 0.02, "showlegend": len(traces) > 1}
    # The buttons stand below each other, beside the title.
    return {
        "data": traces,
        "layout": {**layout, "margin": {"t": 50, "l": 60, "r": 40}, "modebar": {"orientation": "v"}},
    }


def views_figure(views: Sequence[MeshView]) -> Figure:
    """One scene to turn, with a menu of the views: browsers draw a few scenes at the same time, not dozens."""
    traces, owners = [], []
    for number, view in enumerate(views):
        for trace in _mesh_traces(view):
            traces.append({**trace, "visible": number == 0})
            owners.append(number)
    eye = {"x": 0.0, "y": -1.8, "z": 0.4}
    # Of the camera's frame, as ``_mesh_traces`` shows it.
    axes = {
        f"{axis}axis": {"title": {"text": name}} for axis, name in zip("xyz", ("x, m", "z, m", "-y, m"), strict=True)
    }
    layout: Figure = {"height": 600, "scene": {"aspectmode": "data", "camera": {"eye": eye}, **axes}}
    layout["margin"] = {"t": 50, "b": 10}
    if len(views) > 1:
        choices = [
            {"label": _text(view.caption), "method": "update", "args": [{"visible": [o == number for o in owners]}]}
            for number, view in enumerate(views)
        ]
        place = {"x": 0.0, "xanchor": "left", "y": 1.0, "yanchor": "bottom"}
        layout["updatemenus"] = [{"type": "dropdown", "buttons": choices, "showactive": True, **place}]
    return {"data": traces, "layout": layout}


def _mesh_traces(view: MeshView) -> list[Figure]:
    traces = []
    for name, mesh in view.meshes.items():
        colour, opacity = _MESHES[name]
        # Shown upright: the viewer's vertical axis is the camera's minus y.
        shown: NDArray = mesh.vertices[:, [0, 2, 1]] * [1.0, 1.0, -1.0]
        x, y, z = np.round(shown.astype(float), 4).T.tolist()
        i, j, k = mesh.faces.T.tolist()
        look = {"type": "mesh3d", "name": _text(name), "color": colour, "showlegend": True, "flatshading": True}
        traces.append({**look, "x": x, "y": y, "z": z, "i": i, "j": j, "k": k, "opacity": opacity})
    return traces


def _text(text: str) -> str:
    """Plotly takes tags in texts for formatting; names are none."""
    return html.escape(text, quote=False)


def _rounded(values: Sequence[float]) -> list[float | None]:
    return [None if not np.isfinite(value) else round(float(value), 4) for value in values]
