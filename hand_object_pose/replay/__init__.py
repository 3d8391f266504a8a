"""Reads recorded data of any kind and shows it to the estimator, frame by frame, without ROS."""
