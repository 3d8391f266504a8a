"""Makes values within an ONNX model outputs of it, without the package onnx, which a robot need not have."""

from collections.abc import Sequence

# Field numbers of onnx.proto: ModelProto.graph, GraphProto.output, ValueInfoProto.name; and what their contents are.
_GRAPH, _OUTPUT, _NAME = 7, 12, 1
_LENGTH_DELIMITED = 2


def with_outputs(model: bytes, names: Sequence[str]) -> bytes:
    """A serialised model with further outputs.

    Appending does it: of a message that occurs twice, as the graph does then, protocol buffers merge both, and join
    lists such as that of the outputs (the encoding's specification, "Last One Wins"). Types are inferred by whoever
    loads the model.
    """
    outputs = b"".join(_field(_OUTPUT, _field(_NAME, name.encode())) for name in names)
    return model + _field(_GRAPH, outputs)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    groups = []
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])
