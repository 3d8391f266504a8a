"""How the tensors of the authors' release are called, and what they are here."""

_BRANCHES = {"h": "hand", "o": "object"}
_ATTENTION = {"q": "query", "k": "key", "v": "value", "fuse": "fuse"}

# Ours by theirs; the first that fits counts.
_PREFIXES = {
    "pose_backbone.": "hand_encoder.",
    "mask_backbone.": "object_encoder.",
    "mesh_net.deconv.": "hand_mesh.deconv.",
    "mesh_net.conv_x.0.": "hand_mesh.conv_u.",
    "mesh_net.conv_y.0.": "hand_mesh.conv_v.",
    "mesh_net.conv_z.": "hand_mesh.depth.",
    "obj_mesh_net.deconv.": "object_mesh.deconv.",
    "obj_mesh_net.conv_x.0.": "object_mesh.conv_u.",
    "obj_mesh_net.conv_y.0.": "object_mesh.conv_v.",
    "obj_mesh_net.conv_z.": "object_mesh.depth.",
    "global_img_feat.0.0.": "global_fusion.",
    **{
        f"gcn_a.{part}_{letter}.{theirs}": f"refinement.{branch}.{part}{ours}"
        for letter, branch in _BRANCHES.items()
        for part in ("head", "tail")
        for theirs, ours in {"conv.nn.0.": ".first.", "conv.nn.2.": ".second.", "conv.": ".", "bn.": "_norm."}.items()
    },
    **{
        f"gcn_a.a1.{short}{letter}1.{number}.": f"refinement.attention.0.{branch}.{name}.{layer}."
        for letter, branch in _BRANCHES.items()
        for short, name in _ATTENTION.items()
        for number, layer in {"0": "conv", "1": "norm"}.items()
    },
}

DEAD_BLOCKS = tuple(f"gcn_a.res{number}_{letter}." for number in (1, 2, 3) for letter in _BRANCHES)
# In snapshots, but without influence on the result: the released forward pass computes the residual graph blocks and
# drops what they give, never uses three kinds of BatchNorm, and has two heads for training only.
UNUSED = (
    *DEAD_BLOCKS,
    "pose_backbone.bn1.",
    "mask_backbone.bn1.",
    "gcn_a.tail_h.bn.",
    "gcn_a.tail_o.bn.",
    "pose_net.",
    "segmentation_net.",
    "human_model_layer.",
)
HAND_PREFIX = "human_model_layer."


def our_name(theirs: str) -> str | None:
    """Name here of a tensor of theirs (without "module."); None for one that this network does not have."""
    if theirs.startswith(UNUSED):
        return None
    for prefix, ours in _PREFIXES.items():
        if theirs.startswith(prefix):
            return ours + theirs[len(prefix) :]
    return None


def their_name(ours: str) -> str:
    """The inverse of ``our_name``."""
    for theirs, prefix in _PREFIXES.items():
        if ours.startswith(prefix):
            return theirs + ours[len(prefix) :]
    return ours
