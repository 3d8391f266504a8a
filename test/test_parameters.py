"""The parameter table: its own consistency, the documentation, the configuration file, and the running node."""

import os
import threading
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hand_object_pose.demo.configuration import DemoConfig
from hand_object_pose.estimation import region_of_interest, root_depth_modes
from hand_object_pose.estimation.backend import PRECISIONS, SINGLE
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.ros.estimator_factory import estimator_config
from hand_object_pose.ros.parameters import PARAMETERS, SPECS, Settings, documentation

ROOT = Path(__file__).resolve().parent.parent


def test_defaults_are_valid_and_names_unique():
    assert len(SPECS) == len(PARAMETERS)
    assert dict(Settings()) == {spec.name: spec.default for spec in PARAMETERS}


def test_the_table_agrees_with_the_estimator():
    assert estimator_config(Settings({"roi.box": [0.0] * 4})) == EstimatorConfig(roi_box=(0.0,) * 4)
    assert set(SPECS["roi.mode"].choices) == {*region_of_interest.MODES, "detections"}
    assert estimator_config(Settings({"roi.mode": "detections"})).roi_mode == "topic"
    assert set(SPECS["root_depth.mode"].choices) == set(root_depth_modes.MODES)
    assert (SPECS["precision"].default, SPECS["precision"].choices) == (SINGLE, PRECISIONS)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_numbers_are_accepted_exactly_inside_their_range(value):
    spec = SPECS["max_frame_age"]
    assert (spec.problem(value) is None) == (spec.low <= value <= spec.high)


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("hand_side", "middle", "right, left"),
        ("precision", "float64", "float32, float16, bfloat16"),
        ("max_frame_age", "soon", "double"),
        ("max_frame_age", -1.0, "0.01 to 60"),
        ("roi.box", [1.0, 2.0], "4 numbers"),
        ("autostart", 1, "bool"),
        ("nonsense", 1, "not known"),
    ],
)
def test_wrong_values_are_refused_with_name_and_expectation(name, value, word):
    with pytest.raises(ValueError, match=word) as error:
        Settings({name: value})
    assert name in str(error.value)


def test_the_documentation_is_up_to_date():
    written = (ROOT / "docs" / "parameters.md").read_text()
    assert written == documentation(), "run: python -m hand_object_pose.ros.parameters > docs/parameters.md"


def test_the_configuration_file_names_known_parameters_with_valid_values():
    content = yaml.safe_load((ROOT / "config" / "estimator.yaml").read_text())
    values = content["/**/hand_object_pose_estimator"]["ros__parameters"]
    flat = dict(flattened(values))
    assert Settings(flat)
    assert set(flat) <= set(SPECS)


def flattened(values, prefix=""):
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flattened(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def test_the_running_node_has_the_table(tmp_path):
    rclpy = pytest.importorskip("rclpy")
    pytest.importorskip("hand_object_pose_msgs.msg")
    from hand_object_pose.ros.node import EstimatorNode

    os.environ.setdefault("ROS_LOG_DIR", str(tmp_path))
    rclpy.init()
    try:
        node = EstimatorNode(lambda settings: None)
        foreign = {"use_sim_time", "start_type_description_service"}
        assert set(node._parameters) - foreign == set(SPECS)
        for spec in PARAMETERS:
            descriptor = node.describe_parameter(spec.name)
            assert spec.description in descriptor.description
            value = node.get_parameter(spec.name).value
            assert (list(value) if isinstance(spec.default, list) else value) == spec.default
            for bounds in descriptor.floating_point_range:
                assert (bounds.from_value, bounds.to_value) == (spec.low, spec.high)
        node.destroy_node()
    finally:
        rclpy.try_shutdown()


def test_the_demo_measures_the_node_as_it_is_launched() -> None:
    assert DemoConfig().threads == Settings().number("threads")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-p", "object_id:=5"], "'object_id' to '5' of type 'INTEGER', expecting type 'STRING'"),
        (["-p", "root_depth.value:=1"], "expecting type 'DOUBLE': root_depth.value; a double is written with a point"),
        (["-p", "confidence_threshold:=2.0"], "confidence_threshold out of range Min: 0.0, Max: 1.0"),
        (["--params-file", "nowhere.yaml"], "ROS does not accept the arguments: "),
        (["--bogus"], "ROS does not accept the arguments: ['--bogus']"),
    ],
)
def test_arguments_that_cannot_be_end_the_node_in_words(arguments, words, tmp_path, monkeypatch, capsys):
    rclpy = pytest.importorskip("rclpy")
    pytest.importorskip("hand_object_pose_msgs.msg")
    from hand_object_pose.ros import main as program

    monkeypatch.setenv("ROS_LOG_DIR", str(tmp_path))
    # The handlers of signals belong to the test process.
    monkeypatch.setattr(program, "stop_on_signals", threading.Event)
    assert program.main(["--ros-args", *arguments]) == 2
    assert not rclpy.ok()
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
