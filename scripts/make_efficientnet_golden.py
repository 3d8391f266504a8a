"""Write test/data/efficientnet_lite0_golden.npz: what another implementation of EfficientNet-Lite0 answers.

    pip install efficientnet-lite-pytorch
    python scripts/make_efficientnet_golden.py

The weights are random numbers that the test draws again from the seed, so that only their names and shapes are stored.
"""

from pathlib import Path

import numpy as np
import torch

OUT = Path(__file__).parents[1] / "test/data/efficientnet_lite0_golden.npz"


def drawn_weights(names: list[str], shapes: list[tuple[int, ...]], seed: int) -> dict[str, torch.Tensor]:
    """Random weights under which activations neither vanish nor explode; the test draws the same."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in zip(names, shapes, strict=True):
        if name.endswith("running_var"):
            value = rng.uniform(0.5, 1.5, shape)
        elif len(shape) > 1:
            value = rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
        else:
            value = rng.normal(1.0 if name.endswith("weight") else 0.0, 0.1, shape)
        weights[name] = torch.tensor(value, dtype=torch.float32)
    return weights


def main() -> None:
    """Run the other implementation and store its answers."""
    # Here, so that the test can take ``drawn_weights`` without it.
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0").eval()
    names = list(network.state_dict())
    shapes = [tuple(value.shape) for value in network.state_dict().values()]
    network.load_state_dict(drawn_weights(names, shapes, seed=7))
    # The stem is left out: its padding means another colour under another normalisation.
    stem = np.random.default_rng(8).random((2, 32, 32, 32), dtype=np.float32)
    with torch.inference_mode():
        features = torch.from_numpy(stem)
        for block in network._blocks:
            features = block(features)
    OUT.parent.mkdir(exist_ok=True)
    packed = np.array([f"{name}:{','.join(map(str, shape))}" for name, shape in zip(names, shapes, strict=True)])
    np.savez_compressed(OUT, parameters=packed, layer4=features.numpy())


if __name__ == "__main__":
    main()
