"""Between the network's lixels and metres in the camera frame (equations 1 to 3 and the pinhole), both ways.

Every function takes NumPy arrays or PyTorch tensors, batched: training supervises with what estimation computes.
Lixel coordinates (u, v, z) lie in [0, L); u and v scale to pixels of the crop, z to depth relative to the wrist's.
"""

from hand_object_pose.arrays import Array, namespace
from hand_object_pose.checks import check_shape
from hand_object_pose.estimation.backend import LixelGeometry


def lixels_to_camera(lixels: Array, matrix: Array, root_depth: Array, geometry: LixelGeometry) -> Array:
    """Points (B, N, 3) in metres, camera frame.

    Args:
        lixels: (B, N, 3).
        matrix: K of the crop's camera (B, 3, 3), pixels.
        root_depth: r_z, depth of the wrist (B,), metres.
        geometry: see ``LixelGeometry``.
    """
    check_shape("lixels", lixels, ("B", "N", 3))
    check_shape("matrix", matrix, ("B", 3, 3))
    pixels = lixels[..., :2] * (geometry.image_size / geometry.bins)
    depth = lixels_to_relative_depth(lixels[..., 2:], geometry) + root_depth[:, None, None]
    focal, principal = _focal_and_principal(matrix)
    return namespace(lixels).concatenate([(pixels - principal) / focal * depth, depth], axis=-1)


def camera_to_lixels(points: Array, matrix: Array, root_depth: Array, geometry: LixelGeometry) -> Array:
    """The inverse of ``lixels_to_camera``: lixels (B, N, 3) of points (B, N, 3) in metres, z > 0."""
    check_shape("points", points, ("B", "N", 3))
    check_shape("matrix", matrix, ("B", 3, 3))
    depth = points[..., 2:]
    focal, principal = _focal_and_principal(matrix)
    pixels = points[..., :2] / depth * focal + principal
    relative = depth - root_depth[:, None, None]
    z = (relative / geometry.depth_radius + 1.0) * (geometry.bins / 2)
    return namespace(points).concatenate([pixels * (geometry.bins / geometry.image_size), z], axis=-1)


def lixels_to_relative_depth(z: Array, geometry: LixelGeometry) -> Array:
    """Depth relative to the wrist in metres of z lixels of any shape (equation 3 without r_z)."""
    return (z * (2.0 / geometry.bins) - 1.0) * geometry.depth_radius


class Lift:
    """Lifts one batch of crops: K and root depth are given once."""

    def __init__(self, matrix: Array, root_depth: Array, geometry: LixelGeometry) -> None:
        """K (B, 3, 3) of the crops' cameras in pixels, wrist depths (B,) in metres, and the lixels' geometry."""
        check_shape("matrix", matrix, ("B", 3, 3))
        check_shape("root_depth", root_depth, (matrix.shape[0],))
        self.matrix = matrix
        self.root_depth = root_depth
        self.geometry = geometry

    def points(self, lixels: Array) -> Array:
        """Points (B, N, 3) in metres, camera frame, of lixels (B, N, 3)."""
        return lixels_to_camera(lixels, self.matrix, self.root_depth, self.geometry)

    def lixels(self, points: Array) -> Array:
        """Lixels (B, N, 3) of points (B, N, 3) in metres, camera frame."""
        return camera_to_lixels(points, self.matrix, self.root_depth, self.geometry)

    def translation(self, votes: Array, wrist: Array, viewing_rotation: Array) -> Array:
        """Translations t_v (B, N, 3) in metres, relative to the wrist, in the virtual camera's frame.

        Args:
            votes: (B, N, 3) as the network votes, see ``LixelGeometry.origin_in_lixels``.
            wrist: (B, 3), metres, camera frame; viewing_rotation: R_view (B, 3, 3).
        """
        if not self.geometry.origin_in_lixels:
            return votes
        return (self.points(votes) - wrist[:, None]) @ viewing_rotation

    def joints(self, lixels: Array, regressor: Array) -> Array:
        """Joints (B, 21, 3) in metres of hand lixels (B, 778, 3), regressed by G (21, 778) of equation 22."""
        if self.geometry.joints_in_grid:
            return self.points(regressor @ lixels)
        return regressor @ self.points(lixels)


def object_to_camera(rotation: Array, translation: Array, wrist: Array, viewing_rotation: Array) -> tuple[Array, Array]:
    """The object's pose in the camera frame from what the network votes in the virtual camera's frame.

    R = R_view R_v and t = wrist + R_view t_v, where the virtual camera looks through the crop's centre
    (``geometry.crops.viewing_rotation``); the identity where the weights vote in the camera frame.

    Args:
        rotation: R_v (B, 3, 3); translation: t_v (B, 3), metres, relative to the wrist.
        wrist: (B, 3), metres, camera frame; viewing_rotation: R_view (B, 3, 3).
    """
    turned = viewing_rotation @ translation[..., None]
    return viewing_rotation @ rotation, wrist + turned[..., 0]


def object_from_camera(
    rotation: Array, translation: Array, wrist: Array, viewing_rotation: Array
) -> tuple[Array, Array]:
    """The inverse of ``object_to_camera``: R_v and t_v of the object's R and t in the camera frame."""
    inverse = namespace(viewing_rotation).swapaxes(viewing_rotation, -1, -2)
    relative = inverse @ (translation - wrist)[..., None]
    return inverse @ rotation, relative[..., 0]


def _focal_and_principal(matrix: Array) -> tuple[Array, Array]:
    stack = namespace(matrix).stack
    focal = stack([matrix[:, 0, 0], matrix[:, 1, 1]], -1)[:, None]
    return focal, matrix[:, None, :2, 2]
