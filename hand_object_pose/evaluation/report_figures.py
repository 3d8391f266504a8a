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


@dataclass(frozen=True)
class Curve:
    """Values (N,) over time (N,) in seconds; NaN leaves a gap. Curves of one panel share an axis."""

    panel: str
    name: str
    time: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True)
class Chart:
    """A diagram of lines, or of bars; ``lines``: x and y (N,) by name."""

    title: str
    x_title: str
    y_title: str
    lines: Mapping[str, Line]
    bars: bool = False


@dataclass(frozen=True)
class MeshView:
    """Meshes by name in one view to turn, metres, camera frame (x right, y down, z forward)."""

    caption: str
    meshes: Mapping[str, TriangleMesh]


def curves_figure(curves: Sequence[Curve]) -> Figure:
    """Panels one below the other, over the same time."""
    panels = list(dict.fromkeys(curve.panel for curve in curves))
    height = 1.0 / len(panels)
    layout: Figure = {"height": 230 * len(panels), "margin": {"t": 20}, "xaxis": {"title": {"text": "time (s)"}}}
    traces = []
    for number, panel in enumerate(panels):
        axis = "" if number == 0 else f"{number + 1}"
        top = 1.0 - number * height
        title = {"text": _text(panel)}
        layout[f"yaxis{axis}"] = {"title": title, "domain": [top - 0.85 * height, top], "rangemode": "tozero"}
        for curve in (curve for curve in curves if curve.panel == panel):
            # Markers, too: a value between two gaps would not be seen in a line.
            line = {"type": "scatter", "mode": "lines+markers", "marker": {"size": 3}, "connectgaps": False}
            values = {"x": _rounded(curve.time), "y": _rounded(curve.values)}
            traces.append({**line, "name": _text(curve.name), "yaxis": f"y{axis}", **values})
    return {"data": traces, "layout": layout}


def chart_figure(chart: Chart) -> Figure:
    """One diagram with its title inside."""
    kind = {"type": "bar", "opacity": 0.7} if chart.bars else {"type": "scatter", "mode": "lines"}
    traces = [{**kind, "name": _text(name), "x": _rounded(x), "y": _rounded(y)} for name, (x, y) in chart.lines.items()]
    axes = {
        "xaxis": {"title": {"text": _text(chart.x_title)}},
        "yaxis": {"title": {"text": _text(chart.y_title)}, "rangemode": "tozero"},
    }
    title = {"text": _text(chart.title), "font": {"size": 14}}
    layout = {**axes, "title": title, "height": 340, "bargap": 0.02, "showlegend": len(traces) > 1}
    return {"data": traces, "layout": {**layout, "margin": {"t": 50, "l": 60, "r": 20}}}


def views_figure(views: Sequence[MeshView]) -> Figure:
    """One scene to turn, with a menu of the views: browsers draw a few scenes at the same time, not dozens."""
    traces, owners = [], []
    for number, view in enumerate(views):
        for trace in _mesh_traces(view):
            traces.append({**trace, "visible": number == 0})
            owners.append(number)
    eye = {"x": 0.0, "y": -1.8, "z": 0.4}
    layout: Figure = {"height": 600, "scene": {"aspectmode": "data", "camera": {"eye": eye}}}
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
    colours = ("#d99a7c", "#5b9bd5", "#9fd99a", "#c9a0dc")
    traces = []
    for (name, mesh), colour in zip(view.meshes.items(), colours, strict=False):
        # Shown upright: the viewer's vertical axis is the camera's minus y.
        shown: NDArray = mesh.vertices[:, [0, 2, 1]] * [1.0, 1.0, -1.0]
        x, y, z = np.round(shown.astype(float), 4).T.tolist()
        i, j, k = mesh.faces.T.tolist()
        look = {"type": "mesh3d", "name": _text(name), "color": colour, "showlegend": True, "flatshading": True}
        traces.append({**look, "x": x, "y": y, "z": z, "i": i, "j": j, "k": k, "opacity": 0.85})
    return traces


def _text(text: str) -> str:
    """Plotly takes tags in texts for formatting; names are none."""
    return html.escape(text, quote=False)


def _rounded(values: Sequence[float]) -> list[float | None]:
    return [None if not np.isfinite(value) else round(float(value), 4) for value in values]
