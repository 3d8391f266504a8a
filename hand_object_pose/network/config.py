"""Settings of the network, its three presets (``paper``, ``reference``, ``compact``) and their ablated variants."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backend import LixelGeometry

PresetName = Literal["paper", "reference", "compact"]
PRESETS: tuple[PresetName, ...] = get_args(PresetName)
LayerName = Literal["stem", "pool", "layer1", "layer2", "layer3", "layer4"]
AttentionKind = Literal["mutual", "none", "all_edge", "hand_to_object", "object_to_hand"]
VariantName = Literal["without_gcn", "without_attention", "all_edge", "object_to_hand", "hand_to_object", "mutual"]
VARIANTS: tuple[VariantName, ...] = get_args(VariantName)
"""The rows of the paper's Table 3, from above; see ``variant_of``."""
_ATTENTION_OF_VARIANT: dict[str, AttentionKind] = {
    "without_attention": "none",
    "all_edge": "all_edge",
    "object_to_hand": "object_to_hand",
    "hand_to_object": "hand_to_object",
    "mutual": "mutual",
}


LITE_CHANNELS = {"stem": 32, "layer1": 24, "layer2": 40, "layer3": 112, "layer4": 320}
"""Feature maps of EfficientNet-Lite0, see ``network.efficientnet_lite``."""


@dataclass(frozen=True)
class EncoderConfig:
    """One encoder (equations 4 and 7).

    Attributes:
        block: "bottleneck" (ResNet-50), "basic" (ResNet-18), or "lite" (EfficientNet-Lite0, which has one size: the
            other settings do not apply).
        stem_width: channels of the first convolution.
        widths: channels of the four stages before the block's expansion.
        blocks: blocks in each stage.
        stem_norm: BatchNorm after the stem's convolution; shortcut_norm: BatchNorm in the shortcuts.
    """

    block: Literal["basic", "bottleneck", "lite"] = "bottleneck"
    stem_width: int = 64
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    blocks: tuple[int, int, int, int] = (3, 4, 6, 3)
    stem_norm: bool = True
    shortcut_norm: bool = True

    @property
    def channels(self) -> dict[str, int]:
        """Channels of each named feature map."""
        if self.block == "lite":
            return LITE_CHANNELS
        expansion = 4 if self.block == "bottleneck" else 1
        stages = {f"layer{number}": width * expansion for number, width in enumerate(self.widths, start=1)}
        return {"stem": self.stem_width, "pool": self.stem_width, **stages}


@dataclass(frozen=True)
class NetworkConfig:
    """The whole network; the defaults are the ``paper`` preset.

    Attributes:
        preset: the name it was made under.
        image_size: W = H of the input, a multiple of 32.
        image_normalisation: "imagenet" (mean and deviation), or "bgr" (channels reversed, no scaling).
        bins: L, lixels along each axis; depth_radius: D in metres.
        upsampling: channels after each doubling of the last feature map; the last map must be L wide.
        object_head: "per_vertex" (one row of weights a vertex, as for the hand), or "template": rows computed from
            each vertex's place in the object's own frame, which objects share and unseen ones have, too.
        depth_head: "pooled" (global pooling, then 1-D layers to L bins), or "flattened" (the last feature map's
            positions serve as the L depth bins, as in the released network).
        joint_upsampling, mask_channels: widths of the two heads that only training has.
        global_channels: length of f_g's output in equation 10.
        sampled_layers: the set X of equation 10.
        scale_coordinates: rough (u, v, z) enter the node features scaled to [-1, 1] rather than in lixel units.
        template_in_node_features: append each vertex's place in the object's (or the resting hand's) own frame,
            in decimetres. A vote per node has to know where on the object its node sits: without it, nodes with
            like pictures around them could not tell a vote apart.
        refinement: the second stage (section 3.3). Without it the refined hand is the rough one, and the object's pose
            is the rigid motion that best takes the template to the rough object mesh (Kabsch).
        head_hidden, node_channels, tail_hidden: widths of the graph convolutions; node_channels is F.
        attention: what nodes of one graph learn from the other: "mutual" (equations 13 to 17), "none", one direction of
            the two ("hand_to_object": object nodes attend to hand nodes; "object_to_hand": the converse), or
            "all_edge": every node takes in the mean over all nodes of both graphs.
        attention_kernel: taps of the query, key, value and fusion layers along the vertex index, 1 or 3.
        residual_blocks: graph residual blocks between attention and tail.
        attention_after_every_block: another attention layer after each residual block.
        rotation_mean: "proper" (on SO(3)), or "componentwise".
        rotation_votes: "absolute", or "relative" to the rotation that best takes the template to the rough object mesh:
            a node sees its neighbourhood, but that rotation is a matter of all nodes.
        translation_votes: "metric", relative to the wrist, or "lixel": each node votes for where the object's origin
            is relative to its own rough place, in lixel units, lifted like the meshes. A crop does not show its metric
            scale; metric votes have to guess it, lixel votes do not.
        translation_scale: metres, or lixel units, of a raw translation vote of one.
        joints_in_grid, viewing_direction_compensated: see ``LixelGeometry``.
    """

    preset: PresetName = "paper"
    image_size: int = 256
    image_normalisation: Literal["imagenet", "bgr"] = "imagenet"
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    bins: int = 64
    depth_radius: float = 0.15
    upsampling: tuple[int, ...] = (256, 256, 256)
    object_head: Literal["per_vertex", "template"] = "per_vertex"
    depth_head: Literal["pooled", "flattened"] = "pooled"
    depth_channels: int = 256
    joint_upsampling: tuple[int, ...] = (256, 256, 256)
    mask_channels: tuple[int, ...] = (1024, 512, 256, 64)
    global_channels: int = 512
    sampled_layers: tuple[LayerName, ...] = ("stem", "pool", "layer1")
    scale_coordinates: bool = True
    template_in_node_features: bool = False
    refinement: bool = True
    head_hidden: int = 256
    node_channels: int = 64
    tail_hidden: int = 32
    attention: AttentionKind = "mutual"
    attention_kernel: Literal[1, 3] = 1
    residual_blocks: int = 3
    attention_after_every_block: bool = False
    rotation_mean: Literal["proper", "componentwise"] = "proper"
    rotation_votes: Literal["absolute", "relative"] = "absolute"
    translation_votes: Literal["metric", "lixel"] = "metric"
    translation_scale: float = 0.1
    joints_in_grid: bool = False
    viewing_direction_compensated: bool = True

    def __post_init__(self) -> None:
        last = self.image_size // 32
        for name in ("upsampling", "joint_upsampling"):
            width = last * 2 ** len(getattr(self, name))
            if width != self.bins:
                raise ValueError(f"{name}: {self.image_size} pixels end {width} wide, but bins is {self.bins}")
        if self.depth_head == "flattened" and last**2 != self.bins:
            raise ValueError(f"depth_head 'flattened' needs {last**2} bins, but bins is {self.bins}")
        if not self.refinement and (self.rotation_votes, self.translation_votes) != ("relative", "lixel"):
            raise ValueError(
                "refinement: without it the pose is the rough mesh's, 'relative' to it and in 'lixel' units"
            )

    @property
    def lixels(self) -> LixelGeometry:
        """What turns this network's coordinates into pixels and metres."""
        return LixelGeometry(
            image_size=self.image_size,
            bins=self.bins,
            depth_radius=self.depth_radius,
            joints_in_grid=self.joints_in_grid,
            origin_in_lixels=self.translation_votes == "lixel",
            viewing_direction_compensated=self.viewing_direction_compensated,
        )

    @property
    def local_channels(self) -> int:
        """Channels of a node's own features: coordinates, image, sampled layers, place in the template."""
        sampled = sum(self.encoder.channels[name] for name in self.sampled_layers)
        return 3 + 3 + sampled + (3 if self.template_in_node_features else 0)


