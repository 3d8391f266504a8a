"""The whole network: two encoders, rough meshes, refinement."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hand_object_pose.checks import check_shape
from hand_object_pose.geometry.neighbours import neighbour_table
from hand_object_pose.hand.hand_model import NUM_HAND_VERTICES, HandModel
from hand_object_pose.hand.joints import NUM_JOINTS
from hand_object_pose.network.attention import Maps
from hand_object_pose.network.config import NetworkConfig
from hand_object_pose.network.efficientnet_lite import LiteBranch, LiteTrunk
from hand_object_pose.network.encoder import Encoder, ImageNormalisation
from hand_object_pose.network.lixels import LixelHead, TemplateLixelHead
from hand_object_pose.network.mask_head import MaskHead
from hand_object_pose.network.refinement import NodeFeatures, Refinement
from hand_object_pose.network.rotations import (
    aligning_quaternion,
    componentwise_mean,
    proper_mean,
    quaternion_product,
    rotated,
)
from hand_object_pose.objects.object_model import NUM_OBJECT_VERTICES

_DECIMETRES = 10.0


@dataclass(frozen=True, kw_only=True)
class RoughHand:
    """What the hand's branch returns; (u, v, z) in lixel units, [0, L).

    Attributes:
        rough_hand: (B, 778, 3); hand_sigma: its lixels' standard deviations, same shape.
        joints: (B, 21, 3), joint estimator (equation 5); None unless built for training.
    """

    rough_hand: Tensor
    hand_sigma: Tensor
    joints: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class RoughPrediction(RoughHand):
    """What the first stage returns: the rough hand, and in the same units the object.

    Attributes:
        rough_object: (B, 1000, 3); object_sigma: its lixels' standard deviations, same shape.
        mask_logits: (B, h, w), the object's silhouette (equation 8); None unless built for training.
    """

    rough_object: Tensor
    object_sigma: Tensor
    mask_logits: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class NetworkPrediction(RoughPrediction):
    """What one forward pass returns.

    Attributes:
        refined_hand: (B, 778, 3), lixel units.
        votes: (B, 1000, 7): quaternion (w, x, y, z) of any length, and translation: metres relative to the wrist, or
            lixel units (``NetworkConfig.translation_votes``).
        quaternion: (B, 4), mean rotation; translation: (B, 3), mean translation.
        attention_to_hand: (B, 778, 1000), attention_to_object: (B, 1000, 778), on request; None where the network's
            variant has none, wider for "all_edge" (``network.attention_variants``).
    """

    refined_hand: Tensor
    votes: Tensor
    quaternion: Tensor
    translation: Tensor
    attention_to_hand: Tensor | None = None
    attention_to_object: Tensor | None = None


@dataclass(frozen=True)
class FirstStage:
    """The encoders' work: the normalised image, feature maps by name, and the rough meshes."""

    image: Tensor
    hand_maps: dict[str, Tensor]
    object_maps: dict[str, Tensor]
    rough: RoughPrediction


