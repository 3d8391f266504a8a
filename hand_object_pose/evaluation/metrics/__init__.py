"""Errors of hands, objects and their interaction, named after what they compare and how they align.

Arrays are batched over frames, metres, camera frame, prediction first, truth second. Every function returns one
value a frame unless it says otherwise.
"""
