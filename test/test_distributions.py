"""What differs between ROS distributions."""

import importlib
import sys
from types import SimpleNamespace

import pytest

from hand_object_pose.ros.localhost import localhost_only


def test_this_machine_only_in_the_words_of_each_distribution():
    assert localhost_only("humble") == {"ROS_LOCALHOST_ONLY": "1"}
    for newer in ("iron", "jazzy", "kilted", ""):
        assert localhost_only(newer) == {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}


def test_events_are_found_in_humbles_module_too(monkeypatch):
    pytest.importorskip("rclpy")
    name = "hand_object_pose.ros.qos_events"
    monkeypatch.setitem(sys.modules, "rclpy.event_handler", None)
    monkeypatch.setitem(sys.modules, "rclpy.qos_event", SimpleNamespace(SubscriptionEventCallbacks="humble's"))
    monkeypatch.delitem(sys.modules, name, raising=False)
    assert importlib.import_module(name).SubscriptionEventCallbacks == "humble's"
    monkeypatch.undo()
    sys.modules.pop(name)
    from rclpy.event_handler import SubscriptionEventCallbacks

    assert importlib.import_module(name).SubscriptionEventCallbacks is SubscriptionEventCallbacks
