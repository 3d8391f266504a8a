"""Joint orders and the tables that convert between them.

Inside this project a hand has 21 joints: wrist, then four each of thumb, index, middle, ring and little
finger, base to tip. MANO files hold 16 in another order and no tips.
"""

FINGER_NAMES = ("thumb", "index", "middle", "ring", "little")
JOINT_NAMES = ("wrist", *(f"{finger}_{number}" for finger in FINGER_NAMES for number in range(1, 5)))
NUM_JOINTS = len(JOINT_NAMES)
WRIST = 0
FINGERTIPS = (4, 8, 12, 16, 20)
# Of each joint, the one nearer to the wrist; -1: none.
JOINT_PARENTS = (-1, 0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 13, 14, 15, 0, 17, 18, 19)
# Joints at both ends of the 20 bones, the one nearer to the wrist first.
BONES = tuple((parent, joint) for joint, parent in enumerate(JOINT_PARENTS) if parent >= 0)

# MANO's 16 joints followed by the tips of thumb, index, middle, ring, little -> the order of this project (manopth).
MANO_WITH_TIPS_TO_STANDARD = (0, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20)
# The order of HO3D files equals MANO's with tips; this is its inverse.
STANDARD_TO_HO3D = (0, 5, 6, 7, 9, 10, 11, 17, 18, 19, 13, 14, 15, 1, 2, 3, 4, 8, 12, 16, 20)

# Which finger MANO's 16 joints belong to: -1 is the palm.
MANO_JOINT_FINGER = (-1, 1, 1, 1, 2, 2, 2, 4, 4, 4, 3, 3, 3, 0, 0, 0)
MANO_PARENTS = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14)
