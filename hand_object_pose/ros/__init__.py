"""The ROS layer: messages in, messages out, parameters, lifecycle; no mathematics."""