def preset_config(name: str) -> NetworkConfig:
    """The configuration of a preset, or of a variant of it: "compact", "compact/without_attention".

    Raises:
        UserError: no such preset or variant.
    """
    preset, slash, variant = name.partition("/")
    return variant_of(_preset(preset), variant) if slash else _preset(preset)


def variant_of(config: NetworkConfig, name: str) -> NetworkConfig:
    """The network of one row of the paper's Table 3, all else as in ``config``.

    "object_to_hand" and "hand_to_object" are named after the direction that is left: the table's rows "w/o
    hand-to-object" and "w/o object-to-hand".

    Raises:
        UserError: no such variant.
    """
    if name == "without_gcn":
        # Attention is part of what is left out; saying so makes equal networks have equal configurations.
        rough = {"rotation_votes": "relative", "translation_votes": "lixel"}
        return replace(config, refinement=False, attention="none", **rough)  # type: ignore[arg-type]
    if name in _ATTENTION_OF_VARIANT:
        return replace(config, attention=_ATTENTION_OF_VARIANT[name])
    raise UserError(f"network variant '{name}' does not exist; choose one of {', '.join(VARIANTS)}")


def _preset(name: str) -> NetworkConfig:
    if name == "paper":
        return NetworkConfig()
    if name == "reference":
        return NetworkConfig(
            preset="reference",
            image_normalisation="bgr",
            encoder=EncoderConfig(stem_norm=False, shortcut_norm=False),
            depth_head="flattened",
            scale_coordinates=False,
            attention_kernel=3,
            residual_blocks=0,
            rotation_mean="componentwise",
            translation_scale=1.0,
            joints_in_grid=True,
            viewing_direction_compensated=False,
        )
    if name == "compact":
        return NetworkConfig(
            preset="compact",
            image_size=128,
            encoder=EncoderConfig("lite"),
            bins=32,
            depth_radius=0.25,
            upsampling=(64, 64, 64),
            object_head="template",
            depth_channels=64,
            joint_upsampling=(32, 32, 32),
            mask_channels=(48, 32, 24),
            global_channels=128,
            sampled_layers=("stem", "layer1", "layer2"),
            template_in_node_features=True,
            rotation_votes="relative",
            translation_votes="lixel",
            translation_scale=4.0,
            head_hidden=64,
            node_channels=32,
        )
    raise UserError(f"network preset '{name}' does not exist; choose one of {', '.join(PRESETS)}")


def config_to_dict(config: NetworkConfig) -> dict[str, Any]:
    """Plain data, for JSON."""
    return asdict(config)


def config_from_dict(data: dict[str, Any]) -> NetworkConfig:
    """The inverse of ``config_to_dict``, after JSON made tuples into lists.

    Raises:
        TypeError: a setting that this version does not know.
    """

    def tuples(values: dict[str, Any]) -> dict[str, Any]:
        return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}

    encoder = EncoderConfig(**tuples(data["encoder"]))
    return NetworkConfig(**{**tuples(data), "encoder": encoder})
