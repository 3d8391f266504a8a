"""The node's parameters: one table from which they are declared, validated and documented.

This module needs no ROS: ``node_parameters`` declares the table on a node.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Value = bool | int | float | str | list[float]


@dataclass(frozen=True)
class ParameterSpec:
    """One parameter.

    Attributes:
        name: as in ``ros2 param list``.
        default: its value and, by its Python type, its type.
        description: one sentence for people.
        unit: of a number; empty where it has none.
        low, high: bounds of a number, inclusive.
        choices: all values a text may take; empty means any.
        length: of a list of numbers.
        dynamic: whether it may change while the node is configured; others take effect at the next ``configure``.
    """

    name: str
    default: Value
    description: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    length: int | None = None
    dynamic: bool = False

    @property
    def type_name(self) -> str:
        """The type's name as ROS calls it."""
        names = {bool: "bool", int: "integer", float: "double", str: "string", list: "double array"}
        return names[type(self.default)]

    @property
    def allowed(self) -> str:
        """The allowed values in words; empty where any will do."""
        if self.choices:
            return ", ".join(choice or "(empty)" for choice in self.choices)
        if self.length is not None:
            return f"{self.length} numbers"
        if self.low is None and self.high is None:
            return ""
        low = "" if self.low is None else f"{self.low:g}"
        high = "" if self.high is None else f"{self.high:g}"
        return f"{low} to {high}" if low and high else f"at least {low}" if low else f"at most {high}"

    def problem(self, value: object) -> str | None:
        """Why a value is refused, in words; None if it is accepted."""
        wanted = type(self.default)
        if type(value) is not wanted:
            return f"parameter {self.name}: expected {self.type_name}, found {type(value).__name__} {value!r}"
        if not self._fits(value):
            return f"parameter {self.name}: expected {self.allowed or 'a finite number'}, found {value!r}"
        return None

    def _fits(self, value: object) -> bool:
        if isinstance(value, str):
            return not self.choices or value in self.choices
        if isinstance(value, list):
            return len(value) == self.length and all(math.isfinite(number) for number in value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return True
        low, high = self.low, self.high
        return math.isfinite(value) and (low is None or value >= low) and (high is None or value <= high)


PARAMETERS = (
    ParameterSpec("autostart", True, "Configure and activate at start, without a lifecycle manager."),
    ParameterSpec("weights", "", "Weights file (.safetensors); empty: those that come with the package."),
    ParameterSpec("backend", "auto", "What runs the network.", choices=("auto", "onnx", "torch")),
    ParameterSpec("device", "auto", "Where the network runs: auto, cpu or cuda."),
    ParameterSpec(
        "precision",
        "float32",
        "What the network is computed in; other than float32 needs PyTorch. docs/network.md says what it changes.",
        choices=("float32", "float16", "bfloat16"),
    ),
    ParameterSpec("threads", 1, "Threads of the network on a CPU; 0: one for each core.", low=0, high=256),
    ParameterSpec(
        "objects_path", "", "Folder with the CAD files shown in markers; empty: those that come with the package."
    ),
    ParameterSpec(
        "object_id", "", "Object to look for; empty: by the class of detections, or the only one.", dynamic=True
    ),
    ParameterSpec(
        "hand_side",
        "right",
        "Which hand holds the object, where the class of its detection does not say so.",
        choices=("right", "left"),
        dynamic=True,
    ),
    ParameterSpec(
        "max_hands",
        2,
        "Largest number of detected hands followed at a time, each with its object; more are slower.",
        low=1,
        high=8,
        dynamic=True,
    ),
    ParameterSpec("image_transport", "raw", "Topic image, or image/compressed.", choices=("raw", "compressed")),
    ParameterSpec(
        "image_is_rectified", False, "The image is rectified: use P of camera_info and no distortion.", dynamic=True
    ),
    ParameterSpec(
        "depth_transport",
        "raw",
        "Subscribe to depth/image, or to that name with /compressed or /compressedDepth (PNG).",
        choices=("raw", "compressed", "compressedDepth"),
    ),
    ParameterSpec(
        "reliability",
        "auto",
        "Reliability of the image subscriptions; auto: what the publisher offers.",
        choices=("auto", "reliable", "best_effort"),
    ),
    ParameterSpec(
        "queue_depth",
        2,
        "Images that the middleware keeps; the node counts only what is dropped after that.",
        low=1,
        high=100,
    ),
    ParameterSpec(
        "roi.mode",
        "tracking",
        "Where the network looks. tracking: begun by detections; auto: the same, and where none arrive begun by the "
        "built-in detector; topic (formerly detections): each detection; fixed: roi.box; full_frame: the whole image.",
        choices=("auto", "tracking", "topic", "fixed", "full_frame", "detections"),
        dynamic=True,
    ),
    ParameterSpec(
        "roi.box", [0.0] * 4, "Box of roi.mode fixed: x_min, y_min, x_max, y_max.", unit="px", length=4, dynamic=True
    ),
    ParameterSpec(
        "roi.doubt_below",
        0.45,
        "With a lower confidence, tracking also looks at four squares beside its own, and keeps the surest; 0: never.",
        low=0.0,
        high=1.0,
        dynamic=True,
    ),
    ParameterSpec(
        "root_depth.mode",
        "depth_image",
        "Where the wrist's depth comes from: the aligned depth image, bone lengths, a fixed value, the first of these "
        "that tells it (auto), or (to evaluate) ground_truth.",
        choices=("auto", "depth_image", "bone_length", "fixed", "ground_truth"),
    ),
    ParameterSpec(
        "root_depth.value",
        0.6,
        "The wrist's depth in root_depth.mode fixed.",
        unit="m",
        low=0.05,
        high=10.0,
        dynamic=True,
    ),
    ParameterSpec(
        "calibration_path", "", "YAML of hand-object-pose calibrate: a person's bone lengths; empty: a mean hand's."
    ),
    ParameterSpec(
        "surface_fit", True, "Pull hand and object onto the depth image that the wrist's depth is from.", dynamic=True
    ),
    ParameterSpec(
        "refinement.enabled",
        False,
        "Move the hand a little so that it reaches less into the object; plausible, not more accurate.",
        dynamic=True,
    ),
    ParameterSpec(
        "refinement.time_budget",
        0.005,
        "No step of the refinement begins later.",
        unit="s",
        low=0.0,
        high=1.0,
        dynamic=True,
    ),
    ParameterSpec(
        "sync_wait", 0.05, "How long an image waits for its camera_info and depth.", unit="s", low=0.0, high=1.0
    ),
    ParameterSpec(
        "depth_tolerance", 0.02, "Largest difference of stamps of an image and its depth.", unit="s", low=0.0, high=1.0
    ),
    ParameterSpec(
        "detection_max_age", 0.5, "Older detections are not used for an image.", unit="s", low=0.0, high=60.0
    ),
    ParameterSpec(
        "max_frame_age", 0.5, "Older images are dropped and counted.", unit="s", low=0.01, high=60.0, dynamic=True
    ),
    ParameterSpec(
        "lost_after",
        0.5,
        "LOST after so long without a valid estimate.",
        unit="s",
        low=0.0,
        high=60.0,
        dynamic=True,
    ),
    ParameterSpec(
        "stale_after", 1.0, "STALE after so long without an image.", unit="s", low=0.1, high=60.0, dynamic=True
    ),
    ParameterSpec(
        "watchdog_timeout", 5.0, "An inference that takes longer is abandoned.", unit="s", low=0.1, high=600.0
    ),
    ParameterSpec(
        "confidence_threshold", 0.28, "Estimates below are published as invalid.", low=0.0, high=1.0, dynamic=True
    ),
    ParameterSpec(
        "contact.distance",
        0.005,
        "A hand vertex nearer to the object's surface is a contact.",
        unit="m",
        low=0.0,
        high=0.05,
        dynamic=True,
    ),
    ParameterSpec(
        "grasp.distance",
        0.01,
        "A part of the hand nearer to the object counts as touching in grasp_state.",
        unit="m",
        low=0.0,
        high=0.1,
        dynamic=True,
    ),
    ParameterSpec(
        "grasp.settle_time",
        0.1,
        "How long another grasp state must last before it replaces the published one.",
        unit="s",
        low=0.0,
        high=5.0,
        dynamic=True,
    ),
    ParameterSpec(
        "free_surface.clearance",
        0.01,
        "Distance from the hand that points of free_surface keep, with the finger that stands on them.",
        unit="m",
        low=0.0,
        high=0.2,
        dynamic=True,
    ),
    ParameterSpec(
        "free_surface.margin",
        0.0075,
        "Added to the clearance because the estimate errs; docs/estimation.md shows what it costs.",
        unit="m",
        low=0.0,
        high=0.1,
        dynamic=True,
    ),
    ParameterSpec(
        "free_surface.finger_length",
        0.06,
        "Length of the finger that stands on a point of free_surface, along its normal.",
        unit="m",
        low=0.0,
        high=0.5,
        dynamic=True,
    ),
    ParameterSpec(
        "smoothing.mode",
        "one_euro",
        "Filter of object_pose/filtered; object_pose is never filtered.",
        choices=("none", "one_euro", "constant_velocity"),
        dynamic=True,
    ),
    *(
        ParameterSpec(f"smoothing.{name}", default, description, unit=unit, low=low, high=1000.0, dynamic=True)
        for name, default, unit, low, description in (
            ("one_euro.min_cutoff", 1.0, "Hz", 1e-3, "Cutoff frequency of positions at rest; lower is steadier."),
            ("one_euro.beta", 40.0, "1/m", 0.0, "How much that cutoff rises with the speed; higher lags less."),
            ("one_euro.rotation_min_cutoff", 1.0, "Hz", 1e-3, "Cutoff frequency of the rotation at rest."),
            ("one_euro.rotation_beta", 3.0, "1/rad", 0.0, "How much that cutoff rises with the speed of turning."),
            (
                "constant_velocity.acceleration",
                0.4,
                "m/s^2/sqrt(Hz)",
                1e-3,
                "How fast velocities change: in t seconds by this times sqrt(t); higher lags less.",
            ),
            ("constant_velocity.angular_acceleration", 3.0, "rad/s^2/sqrt(Hz)", 1e-3, "The same of turning."),
            (
                "constant_velocity.position_noise",
                0.005,
                "m",
                1e-5,
                "How much positions differ between images of one scene, where the covariance is not valid.",
            ),
            ("constant_velocity.rotation_noise", 0.08, "rad", 1e-5, "The same of rotations."),
        )
    ),
    ParameterSpec(
        "smoothing.gate_probability",
        0.999,
        "Share of good measurements that the filter believes; others are outliers.",
        low=0.5,
        high=1 - 1e-9,
        dynamic=True,
    ),
    ParameterSpec(
        "smoothing.reset_after", 3, "So many outliers in a row begin the filter anew.", low=1, high=1000, dynamic=True
    ),
    ParameterSpec(
        "prediction.mode",
        "none",
        "Publish object_pose/predicted: the filtered pose moved on to now by its twist.",
        choices=("none", "twist"),
        dynamic=True,
    ),
    ParameterSpec(
        "prediction.longest", 0.25, "Nothing is predicted farther ahead.", unit="s", low=0.0, high=2.0, dynamic=True
    ),
    ParameterSpec("publish.markers", True, "Publish markers (when somebody subscribes).", dynamic=True),
    ParameterSpec(
        "publish.tf",
        True,
        "Publish transforms on /tf: the object's, and the wrist's with publish.wrist_tf.",
        dynamic=True,
    ),
    ParameterSpec("publish.wrist_tf", False, "Publish the wrist's transform on /tf, too.", dynamic=True),
    ParameterSpec("publish.debug_image", True, "Publish debug_image (when somebody subscribes).", dynamic=True),
    ParameterSpec("publish.hand_points", True, "Publish hand_points (when somebody subscribes).", dynamic=True),
    ParameterSpec("publish.free_surface", True, "Publish free_surface (when somebody subscribes).", dynamic=True),
    ParameterSpec("input_list", "", "CSV file for the stamps of what each image is worked on with; empty: none."),
    ParameterSpec("tf_pose", "raw", "Pose on /tf: raw or filtered.", choices=("raw", "filtered"), dynamic=True),
    ParameterSpec(
        "base_frame", "", "Frame of the robot; status says if no transform leads there from the camera; empty: never."
    ),
    ParameterSpec("tf_prefix", "", "Goes before the object's id in the name of its frame.", dynamic=True),
)

SPECS: Mapping[str, ParameterSpec] = {spec.name: spec for spec in PARAMETERS}


class Settings(Mapping[str, Value]):
    """Validated values of all parameters; missing ones have their defaults.

    Raises:
        ValueError: naming the parameter, what was expected and what was found.
    """

    def __init__(self, values: Mapping[str, Value] | None = None) -> None:
        self._values: dict[str, Value] = {spec.name: spec.default for spec in PARAMETERS} | dict(values or {})
        for name, value in self._values.items():
            if name not in SPECS:
                raise ValueError(f"parameter {name}: not known; known are: {', '.join(SPECS)}")
            problem = SPECS[name].problem(value)
            if problem:
                raise ValueError(problem)
        self._check_filter_is_there()

    def _check_filter_is_there(self) -> None:
        if self._values["smoothing.mode"] != "none":
            return
        for name, without in (("tf_pose", "raw"), ("prediction.mode", "none")):
            if self._values[name] != without:
                raise ValueError(
                    f"parameter {name}: expected '{without}', because with smoothing.mode 'none' nothing is filtered; "
                    f"found '{self._values[name]}'"
                )

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def changed(self, values: Mapping[str, Value]) -> "Settings":
        """These settings with some values replaced."""
        return Settings(self._values | dict(values))

    def text(self, name: str) -> str:
        """The value of a string parameter."""
        return str(self._values[name])

    def flag(self, name: str) -> bool:
        """The value of a bool parameter."""
        return bool(self._values[name])

    def number(self, name: str) -> float:
        """The value of a double or integer parameter."""
        value = self._values[name]
        assert isinstance(value, int | float)
        return float(value)

    def numbers(self, name: str) -> list[float]:
        """The value of a double array parameter."""
        value = self._values[name]
        assert isinstance(value, list)
        return value


def documentation() -> str:
    """The table as Markdown, the content of ``docs/parameters.md``."""
    rows = [
        f"| `{spec.name}` | {spec.type_name} | {_shown(spec.default)} | {spec.unit} | {spec.allowed} "
        f"| {'yes' if spec.dynamic else 'no'} | {spec.description} |"
        for spec in PARAMETERS
    ]
    head = (
        "# Parameters of `hand_object_pose_estimator`\n\n"
        "Written by `python -m hand_object_pose.ros.parameters`; do not edit. Parameters that are not dynamic take\n"
        "effect when the node is configured.\n\n"
        "| name | type | default | unit | allowed | dynamic | meaning |\n|---|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return str(value)
    return f'"{value}"' if isinstance(value, str) else f"{value:g}"


if __name__ == "__main__":
    print(documentation(), end="")
