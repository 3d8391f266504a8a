"""What a user of the demo may choose."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from hand_object_pose.ros.parameters import Settings

DEFAULT_DURATION = 60.0
NODE_THREADS = int(Settings().number("threads"))


@dataclass(frozen=True)
class DemoConfig:
    """The demo's settings, which are the options of its command line.

    Attributes:
        seed: another number is another sequence.
        out: directory for everything that is written.
        bag: a rosbag2 of your own instead; without ground truth there are counts, latency and a report, no errors.
        object_id: what to look for; unless given, what the bag's truth or its detections say.
        objects: directory of a catalogue of your own for the synthetic sequence; the default objects unless given.
        image: base name of the colour images' topic in your bag, where there are several.
        depth: the same of the depth images aligned to them.
        root_depth: depth of the wrist in metres, for a bag without depth images.
        duration: seconds to play at least; the bag is repeated as often as that takes, 0 plays it once. Unless given,
            a synthetic sequence is played for a minute, a bag of your own once.
        frames: of the synthetic sequence; 0 means all, about eleven seconds at 30 Hz.
        compressed: JPEG and PNG in the synthetic bag instead of raw images.
        weights: a .safetensors file; the weights that ship with this package unless given.
        threads: of the network on a CPU, unless given as many as the node's default; 0 means one for each core.
        baseline: means of the training set of other weights than those that ship with this package (.npz).
        domain_id: ROS domain of all processes; a random one unless given.
    """

    seed: int = 1
    out: Path = Path("out/demo")
    bag: Path | None = None
    object_id: Annotated[str, tyro.conf.arg(name="object")] = ""
    objects: Path | None = None
    image: str = ""
    depth: str = ""
    root_depth: float | None = None
    duration: float | None = None
    frames: int = 0
    compressed: bool = False
    weights: Path | None = None
    threads: int = NODE_THREADS
    baseline: Path | None = None
    domain_id: int | None = None

    @property
    def seconds(self) -> float:
        """How long to play at least."""
        if self.duration is not None:
            return self.duration
        return 0.0 if self.bag else DEFAULT_DURATION
