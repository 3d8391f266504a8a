"""What RViz draws: hand, object and contacts. Fixed namespaces and ids; DELETE where there is no estimate."""

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Vector3
from numpy.typing import NDArray
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.ros.results import SIDES
from hand_object_pose_msgs.msg import HandObjectEstimates

_LIFETIME = Duration(nanosec=500_000_000)
_SKIN = ColorRGBA(r=0.91, g=0.71, b=0.58, a=0.9)
_OBJECT = ColorRGBA(r=0.35, g=0.6, b=0.85, a=0.9)
_DEEP = ColorRGBA(r=0.85, g=0.1, b=0.1, a=1.0)
_TOUCHING = ColorRGBA(r=1.0, g=0.8, b=0.1, a=1.0)
_SHALLOW = ColorRGBA(r=0.2, g=0.7, b=0.3, a=1.0)
_DEPTH_STEP = 0.002
_NAMESPACES = ("hand", "object", "contacts")


def markers_message(estimates: HandObjectEstimates, hand: HandModel, mesh_uris: dict[str, str]) -> MarkerArray:
    """Markers of all estimates.

    Args:
        estimates: what is published on `estimate`.
        hand: the model that they were made with, of either side.
        mesh_uris: `package://` or `file://` URI of each object's CAD file; objects without one are not drawn.
    """
    markers: list[Marker] = []
    faces = {number: hand.faces_of(side) for side, number in SIDES.items()}
    for number, estimate in enumerate(estimates.estimates):
        if not estimate.valid:
            markers.extend(_deleted(estimates.header, number))
            continue
        markers.append(_hand(estimates.header, number, estimate.hand, faces.get(estimate.hand.side, hand.faces)))
        markers.append(_object(estimates.header, number, estimate.object, mesh_uris))
        markers.append(_contacts(estimates.header, number, estimate.contacts))
    return MarkerArray(markers=markers or _deleted(estimates.header, 0))


def _deleted(header: Header, number: int) -> list[Marker]:
    return [Marker(header=header, ns=name, id=number, action=Marker.DELETE) for name in _NAMESPACES]


def _marker(header: Header, namespace: str, number: int, kind: int, scale: float) -> Marker:
    marker = Marker(header=header, ns=namespace, id=number, type=kind, action=Marker.ADD, lifetime=_LIFETIME)
    marker.scale = Vector3(x=scale, y=scale, z=scale)
    marker.pose.orientation.w = 1.0
    return marker


def _hand(header: Header, number: int, hand: object, faces: NDArray) -> Marker:
    marker = _marker(header, "hand", number, Marker.TRIANGLE_LIST, 1.0)
    flat = hand.vertices  # type: ignore[attr-defined]
    points = [Point(x=flat[i], y=flat[i + 1], z=flat[i + 2]) for i in range(0, len(flat), 3)]
    if not points:
        marker.action = Marker.DELETE
        return marker
    marker.color = _SKIN
    # The same 778 points are referred to again and again: building 4614 would take most of the time.
    marker.points = [points[vertex] for vertex in faces.ravel().tolist()]
    return marker


def _object(header: Header, number: int, estimate: object, mesh_uris: dict[str, str]) -> Marker:
    marker = _marker(header, "object", number, Marker.MESH_RESOURCE, 1.0)
    uri = mesh_uris.get(estimate.object_id, "")  # type: ignore[attr-defined]
    if not uri or not estimate.valid:  # type: ignore[attr-defined]
        marker.action = Marker.DELETE
        return marker
    marker.pose = estimate.pose.pose  # type: ignore[attr-defined]
    marker.mesh_resource = uri
    marker.mesh_use_embedded_materials = True
    marker.color = _OBJECT
    return marker


def _contacts(header: Header, number: int, contacts: list) -> Marker:
    marker = _marker(header, "contacts", number, Marker.SPHERE_LIST, 0.004)
    if not contacts:
        marker.action = Marker.DELETE
        return marker
    marker.points = [contact.position for contact in contacts]
    marker.colors = [_contact_colour(contact.signed_distance) for contact in contacts]
    return marker


def _contact_colour(signed_distance: float) -> ColorRGBA:
    if signed_distance < -_DEPTH_STEP:
        return _DEEP
    return _TOUCHING if signed_distance < _DEPTH_STEP else _SHALLOW
