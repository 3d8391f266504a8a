"""The report is one file that needs nothing else, and shows what it was given."""

import numpy as np

from hand_object_pose.evaluation.drawing.jpeg import encode_jpeg
from hand_object_pose.evaluation.report.figures import Curve, MeshView
from hand_object_pose.evaluation.report.html_report import Picture, Table, write_report
from hand_object_pose.geometry.meshes import TriangleMesh

TETRAHEDRON = TriangleMesh(np.eye(4, 3), np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]]))


def test_a_report_holds_its_contents_and_links_to_nothing(tmp_path):
    path = tmp_path / "sub" / "report.html"
    write_report(
        path,
        "A <title>",
        ["One note."],
        [Table("Errors", ["name", "mean"], [["hand & object", "1.25"]])],
        [Curve("cm", "error", [0.0, 0.1, 0.2], [1.0, np.nan, 0.123456789])],
        [Picture([encode_jpeg(np.zeros((4, 6, 3), np.uint8))], "black")],
        [MeshView("meshes", {"hand": TETRAHEDRON})],
    )
    text = path.read_text()
    for expected in ("A &lt;title&gt;", "hand &amp; object", "1.25", "0.1235", "null", "mesh3d", "data:image/jpeg"):
        assert expected in text, expected
    assert "<script src=" not in text
    assert "<link" not in text
