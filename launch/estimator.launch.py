"""Starts the node, and on request RViz and a bag.

    ros2 launch hand_object_pose estimator.launch.py image:=/camera/color/image_raw object_id:=mug rviz:=true

Several cameras: launch it once for each, with another `namespace` and `tf_prefix` each time (docs/first_robot.md).

The node configures and activates itself (parameter `autostart`). Arguments left empty keep the value of the
parameter file, or the node's default; `--show-args` lists them.
"""

from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from hand_object_pose.ros.parameters import SPECS
from launch import LaunchContext, LaunchDescription

# Parameters of the node that are launch arguments, too.
PARAMETERS = (
    "object_id",
    "hand_side",
    "max_hands",
    "weights",
    "backend",
    "device",
    "objects_path",
    "image_transport",
    "depth_transport",
    "roi.mode",
    "root_depth.mode",
    "root_depth.value",
    "calibration_path",
    "smoothing.mode",
    "prediction.mode",
    "tf_pose",
    "max_frame_age",
    "tf_prefix",
    "base_frame",
    "autostart",
)
# Launch argument -> parameter: `roi_mode` is `roi.mode`.
PARAMETER_ARGUMENTS = {parameter.replace(".", "_"): parameter for parameter in PARAMETERS}
# Launch argument -> topic of the node, and what it is.
TOPIC_ARGUMENTS = {
    "image": ("image", "Colour image (without /compressed)."),
    "camera_info": ("camera_info", "Its CameraInfo; empty: beside the image."),
    "depth": ("depth/image", "Depth image aligned to the colour image."),
    "detections": ("detections", "Boxes of hands and objects (vision_msgs/Detection2DArray)."),
}
# Topics that move with an image when it is remapped.
TRANSPORTS = {"image": ("compressed",), "depth/image": ("compressed", "compressedDepth")}
# Argument, default, what it is.
OTHER_ARGUMENTS = (
    ("namespace", "", "Namespace of the node and its topics."),
    ("params_file", "", "Parameter file; empty: config/estimator.yaml of the package."),
    ("use_sim_time", "false", "Use /clock, for bags played with `ros2 bag play --clock`."),
    ("rviz", "false", "Start RViz."),
    ("frame", "camera_color_optical_frame", "Fixed frame of RViz: that of the images."),
    ("bag", "", "Play this bag again and again; its topics are /image, /camera_info, /depth/image, /detections."),
    ("respawn", "true", "Start the node again when it ends with an error."),
)


def generate_launch_description() -> LaunchDescription:
    """Arguments, and the function that looks at them."""
    parameters = [
        DeclareLaunchArgument(name, default_value="", description=_explained(parameter))
        for name, parameter in PARAMETER_ARGUMENTS.items()
    ]
    topics = [
        DeclareLaunchArgument(name, default_value="", description=f"Topic. {text}")
        for name, (_, text) in TOPIC_ARGUMENTS.items()
    ]
    others = [
        DeclareLaunchArgument(name, default_value=default, description=text) for name, default, text in OTHER_ARGUMENTS
    ]
    return LaunchDescription([*topics, *parameters, *others, OpaqueFunction(function=_actions)])


def _explained(parameter: str) -> str:
    spec = SPECS[parameter]
    return f"Parameter {parameter}: {spec.description} Default: {spec.default!r} {spec.unit}".rstrip()


def _actions(context: LaunchContext) -> list:
    def given(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    share = FindPackageShare("hand_object_pose")
    remappings = [(topic, given(name)) for name, (topic, _) in TOPIC_ARGUMENTS.items() if given(name)]
    actions = [_estimator(given, share, remappings)]
    if _is_true(given("rviz")):
        actions.append(_rviz(given, share))
    if given("bag"):
        actions.append(_player(given, remappings))
    return actions


def _estimator(given, share, remappings):
    overrides = {
        parameter: ParameterValue(given(name), value_type=type(SPECS[parameter].default))
        for name, parameter in PARAMETER_ARGUMENTS.items()
        if given(name)
    }
    overrides["use_sim_time"] = _is_true(given("use_sim_time"))
    default_file = PathJoinSubstitution([share, "config", "estimator.yaml"])
    return Node(
        package="hand_object_pose",
        executable="hand_object_pose_estimator",
        name="hand_object_pose_estimator",
        namespace=given("namespace"),
        parameters=[given("params_file") or default_file, overrides],
        remappings=remappings,
        respawn=_is_true(given("respawn")),
        respawn_delay=2.0,
        output="screen",
        emulate_tty=True,
    )


def _rviz(given, share):
    config = PathJoinSubstitution([share, "rviz", "estimator.rviz"])
    return Node(
        package="rviz2",
        executable="rviz2",
        namespace=given("namespace"),
        arguments=["-d", config, "-f", given("frame")],
        output="screen",
    )


def _player(given, remappings):
    renamed = [word for pair in _player_remappings(dict(remappings)) for word in ("-r", "{}:={}".format(*pair))]
    namespace = given("namespace").strip("/")
    if namespace:
        renamed += ["-r", f"__ns:=/{namespace}"]
    # Which of the two the bag holds is not known here; the player waits for those that it publishes.
    awaited = {"raw": ["/image"], "compressed": ["/image/compressed"]}
    topics = awaited.get(given("image_transport"), ["/image", "/image/compressed"])
    module = ["python3", "-m", "hand_object_pose.ros.bag_player"]
    play = [given("bag"), "--rounds", "0", "--relative", "--wait-for", *topics]
    return ExecuteProcess(cmd=[*module, *play, "--ros-args", *renamed], output="screen")


def _player_remappings(names):
    """Where the node listens: transports move with their image, and camera_info stays beside it."""
    for topic, name in names.items():
        yield topic, name
        yield from ((f"{topic}/{transport}", f"{name}/{transport}") for transport in TRANSPORTS.get(topic, ()))
    if "image" in names and "camera_info" not in names:
        folder, slash, _ = names["image"].rpartition("/")
        yield "camera_info", f"{folder}{slash}camera_info"


def _is_true(text: str) -> bool:
    return text.lower() in ("true", "1", "yes", "on")
