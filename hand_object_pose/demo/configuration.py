"""What a user of the demo may choose."""

from dataclasses import dataclass
from pathlib import Path

from hand_object_pose.ros.parameters import Settings

DEFAULT_DURATION = 60.0
NODE_THREADS = int(Settings().number("threads"))


@dataclass(frozen=True)
class DemoConfig:
    """The demo's settings.

    Attributes:
        seed: of the synthetic sequence.
        out: directory for everything the demo writes.
        bag: a user's own bag instead of a synthetic one.
        object_id: what to look for; empty: what the sequence's seed, the bag's truth or its detections say.
        objects: directory of a catalogue for the synthetic sequence; None: the default objects.
        image, depth: base names of the topics of a user's bag, where several can be meant.
        root_depth: depth of the wrist in metres for a bag without depth images.
        duration: seconds to play at least; the bag is repeated as often as that takes. None: a minute of a synthetic
            sequence, a user's bag once.
        frames: of the synthetic sequence; 0: all.
        compressed: JPEG and PNG in the synthetic bag instead of raw images.
        weights: a .safetensors file; None: those that come with the package.
        threads: of the network, as the node has it unless given; 0: one for each core.
        baseline: means of the training set (.npz); None: that of the default weights.
        domain_id: ROS domain; None: a random one.
    """

    seed: int = 1
    out: Path = Path("out/demo")
    bag: Path | None = None
    object_id: str = ""
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
