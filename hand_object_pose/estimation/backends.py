"""Choosing what runs the network."""

from importlib.util import find_spec
from pathlib import Path

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backend import PRECISIONS, SINGLE, Backend
from hand_object_pose.estimation.onnx_backend import OnnxBackend, onnx_path_of
from hand_object_pose.shipped import ASSETS

DEFAULT_WEIGHTS = ASSETS / "weights" / "compact.safetensors"
BACKENDS = ("auto", "onnx", "torch")


def load_backend(
    weights_path: str | Path | None = None,
    backend: str = "auto",
    device: str = "auto",
    threads: int = 0,
    precision: str = SINGLE,
) -> Backend:
    """Load weights and what runs them.

    Args:
        weights_path: a .safetensors file; the weights that ship with this package unless given.
        backend: "onnx", "torch", or "auto": ONNX Runtime where the exported file lies beside the weights and has the
            precision.
        device: "cpu", "cuda", or "auto": CUDA where the backend has it.
        threads: of ONNX Runtime on a CPU; 0 takes all cores.
        precision: one of ``PRECISIONS``, in which layers are computed that bear it; outputs are float32 in any case.

    Raises:
        UserError: the weights, the backend, the device or the precision cannot be used.
    """
    path = DEFAULT_WEIGHTS if weights_path is None else Path(weights_path)
    if backend not in BACKENDS:
        raise UserError(f"backend '{backend}' does not exist; choose one of {', '.join(BACKENDS)}")
    if precision not in PRECISIONS:
        raise UserError(f"precision '{precision}' does not exist; choose one of {', '.join(PRECISIONS)}")
    if path.suffix != ".safetensors":
        raise UserError(f"{path}: expected weights that end with .safetensors (an .onnx file lies beside them)")
    if not path.is_file():
        raise UserError(f"{path}: no such weights; give the path of a .safetensors file")
    if backend == "auto":
        onnx_can = onnx_path_of(path).is_file() and precision == SINGLE
        backend = "torch" if not onnx_can and find_spec("torch") is not None else "onnx"
    return _onnx(path, device, threads, precision) if backend == "onnx" else _torch(path, device, precision)


def _onnx(path: Path, device: str, threads: int, precision: str) -> Backend:
    if device == "auto":
        import onnxruntime

        device = "cuda" if "CUDAExecutionProvider" in onnxruntime.get_available_providers() else "cpu"
    return OnnxBackend(path, threads, device, precision)


def _torch(path: Path, device: str, precision: str) -> Backend:
    if find_spec("torch") is None:
        raise UserError("backend 'torch': PyTorch is not installed; install it, or choose the backend 'onnx'")
    import torch

    from hand_object_pose.estimation.torch_backend import TorchBackend

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return TorchBackend(path, device, precision)
