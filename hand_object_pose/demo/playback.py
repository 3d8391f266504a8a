"""What the demo plays, and what it tells the node."""

import math
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from hand_object_pose.demo.bag_content import BagContent
from hand_object_pose.demo.configuration import DemoConfig
from hand_object_pose.live.playback import Playback
from hand_object_pose.live.session import Session, run_session


def demo_playback(config: DemoConfig, content: BagContent, object_id: str) -> Playback:
    """The bag, as often as the demo is to last."""
    return Playback(
        content.path,
        content.topics,
        content.types,
        _parameters(config, content, object_id),
        content.period,
        max(1, math.ceil(config.seconds / content.period)),
        domain_id=config.domain_id,
    )


def play(playback: Playback, folder: Path) -> Session:
    """Run the session under a progress bar.

    Raises:
        ChildFailedError: see ``run_session``.
    """
    columns = TextColumn("playing"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task("", total=playback.seconds)
        return run_session(playback, folder, lambda seconds: progress.update(task, completed=seconds))


def _parameters(config: DemoConfig, content: BagContent, object_id: str) -> dict[str, Any]:
    values: dict[str, Any] = {
        "object_id": object_id,
        "weights": str(config.weights.resolve()) if config.weights else "",
        "threads": config.threads,
    }
    if content.topics.depth is None:
        values |= {"root_depth.mode": "fixed", "root_depth.value": float(config.root_depth or 0.0)}
    return values
