"""What a user may choose about the evaluation of bags."""

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from hand_object_pose.errors import UserError
from hand_object_pose.ros.input_list import InputStamps
from hand_object_pose.ros.parameters import Settings

# Parameters that do not decide what is estimated, or of which results say more than their values.
_INDECISIVE = (
    *("autostart", "weights", "backend", "device", "precision", "threads", "objects_path"),
    *("image_transport", "depth_transport", "reliability", "queue_depth", "sync_wait", "max_frame_age", "stale_after"),
    *("watchdog_timeout", "tf_prefix", "input_list", "publish.markers", "publish.tf", "publish.debug_image"),
    *("tf_pose", "prediction.mode", "prediction.longest"),
)
IMAGE_OPTIONS = ("--image-topic", "--depth-topic")


@dataclass(frozen=True)
class ReplayConfig:
    """Which frames of a bag are evaluated, how, and against what.

    Attributes:
        settings: the node's parameters; those about publishing and waiting have no meaning here.
        image_topic, depth_topic: where several can be meant; empty: the only ones.
        truth_topic: of the ground truth; empty: `ground_truth`, if there is one.
        truth_tolerance: largest difference of the stamps of an image and its truth, seconds; poses of the object alone
            are interpolated between two that are no farther than this from the image.
        every: evaluate each n-th image.
        stamps: evaluate exactly the images with these stamps, nanoseconds; None: all.
        truth_frame: the object's frame, where the truth comes from transforms; camera_frame: that of the images there;
            empty: the images' own.
        inputs: what a live node worked on each of these images with; None: what belongs to it by its stamp.
        annotated_bag: write a bag for RViz and Foxglove; rerun: write a recording for Rerun's viewer.
    """

    settings: Settings = field(default_factory=Settings)
    image_topic: str = ""
    depth_topic: str = ""
    truth_topic: str = ""
    truth_tolerance: float = 0.02
    every: int = 1
    stamps: tuple[int, ...] | None = None
    inputs: tuple[InputStamps, ...] | None = None
    truth_frame: str = ""
    camera_frame: str = ""
    annotated_bag: bool = True
    rerun: bool = False

    def __post_init__(self) -> None:
        if self.every < 1:
            raise UserError(f"--every: expected at least 1, found {self.every}")
        if self.rerun and find_spec("rerun") is None:
            raise UserError(
                "--rerun: expected rerun-sdk, which is not installed: pip install 'hand_object_pose[rerun]'"
            )
        if self.truth_tolerance < 0:
            raise UserError(f"--truth-tolerance: expected seconds, at least 0, found {self.truth_tolerance}")
        if self.truth_frame and self.truth_topic:
            raise UserError("--truth-topic and --truth-frame: the truth is on a topic or in transforms, not in both")
        if self.camera_frame and not self.truth_frame:
            raise UserError("--camera-frame: has a meaning only with --truth-frame, the object's frame")

    @property
    def root_depth_mode(self) -> str:
        """Where the wrist's depth comes from."""
        return self.settings.text("root_depth.mode")

    def protocol(self) -> dict[str, Any]:
        """Everything that decides what the numbers mean; results are compared only where this is equal."""
        chosen = {name: value for name, value in self.settings.items() if name not in _INDECISIVE}
        if self.root_depth_mode not in ("fixed", "auto"):
            del chosen["root_depth.value"]
        if self.settings.text("roi.mode") != "fixed":
            del chosen["roi.box"]
        return {
            "name": "live" if self.root_depth_mode == "depth_image" else f"root depth: {self.root_depth_mode}",
            "parameters": chosen,
            "every": self.every,
            "chosen_stamps": None if self.stamps is None else len(self.stamps),
            "truth_tolerance_s": self.truth_tolerance,
        }
