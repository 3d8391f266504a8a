"""Synthetic scenes: grasps, rendering, sequences. Used by the demo and by training; needs the synthesis install."""
