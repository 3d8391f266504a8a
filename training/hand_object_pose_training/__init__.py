"""Training pipeline of hand_object_pose."""
