"""Where the ROS interface definitions are, for programs that read and write bags without ROS."""

from __future__ import annotations

from pathlib import Path

from hand_object_pose.errors import UserError
from hand_object_pose.shipped import ASSETS

_REPOSITORY = Path(__file__).resolve().parent.parent

# The definitions' one source is the message package; setup.py copies them into a built package, where they are looked
# for first. A work tree, an editable installation and `colcon build --symlink-install` find the source itself.
_PLACES: dict[str, tuple[Path, ...]] = {
    "hand_object_pose_msgs": (
        ASSETS / "interfaces" / "hand_object_pose_msgs",
        _REPOSITORY / "hand_object_pose_msgs",
    ),
    "vision_msgs": (ASSETS / "interfaces" / "vision_msgs", _REPOSITORY / "underlay" / "vision_msgs"),
}


def interface_directory(package: str) -> Path:
    """Return the directory that holds `msg/` (and `srv/`) of `package`: hand_object_pose_msgs or vision_msgs.

    Raises:
        UserError: the installation lacks the definitions, or `package` is another one.
    """
    for place in _PLACES.get(package, ()):
        if (place / "msg").is_dir():
            return place
    looked_in = " or ".join(map(str, _PLACES.get(package, ()))) or "no place known"
    raise UserError(
        f"no definitions of '{package}': expected one of {sorted(_PLACES)}, with a directory 'msg' in {looked_in}. "
        "Install hand_object_pose again with pip."
    )


def message_definitions(package: str) -> dict[str, str]:
    """Return the text of every message of `package` by its full type name, such as `vision_msgs/msg/Detection2D`.

    Raises:
        UserError: see `interface_directory`.
    """
    files = sorted((interface_directory(package) / "msg").glob("*.msg"))
    return {f"{package}/msg/{file.stem}": file.read_text(encoding="utf-8") for file in files}