class HandObjectNetwork(nn.Module):
    """Hand mesh and object pose from one image.

    Args:
        config: see ``NetworkConfig``.
        hand: its faces are the hand graph.
        training_heads: also build the joint estimator and the object mask, which inference does not need.
    """

    hand_neighbours: Tensor
    hand_template: Tensor

    def __init__(self, config: NetworkConfig, hand: HandModel, training_heads: bool = False) -> None:
        super().__init__()
        self.config = config
        self.normalise = ImageNormalisation(config.image_normalisation)
        self.trunk = LiteTrunk() if config.encoder.block == "lite" else None
        self.hand_encoder, self.object_encoder = _encoder(config), _encoder(config)
        self.hand_mesh = LixelHead(config, NUM_HAND_VERTICES, config.upsampling)
        self.object_mesh = _object_head(config)
        self.joint_head = LixelHead(config, NUM_JOINTS, config.joint_upsampling) if training_heads else None
        self.mask_head = MaskHead(config) if training_heads else None
        fusion = config.encoder.channels["layer4"], config.global_channels
        self.global_fusion = nn.Linear(*fusion) if config.refinement else None
        self.refinement = Refinement(config) if config.refinement else None
        table = torch.as_tensor(neighbour_table(hand.faces, NUM_HAND_VERTICES))
        self.register_buffer("hand_neighbours", table, persistent=False)
        rest = torch.tensor(hand.v_template, dtype=torch.float32)
        self.register_buffer("hand_template", rest, persistent=False)

    def forward(
        self, image: Tensor, template: Tensor, neighbours: Tensor, return_attention: bool = False
    ) -> NetworkPrediction:
        """Estimate.

        Args:
            image: (B, 3, S, S), RGB in [0, 1].
            template: (B, 1000, 3), the objects' vertices in their own frames, metres.
            neighbours: (B, 1000, K) int64, the objects' edges, see ``geometry.neighbours``.
            return_attention: also return the first attention layer's maps.
        """
        check_shape("template", template, ("B", NUM_OBJECT_VERTICES, 3))
        check_shape("neighbours", neighbours, ("B", NUM_OBJECT_VERTICES, "K"))
        stage = self.first_stage(image, template)
        refined_hand, votes, maps = self._second_stage(stage, template, neighbours, return_attention)
        average = proper_mean if self.config.rotation_mean == "proper" else componentwise_mean
        return NetworkPrediction(
            **vars(stage.rough),
            refined_hand=refined_hand,
            votes=votes,
            quaternion=average(votes[..., :4]),
            translation=votes[..., 4:].mean(dim=1),
            attention_to_hand=maps[0],
            attention_to_object=maps[1],
        )

    def first_stage(self, image: Tensor, template: Tensor) -> FirstStage:
        """Encoders and rough meshes (sections 3.1 and 3.2); the arguments are those of ``forward``."""
        normalised, below = self._below_the_branches(image)
        hand_maps, object_maps = self.hand_encoder(below), self.object_encoder(below)
        rough_object, object_sigma = self._rough_object(object_maps["layer4"], template)
        rough = RoughPrediction(
            **vars(self._rough_hand(hand_maps["layer4"])),
            rough_object=rough_object,
            object_sigma=object_sigma,
            mask_logits=None if self.mask_head is None else self.mask_head(object_maps),
        )
        return FirstStage(normalised, hand_maps, object_maps, rough)

    def rough_hand(self, image: Tensor) -> RoughHand:
        """The hand's branch alone, for an image (B, 3, S, S) as in ``forward``."""
        _, below = self._below_the_branches(image)
        return self._rough_hand(self.hand_encoder(below)["layer4"])

    def _below_the_branches(self, image: Tensor) -> tuple[Tensor, Any]:
        """The normalised image, and what both encoders are given."""
        size = self.config.image_size
        check_shape("image", image, ("B", 3, size, size))
        normalised = self.normalise(image).contiguous(memory_format=torch.channels_last)
        return normalised, normalised if self.trunk is None else self.trunk(normalised)

    def _rough_hand(self, features: Tensor) -> RoughHand:
        rough_hand, hand_sigma = self.hand_mesh(features)
        joints = None if self.joint_head is None else self.joint_head(features)[0]
        return RoughHand(rough_hand=rough_hand, hand_sigma=hand_sigma, joints=joints)

    def _rough_object(self, features: Tensor, template: Tensor) -> tuple[Tensor, Tensor]:
        if isinstance(self.object_mesh, TemplateLixelHead):
            return self.object_mesh(features, template * _DECIMETRES)
        return self.object_mesh(features)

    def _second_stage(
        self, stage: FirstStage, template: Tensor, neighbours: Tensor, return_attention: bool
    ) -> tuple[Tensor, Tensor, Maps]:
        """Refined hand (B, 778, 3), votes (B, 1000, 7) and attention maps; the rough meshes' without refinement."""
        rough = stage.rough
        if self.refinement is None:
            return rough.rough_hand, self._rough_votes(rough.rough_object, template), (None, None)
        features = self._initial_features(stage, template)
        hand_table = self.hand_neighbours.expand(template.shape[0], -1, -1)
        offsets, raw_votes = self.refinement(features, hand_table, neighbours)
        maps = self.refinement.attention_maps(features, hand_table, neighbours) if return_attention else (None, None)
        return rough.rough_hand + offsets, self._votes(raw_votes, rough.rough_object, template), maps

    def _initial_features(self, stage: FirstStage, template: Tensor) -> NodeFeatures:
        assert self.global_fusion is not None
        hand_template = self.hand_template.expand(template.shape[0], -1, -1)
        fused = stage.hand_maps["layer4"] + stage.object_maps["layer4"]
        return NodeFeatures(
            hand=self._node_features(stage.rough.rough_hand, stage.image, stage.hand_maps, hand_template),
            object=self._node_features(stage.rough.rough_object, stage.image, stage.object_maps, template),
            shared=self.global_fusion(fused.mean(dim=(2, 3))),
        )

    def _votes(self, raw: Tensor, rough_object: Tensor, template: Tensor) -> Tensor:
        """From what the tail says (B, V, 7) to votes, given the rough mesh, lixel units, and the template, metres."""
        rotation, translation = raw[..., :4], raw[..., 4:] * self.config.translation_scale
        if self.config.rotation_votes == "relative":
            start = self._rough_rotation(rough_object, template)
            rotation = quaternion_product(rotation, start.unsqueeze(1).expand_as(rotation))
        if self.config.translation_votes == "lixel":
            translation = translation + rough_object
        return torch.cat([rotation, translation], dim=-1)

    def _rough_votes(self, rough_object: Tensor, template: Tensor) -> Tensor:
        """Votes (B, V, 7) whose mean takes the template to the rough mesh (Kabsch).

        All have the same turn; in lixel units each goes from its vertex's rough place back to the origin.
        """
        rotation = self._rough_rotation(rough_object, template)
        placed = rotated(rotation, template) / self._metres_per_lixel(rough_object, template)
        return torch.cat([rotation.unsqueeze(1).expand(-1, placed.shape[1], -1), rough_object - placed], dim=-1)

    @torch.no_grad()
    def _rough_rotation(self, rough_object: Tensor, template: Tensor) -> Tensor:
        """The rotation (B, 4) that best takes the template to the rough mesh."""
        in_metres = rough_object * self._metres_per_lixel(rough_object, template)
        return aligning_quaternion(template, in_metres)

    def _metres_per_lixel(self, rough_object: Tensor, template: Tensor) -> Tensor:
        """Scales (B, 1, 3) of a rough mesh seen from afar; z's is known, u and v take that of the CAD model's size."""
        size = rough_object.var(dim=1, correction=0)
        depth_scale = 2 * self.config.depth_radius / self.config.bins
        left = template.var(dim=1, correction=0).sum(dim=1) - size[:, 2] * depth_scale**2
        # A rough mesh deeper than the object is long leaves nothing for u and v: some small scale then.
        across = (left / size[:, :2].sum(dim=1).clamp(min=1e-6)).clamp(min=(depth_scale / 8) ** 2).sqrt()
        return torch.stack([across, across, torch.full_like(across, depth_scale)], dim=1).unsqueeze(1)

    def _node_features(self, rough: Tensor, image: Tensor, maps: dict[str, Tensor], template: Tensor) -> Tensor:
        """Equations 10 and 11 without f_g: (B, V, C).

        A lixel coordinate u on a map of width W is sampled at u * W / L - 0.5, which is what
        ``align_corners=False`` makes of the grid 2 u / L - 1; outside is zero.
        """
        scaled = rough * (2.0 / self.config.bins) - 1.0
        grid = scaled[..., :2].unsqueeze(1)
        sampled = [image, *(maps[name] for name in self.config.sampled_layers)]
        parts = [scaled if self.config.scale_coordinates else rough]
        parts += [_sample(layer, grid) for layer in sampled]
        if self.config.template_in_node_features:
            parts.append(template * _DECIMETRES)
        return torch.cat(parts, dim=-1)


def _encoder(config: NetworkConfig) -> Encoder | LiteBranch:
    return LiteBranch() if config.encoder.block == "lite" else Encoder(config.encoder)


def _object_head(config: NetworkConfig) -> LixelHead | TemplateLixelHead:
    if config.object_head == "template":
        return TemplateLixelHead(config)
    return LixelHead(config, NUM_OBJECT_VERTICES, config.upsampling)


def _sample(layer: Tensor, grid: Tensor) -> Tensor:
    """Bilinear samples (B, V, C) of a map (B, C, H, W) at a grid (B, 1, V, 2) in [-1, 1]."""
    sampled = F.grid_sample(layer.to(grid.dtype), grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return sampled.squeeze(2).transpose(1, 2)
