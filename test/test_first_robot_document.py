"""docs/first_robot.md against the code: the reasons that it explains are those that the node can give."""

import re
from pathlib import Path

from hand_object_pose.ros.parameters import SPECS

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "first_robot.md"
SPOKEN_BY = ("hand_object_pose/ros", "hand_object_pose/estimation", "hand_object_pose/errors.py")


def spoken() -> str:
    """The source of everything that speaks: literals joined, expressions inside them replaced by "…"."""
    paths = [
        path for name in SPOKEN_BY for path in ([ROOT / name] if name.endswith(".py") else (ROOT / name).rglob("*.py"))
    ]
    text = "\n".join(path.read_text() for path in paths)
    joined = re.sub(r'"\s*\n\s*f?"', "", text)
    return re.sub(r"\{[^{}\n]*\}", "…", joined)


def reasons() -> list[str]:
    lines = DOCUMENT.read_text().split("| the node says |")[1].splitlines()[2:]
    rows = lines[: next(number for number, line in enumerate(lines) if not line.startswith("|"))]
    return [row.strip("|").split("|")[0].strip() for row in rows]


def test_every_reason_is_one_that_the_node_gives() -> None:
    source = spoken()
    assert len(reasons()) > 20
    for reason in reasons():
        for words in filter(None, (part.strip(" ;:,()") for part in reason.split("…"))):
            assert words in source, f"the node never says '{words}'"


def test_every_parameter_that_is_named_exists() -> None:
    named = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", DOCUMENT.read_text()))
    assert named
    assert named <= set(SPECS)
