"""Which topics the node subscribes to, once remapping and transports are taken into account."""

from rclpy.node import Node

from hand_object_pose.ros.frames import TopicNames
from hand_object_pose.ros.parameters import Settings


def resolve_topics(node: Node, settings: Settings) -> TopicNames:
    """Resolved names; `camera_info` is the sibling of the image unless it is remapped itself."""
    return TopicNames(
        image=_transported(node, "image", settings.text("image_transport")),
        camera_info=_camera_info(node),
        depth=_depth(node, settings),
        detections=node.resolve_topic_name("detections"),
    )


def _camera_info(node: Node) -> str:
    if _is_remapped(node, "camera_info"):
        return node.resolve_topic_name("camera_info")
    return sibling(node.resolve_topic_name("image"), "camera_info")


def _depth(node: Node, settings: Settings) -> str:
    if settings.text("root_depth.mode") == "ground_truth":
        return node.resolve_topic_name("ground_truth")
    return _transported(node, "depth/image", settings.text("depth_transport"))


def _transported(node: Node, base: str, transport: str) -> str:
    if transport == "raw":
        return node.resolve_topic_name(base)
    name = f"{base}/{transport}"
    # As image_transport: remapping the base name moves the transport's topic with it.
    return node.resolve_topic_name(name) if _is_remapped(node, name) else f"{node.resolve_topic_name(base)}/{transport}"


def _is_remapped(node: Node, name: str) -> bool:
    return node.resolve_topic_name(name) != node.resolve_topic_name(name, only_expand=True)


def sibling(topic: str, name: str) -> str:
    """The topic of that name beside another."""
    return topic.rsplit("/", 1)[0] + "/" + name
