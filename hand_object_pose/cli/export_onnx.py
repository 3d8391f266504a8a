"""`hand-object-pose export-onnx`: weights for ONNX Runtime. Needs torch."""

from pathlib import Path
from typing import Annotated

import tyro


def run(weights: Annotated[Path, tyro.conf.Positional], out: Path | None = None) -> None:
    """Export weights to ONNX, so that they run without torch.

    Args:
        weights: a .safetensors file.
        out: the .onnx file to write; beside the weights unless given, which is where it is looked for.
    """
    from hand_object_pose.network.onnx_export import export_onnx

    print(f"wrote {export_onnx(weights, out)}")
