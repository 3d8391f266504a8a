"""The launch file: it compiles, its arguments are those of the parameter table, and with `launch` installed it runs."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import yaml

from hand_object_pose.ros.parameters import SPECS

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "launch" / "estimator.launch.py"
SUBSCRIBED = {"image", "camera_info", "depth/image", "detections"}
NEEDED = {"image", "camera_info", "depth", "detections", "object_id", "weights", "device", "rviz", "bag"}


def test_parameter_arguments_are_those_of_the_table_and_show_args_explains_them(monkeypatch):
    module = loaded_alone(monkeypatch)
    assert set(module.PARAMETERS) <= set(SPECS)
    assert module.PARAMETER_ARGUMENTS["root_depth_value"] == "root_depth.value"
    description = module._explained("root_depth.value")
    assert description == "Parameter root_depth.value: The wrist's depth in root_depth.mode fixed. Default: 0.6 m"


def test_arguments_become_parameters_of_the_tables_types(monkeypatch):
    given = {"object_id": "5", "root_depth_value": "1", "max_hands": "3", "autostart": "false"}
    node = loaded_alone(monkeypatch)._estimator(lambda name: given.get(name, ""), "share", [])
    types = {name: value.value_type for name, value in node.parameters[1].items() if name != "use_sim_time"}
    assert types == {"object_id": str, "root_depth.value": float, "max_hands": int, "autostart": bool}


def test_topics_are_those_of_the_node_and_nothing_needed_is_missing(monkeypatch):
    module = loaded_alone(monkeypatch)
    assert {topic for topic, _ in module.TOPIC_ARGUMENTS.values()} == SUBSCRIBED
    others = {name for name, _, _ in module.OTHER_ARGUMENTS}
    names = {*module.TOPIC_ARGUMENTS, *module.PARAMETER_ARGUMENTS}
    assert not others & names
    assert names | others >= NEEDED


def test_files_that_the_launch_file_names_are_there_and_installed():
    source, setup = FILE.read_text(), (ROOT / "setup.py").read_text()
    for folder, name in (("config", "estimator.yaml"), ("rviz", "estimator.rviz")):
        assert f'"{folder}", "{name}"' in source
        assert (ROOT / folder / name).is_file()
        assert f"/{folder}" in setup
    assert "hand_object_pose_estimator = " in setup


def test_rviz_shows_topics_that_the_node_publishes():
    config = yaml.safe_load((ROOT / "rviz" / "estimator.rviz").read_text())
    topics = {
        display["Topic"]["Value"] for display in config["Visualization Manager"]["Displays"] if "Topic" in display
    }
    published = "".join(path.read_text() for path in (ROOT / "hand_object_pose" / "ros").glob("*publishers.py"))
    assert topics == {
        "debug_image",
        "free_surface",
        "hand_joints/filtered",
        "hand_points",
        "markers",
        "object_pose",
        "object_pose/filtered",
        "object_pose/predicted",
        "objects",
    }
    assert all(f'"{topic}"' in published for topic in topics)


class Anything(ModuleType):
    """A module of which any name can be imported: a class that keeps its arguments."""

    def __getattr__(self, name):
        return type(name, (SimpleNamespace,), {"__init__": lambda self, *a, **k: self.__dict__.update(k)})


def loaded_alone(monkeypatch):
    """The launch file's module, with launch classes that do nothing."""
    modules = ("launch", "launch.actions", "launch.substitutions", "launch_ros", "launch_ros.actions")
    for name in (*modules, "launch_ros.parameter_descriptions", "launch_ros.substitutions"):
        monkeypatch.setitem(sys.modules, name, Anything(name))
    spec = importlib.util.spec_from_file_location("estimator_launch_alone", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def player_command(monkeypatch, **given):
    """The command of the bag player."""
    module = loaded_alone(monkeypatch)
    remappings = [(topic, given[name]) for name, (topic, _) in module.TOPIC_ARGUMENTS.items() if given.get(name)]
    return module._player(lambda name: given.get(name, ""), remappings).cmd


BAG_TYPES = {
    "/image": "sensor_msgs/msg/Image",
    "/image/compressed": "sensor_msgs/msg/CompressedImage",
    "/camera_info": "sensor_msgs/msg/CameraInfo",
    "/depth/image/compressedDepth": "sensor_msgs/msg/CompressedImage",
    "/tf": "tf2_msgs/msg/TFMessage",
}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [*BAG_TYPES]),
        (
            {"namespace": "x"},
            ["/x/image", "/x/image/compressed", "/x/camera_info", "/x/depth/image/compressedDepth", "/tf"],
        ),
        (
            {"namespace": "/x", "image": "cam/colour", "depth": "/deep"},
            ["/x/cam/colour", "/x/cam/colour/compressed", "/x/cam/camera_info", "/deep/compressedDepth", "/tf"],
        ),
        (
            {"image": "/cam/colour", "camera_info": "/info"},
            ["/cam/colour", "/cam/colour/compressed", "/info", "/depth/image/compressedDepth", "/tf"],
        ),
    ],
)
def test_the_player_publishes_where_the_node_listens(monkeypatch, given, expected):
    rclpy = pytest.importorskip("rclpy")
    import tyro

    from hand_object_pose.bags.bag_types import typestore
    from hand_object_pose.ros.bag_player import BagPlayer, PlayerConfig
    from hand_object_pose.ros.processes import split_ros_arguments

    command = player_command(monkeypatch, bag="some/bag", **given)
    own, for_ros = split_ros_arguments(command[3:])
    config = tyro.cli(PlayerConfig, args=own)
    assert config.wait_for == ("/image", "/image/compressed")
    rclpy.init()
    node = rclpy.create_node("bag_player", cli_args=for_ros, use_global_arguments=False)
    try:
        source = SimpleNamespace(types=BAG_TYPES, store=typestore(), period=1)
        player = BagPlayer(node, source, config)
        names = {topic: publisher.topic_name for topic, publisher in player._publishers.items()}
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    assert names == dict(zip(BAG_TYPES, expected, strict=True))


def test_the_player_waits_for_the_transport_that_is_chosen(monkeypatch):
    command = player_command(monkeypatch, bag="some/bag", image_transport="compressed")
    assert command[command.index("--wait-for") + 1 : command.index("--ros-args")] == ["/image/compressed"]


def test_the_description_is_made_where_launch_is_installed(monkeypatch):
    launch = pytest.importorskip("launch")
    pytest.importorskip("launch_ros")
    spec = importlib.util.spec_from_file_location("estimator_launch", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    description = module.generate_launch_description()
    context = launch.LaunchContext()
    declared = {argument.name for argument in description.get_launch_arguments()}
    assert declared >= NEEDED
    context.launch_configurations.update({argument.name: "" for argument in description.get_launch_arguments()})
    context.launch_configurations.update(image="/camera/image", object_id="mug", rviz="true", bag="/tmp/bag")
    actions = module._actions(context)
    assert [type(action).__name__ for action in actions] == ["Node", "Node", "ExecuteProcess"]
