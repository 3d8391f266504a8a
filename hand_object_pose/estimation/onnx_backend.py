"""The network on ONNX Runtime: no torch."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.attention import TO_HAND, TO_OBJECT, AttentionMaps, attention_maps
from hand_object_pose.estimation.backend import SINGLE, NetworkOutput, WeightsInfo
from hand_object_pose.estimation.network_inputs import ObjectInputs
from hand_object_pose.estimation.onnx_outputs import with_outputs
from hand_object_pose.estimation.weights_file import load_weights_info
from hand_object_pose.objects.object_model import ObjectModel

INPUT_NAMES = ("image", "template", "neighbours")
# The fields of NetworkOutput.
OUTPUT_NAMES = ("hand_lixels", "hand_sigma", "object_lixels", "quaternion", "translation", "votes")
SOURCE_HASH_KEY = "source_sha256"
# Metadata that says what the attention maps are called within the graph: `TO_HAND=name TO_OBJECT=name`.
ATTENTION_KEY = "attention"


def onnx_path_of(weights: Path) -> Path:
    """Where the ONNX file of a weights file lies."""
    return weights.with_suffix(".onnx")


class OnnxBackend:
    """Runs ``<stem>.onnx`` beside ``<stem>.safetensors``.

    Args:
        path: the .safetensors file.
        threads: of one evaluation; 0 leaves it to ONNX Runtime.
        device: "cpu" or "cuda".
        precision: "float32"; there is no other.

    Raises:
        UserError: a file is missing or damaged, the two do not belong together, the device is not there, or another
            precision is wanted.
    """

    def __init__(self, path: Path, threads: int = 0, device: str = "cpu", precision: str = SINGLE) -> None:
        if precision != SINGLE:
            raise UserError(
                f"precision: expected '{SINGLE}', the only one that the backend 'onnx' has, found '{precision}'; "
                f"choose the backend 'torch', which needs PyTorch, or the precision '{SINGLE}'"
            )
        self._weights = load_weights_info(path)
        self._path = onnx_path_of(path)
        self._threads = threads
        self._device = device
        self._session = _session(self._path, threads, device)
        self._attending: Any = None
        self._check_source(path)
        self._inputs = ObjectInputs(self._weights)

    @property
    def weights(self) -> WeightsInfo:
        """What was loaded."""
        return self._weights

    @property
    def device(self) -> str:
        """Where it runs, in words."""
        if "CUDAExecutionProvider" in self._session.get_providers():
            return "cuda (ONNX Runtime)"
        return f"cpu (ONNX Runtime, {f'{self._threads} threads' if self._threads else 'all cores'})"

    def run(self, images: FloatArray, objects: list[ObjectModel]) -> NetworkOutput:
        """Evaluate the network on crops (B, 3, S, S), RGB in [0, 1], and B objects of ``weights.objects``."""
        outputs = self._session.run(list(OUTPUT_NAMES), self._feed(images, objects))
        return NetworkOutput(**dict(zip(OUTPUT_NAMES, outputs, strict=True)))

    def attention(self, images: FloatArray, objects: list[ObjectModel]) -> list[AttentionMaps]:
        """See ``AttendingBackend``; by a session of its own, so that ``run`` is as fast as without it."""
        named = self._attention_names()
        if self._attending is None and named:
            model = with_outputs(self._path.read_bytes(), list(named.values()))
            self._attending = _session(self._path, self._threads, self._device, model)
        found = self._attending.run(list(named.values()), self._feed(images, objects)) if named else []
        return attention_maps(dict(zip(named, found, strict=True)))

    def _attention_names(self) -> dict[str, str]:
        metadata = self._session.get_modelmeta().custom_metadata_map
        if ATTENTION_KEY not in metadata:
            raise UserError(
                f"{self._path.name} does not say which of its values are the attention maps; export it again with "
                f"`hand-object-pose export-onnx {self._path.with_suffix('.safetensors')}`"
            )
        pairs = (pair.partition("=") for pair in metadata[ATTENTION_KEY].split())
        return {key: name for key, _, name in pairs if key in (TO_HAND, TO_OBJECT)}

    def _feed(self, images: FloatArray, objects: list[ObjectModel]) -> dict[str, NDArray]:
        size = self._weights.lixels.image_size
        check_shape("images", images, (len(objects), 3, size, size))
        templates, neighbours = self._inputs(objects)
        image = np.ascontiguousarray(images, dtype=np.float32)
        return dict(zip(INPUT_NAMES, (image, templates, neighbours), strict=True))

    def _check_source(self, path: Path) -> None:
        found = self._session.get_modelmeta().custom_metadata_map.get(SOURCE_HASH_KEY)
        if found != self._weights.hash:
            raise UserError(
                f"{onnx_path_of(path)}: exported from other weights than {path.name} (expected SHA-256 "
                f"{self._weights.hash[:12]}..., found {(found or 'none')[:12]}...); export it again with "
                f"`hand-object-pose export-onnx {path}`"
            )


def _session(path: Path, threads: int, device: str, model: bytes | None = None) -> Any:
    """Of a file, or of a ``model`` made of it."""
    if not path.is_file():
        weights = path.with_suffix(".safetensors")
        raise UserError(f"{path}: no such file; make it with `hand-object-pose export-onnx {weights}`")
    providers = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
    if providers.get(device) not in onnxruntime.get_available_providers():
        known = [name for name, provider in providers.items() if provider in onnxruntime.get_available_providers()]
        raise UserError(f"device '{device}': this ONNX Runtime offers {', '.join(known)}; choose one of them")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(model or str(path), options, providers=[providers[device]])
    except Exception as error:  # ONNX Runtime's own exceptions share no public base class
        raise UserError(f"{path}: ONNX Runtime cannot load it ({error}); export it again") from error
