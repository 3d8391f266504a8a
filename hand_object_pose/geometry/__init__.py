"""Cameras and crops, rigid motions, meshes, signed distances. Metres; optical frame of REP 103."""
