"""The recordings that an evaluation writes of a bag for other programs."""

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from hand_object_pose.replay.annotated_bag import AnnotatedBag
from hand_object_pose.replay.configuration import ReplayConfig
from hand_object_pose.replay.rerun_recording import RerunRecording
from hand_object_pose.replay.watchers import SinkFactory

ANNOTATED_BAG, RERUN_FILE = "annotated_bag", "recording.rrd"


def sink_files(config: ReplayConfig) -> list[str]:
    """Names of the recordings that are wanted, in the folder of a bag."""
    wanted = {ANNOTATED_BAG: config.annotated_bag, RERUN_FILE: config.rerun}
    return [name for name, is_wanted in wanted.items() if is_wanted]


def frame_sinks(config: ReplayConfig, folder: Path) -> Sequence[SinkFactory]:
    """What writes the wanted recordings into the folder of a bag, once those of another evaluation are removed."""
    shutil.rmtree(folder / ANNOTATED_BAG, ignore_errors=True)
    (folder / RERUN_FILE).unlink(missing_ok=True)
    made_by: dict[str, SinkFactory] = {
        ANNOTATED_BAG: partial(AnnotatedBag, folder / ANNOTATED_BAG),
        RERUN_FILE: partial(RerunRecording, folder / RERUN_FILE),
    }
    return [made_by[name] for name in sink_files(config)]
