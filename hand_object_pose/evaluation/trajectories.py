"""Trajectories in the format of the TUM RGB-D benchmark, which evo and other tools read."""

from collections.abc import Sequence
from pathlib import Path

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.geometry.se3 import quaternion_wxyz_to_xyzw, wxyz_from_rotation


def write_trajectory(path: Path, stamps: Sequence[int], poses: FloatArray) -> None:
    """One line a pose: ``timestamp x y z qx qy qz qw``, seconds and metres; no file where there are none.

    Args:
        path: of the file.
        stamps: (N,) nanoseconds, written without rounding.
        poses: (N, 4, 4) to the camera frame.
    """
    if not len(stamps):
        path.unlink(missing_ok=True)
        return
    check_shape("poses", poses, (len(stamps), 4, 4))
    lines = []
    for stamp, pose in zip(stamps, poses, strict=True):
        quaternion = quaternion_wxyz_to_xyzw(wxyz_from_rotation(pose[:3, :3]))
        numbers = " ".join(f"{value:.9f}" for value in (*pose[:3, 3], *quaternion))
        lines.append(f"{stamp // 10**9}.{stamp % 10**9:09d} {numbers}\n")
    path.write_text("".join(lines), encoding="utf-8")
