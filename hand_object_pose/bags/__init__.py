"""rosbag2 files and ROS messages, read and written without ROS."""
