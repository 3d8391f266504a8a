"""A preset made smaller, to try what its losses and its data do together on a machine without a GPU."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hand_object_pose.errors import UserError
from hand_object_pose.network.config import NetworkConfig, preset_config


def reduced_config(preset: str, image_size: int | None, width: float = 1.0) -> NetworkConfig:
    """A preset for inputs of another size, a multiple of 32 pixels, with a share of its channels; all else is its own.

    Lixels shrink as the image does. Narrower become encoders and heads; the mesh graphs do not.

    Raises:
        UserError: the preset cannot have that size or width.
    """
    config = preset_config(preset)
    try:
        if image_size is not None:
            config = replace(config, image_size=image_size, bins=config.bins * image_size // config.image_size)
        return config if width == 1 else _narrowed(config, width)
    except ValueError as error:
        raise UserError(
            f"--image-size {image_size}, --width {width}: preset '{preset}' cannot have them ({error})"
        ) from error


def _narrowed(config: NetworkConfig, width: float) -> NetworkConfig:
    encoder = config.encoder
    if encoder.block == "lite" or not 0 < width <= 1:
        raise ValueError(f"expected a ResNet and a width above 0, at most 1; found '{encoder.block}'")

    def some(channels: Sequence[int]) -> Any:
        return tuple(max(8, round(width * count)) for count in channels)

    stem, depth, shared = some((encoder.stem_width, config.depth_channels, config.global_channels))
    return replace(
        config,
        encoder=replace(encoder, stem_width=stem, widths=some(encoder.widths)),
        upsampling=some(config.upsampling),
        joint_upsampling=some(config.joint_upsampling),
        mask_channels=some(config.mask_channels),
        depth_channels=depth,
        global_channels=shared,
    )
