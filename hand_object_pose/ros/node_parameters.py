"""Declares the parameter table on a node and reads it back."""

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from hand_object_pose.ros.parameters import PARAMETERS, SPECS, ParameterSpec, Settings, Value


def declare_parameters(node: Node) -> None:
    """Declare every parameter of the table, with description, range and type."""
    for spec in PARAMETERS:
        node.declare_parameter(spec.name, spec.default, _descriptor(spec))


def read_settings(node: Node) -> Settings:
    """The values a node's parameters have.

    Raises:
        ValueError: naming the parameter that is out of range.
    """
    return Settings({spec.name: _plain(spec, node.get_parameter(spec.name).value) for spec in PARAMETERS})


def requested_changes(parameters: list[Parameter]) -> dict[str, Value]:
    """The table's parameters among those that are to be set (others, such as use_sim_time, are not ours)."""
    return {entry.name: _plain(SPECS[entry.name], entry.value) for entry in parameters if entry.name in SPECS}


def _plain(spec: ParameterSpec, value: object) -> Value:
    if isinstance(spec.default, list):
        return [float(number) for number in value]  # type: ignore[attr-defined]
    return value  # type: ignore[return-value]


def _descriptor(spec: ParameterSpec) -> ParameterDescriptor:
    unit = f" [{spec.unit}]" if spec.unit else ""
    descriptor = ParameterDescriptor(name=spec.name, description=spec.description + unit)
    if spec.allowed:
        descriptor.additional_constraints = spec.allowed
    if type(spec.default) is int and spec.low is not None and spec.high is not None:
        descriptor.integer_range = [IntegerRange(from_value=int(spec.low), to_value=int(spec.high), step=1)]
    if isinstance(spec.default, float):
        low = -1e300 if spec.low is None else spec.low
        high = 1e300 if spec.high is None else spec.high
        descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    return descriptor
