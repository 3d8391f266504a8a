"""HO3D's submission: ``pred.json`` in a zip, and reading it back.

The file holds ``[xyz, verts]``: N lists of 21 joints and N lists of 778 vertices in the order of ``evaluation.txt``,
metres, OpenGL's camera frame, HO3D's joint order.
"""

import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.evaluation.benchmark.frame_values import PosedFrame
from hand_object_pose_training.datasets import ho3d_convention as ho3d
from hand_object_pose_training.datasets.number_lists import number_list
from hand_object_pose_training.datasets.problems import damaged, read_bytes

FILE_NAME = "pred.json"
_BLANKS = b" \n\r\t"
# Where the joints of the last frame end and the vertices of the first one begin.
_SEAM = b"]]],[[["


def write_submission(path: Path, joints: FloatArray, vertices: FloatArray) -> None:
    """Write the zip that the server takes; numbers are rounded to a hundredth of a millimetre.

    Args:
        path: the zip file.
        joints: (N, 21, 3) in the order of ``hand.joints``; vertices: (N, 778, 3); metres, optical frame, one for each
            line of ``evaluation.txt``. A frame without an estimate is all zeros, as the server's own example.
    """
    check_shape("joints", joints, ("N", 21, 3))
    check_shape("vertices", vertices, (len(joints), 778, 3))
    parts = (ho3d.joints_to_ho3d(ho3d.flip_points(joints)), ho3d.flip_points(vertices))
    temporary = path.with_suffix(".partial")
    with (
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
        # Up to a gigabyte of text, never in memory as a whole.
        archive.open(FILE_NAME, "w", force_zip64=True) as file,
    ):
        file.write(b"[")
        for number, points in enumerate(parts):
            file.write(b"," if number else b"")
            file.writelines(_list_text(points))
        file.write(b"]")
    temporary.replace(path)


def submit(path: Path, found: Mapping[int, PosedFrame], listed: int) -> int:
    """Write HO3D's submission of so many frames; returns how many of them have no estimate."""
    joints, vertices = np.zeros((listed, 21, 3), np.float32), np.zeros((listed, 778, 3), np.float32)
    for place, hand in found.items():
        joints[place], vertices[place] = hand.joints, hand.hand_vertices
    write_submission(path, joints, vertices)
    return listed - len(found)


def _list_text(frames: FloatArray) -> Iterable[bytes]:
    """A JSON list of points (N, P, 3), a frame at a time."""
    for number, points in enumerate(frames):
        # Adding 0 turns -0.0, which some readers do not know, into 0.0.
        rounded = (np.round(points.astype(np.float64), 5) + 0.0).tolist()
        yield (b"," if number else b"[") + str(rounded).replace(" ", "").encode()
    yield b"]"


def read_submission(path: Path, count: int) -> tuple[FloatArray, FloatArray]:
    """Joints (N, 21, 3) in the order of ``hand.joints`` and vertices (N, 778, 3); metres, optical frame.

    Args:
        path: a ``pred.json``, or a zip that holds one.
        count: how many frames ``evaluation.txt`` lists.

    Raises:
        FileProblemError: the file is missing, or has not this structure.
    """
    text = _content(path).translate(None, delete=_BLANKS)
    first, seam, second = text.partition(_SEAM)
    if not seam or _SEAM in second or not first.startswith(b"[[[[") or not second.endswith(b"]]]]"):
        raise damaged(path, "expected [xyz, verts], two lists of frames, each a list of points [x, y, z]")
    joints = _points(first + b"]]]", count, 21, path)
    vertices = _points(b"[[[" + second, count, 778, path)
    for name, points in (("joints", joints), ("vertices", vertices)):
        if len(points) and (points[..., 2] > 0).all():
            raise damaged(path, f"all {name} have a positive z, but the camera of HO3D's files looks along -z")
    return ho3d.flip_points(ho3d.joints_from_ho3d(joints)), ho3d.flip_points(vertices)


def _content(path: Path) -> bytes:
    data = read_bytes(path)
    if path.suffix != ".zip":
        return data
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(FILE_NAME)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, EOFError) as error:
        raise damaged(path, f"expected a zip with {FILE_NAME} at its top level ({error})") from error


def _points(text: bytes, frames: int, points: int, path: Path) -> FloatArray:
    found = text.count(b"]],[[") + 1
    if found != frames:
        raise damaged(path, f"expected {frames} frames, one for each line of evaluation.txt, found {found}")
    numbers = number_list(text, (frames, points, 3), path).astype(np.float64)
    if not np.isfinite(numbers).all():
        raise damaged(path, "expected finite numbers")
    return numbers
