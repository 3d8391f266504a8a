"""One scene to be rendered: where everything is, who looks at it, and what it looks like."""

from dataclasses import dataclass

from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.synthetic.appearance import Appearance
from hand_object_pose.synthetic.sample import SceneTruth


@dataclass(frozen=True)
class Scene:
    """A scene.

    Attributes:
        truth: hand and object in the camera's optical frame, metres.
        camera: any pinhole camera without distortion; a crop is a small one with a shifted principal point.
        appearance: colours, light, background and camera quality.
    """

    truth: SceneTruth
    camera: Camera
    appearance: Appearance
