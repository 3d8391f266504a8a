"""Reads pickles of foreign data sets without ever calling what they name.

A pickle may ask for any importable function. Here only an allow-list answers: numeric NumPy arrays and scalars, sets,
and inert stand-ins for classes (such as chumpy's) of which nothing but the stored state is wanted. Even NumPy's own
functions are replaced: a forged dtype state could make the real ones read foreign memory.
"""

import codecs
import io
import pickle
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from hand_object_pose.errors import ForeignDataError, UserError


class StandIn:
    """An instance of a class that is not imported: its stored state, as attributes, and nothing else."""

    class_name = ""

    def __setstate__(self, state: Any) -> None:
        _expect(isinstance(state, dict), f"{self.class_name}: expected a dict as state, found {type(state).__name__}")
        self.__dict__.update({str(key): value for key, value in state.items()})


class _DType:
    """A numeric or text dtype; only its byte order is read from the state."""

    def __init__(self, spec: Any = "", align: Any = False, copy: Any = True) -> None:
        _expect(re.fullmatch(r"[<>|=]?[biufcSU]\d+", str(spec)), f"expected a numeric dtype, found {spec!r}")
        self.value = np.dtype(str(spec))

    def __setstate__(self, state: tuple) -> None:
        order = state[1]
        _expect(order in ("<", ">", "|", "="), f"expected a byte order, found {order!r}")
        self.value = self.value.newbyteorder(order)


class _Array:
    """An array whose shape, dtype and bytes arrive as the state of ``numpy.ndarray``."""

    value: np.ndarray

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: tuple) -> None:
        _version, shape, dtype, fortran, data = state
        self.value = _array(data, dtype, shape, "F" if fortran else "C")


class _NdArray:
    """Stands for the class ``numpy.ndarray`` itself, which pickles only pass on."""


def _expect(condition: object, message: str) -> None:
    if not condition:
        raise pickle.UnpicklingError(message)


def _array(data: Any, dtype: Any, shape: Any, order: Any = "C") -> np.ndarray:
    """Array of raw bytes; they are text where Python 2 wrote them."""
    _expect(isinstance(dtype, _DType), "expected an array with a dtype")
    raw = data.encode("latin1") if isinstance(data, str) else bytes(data)
    return np.frombuffer(raw, dtype=dtype.value).reshape(shape, order="F" if order == "F" else "C").copy()


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    """What NumPy writes in protocol 5."""
    return _array(data, dtype, shape, order)


def _scalar(dtype: Any, data: Any) -> Any:
    return _array(data, dtype, ())[()]


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """What Python 3 writes for bytes in protocol 2."""
    _expect(codecs.lookup(encoding).name == "iso8859-1", f"expected bytes written as latin1, found {encoding}")
    return text.encode("latin1")


def _new_stand_in(subtype: type, base: type, state: Any) -> Any:
    """What ``copy_reg._reconstructor`` does (protocols 0 and 1), for stand-ins only."""
    plain = isinstance(subtype, type) and issubclass(subtype, StandIn) and base is object and state is None
    _expect(plain, f"expected a plain object, found {subtype!r}")
    return object.__new__(subtype)


def _allowed(stand_ins: Iterable[str]) -> dict[str, Callable[..., Any]]:
    """What a pickle may name. The classes are new for each file, so what it does to them ends with it."""
    array_class = type("_Array", (_Array,), {})
    allowed: dict[str, Callable[..., Any]] = {
        "numpy.ndarray": _NdArray,
        "numpy.dtype": type("_DType", (_DType,), {}),
        "_codecs.encode": _encode,
    }
    for core in ("core", "_core"):
        allowed[f"numpy.{core}.multiarray._reconstruct"] = array_class
        allowed[f"numpy.{core}.multiarray.scalar"] = _scalar
        allowed[f"numpy.{core}.numeric._frombuffer"] = _frombuffer
    for builtins, registry in (("__builtin__", "copy_reg"), ("builtins", "copyreg")):
        allowed |= {f"{builtins}.set": set, f"{builtins}.object": object, f"{registry}._reconstructor": _new_stand_in}
    return allowed | {name: type("StandIn", (StandIn,), {"class_name": name}) for name in stand_ins}


class _RestrictedUnpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO, path: Path, stand_ins: Iterable[str]) -> None:
        super().__init__(file, encoding="latin1")
        self._path = path
        self._allowed = _allowed(stand_ins)

    def find_class(self, module: str, name: str) -> Any:
        found = self._allowed.get(f"{module}.{name}")
        if found is None:
            raise ForeignDataError(
                f"{self._path}: refused, because the pickle asks for '{module}.{name}', which reading this data does "
                f"not need. Nothing was executed. Expected arrays only; get the file again from its official source."
            )
        return found


def _plain(value: Any, seen: dict[int, Any]) -> Any:
    """The same structure with arrays in place of their stand-ins; ``seen`` ends cycles."""
    if id(value) in seen:
        return seen[id(value)]
    if isinstance(value, (_Array, _DType)):
        return value.value
    if isinstance(value, dict):
        seen[id(value)] = plain = {}
        plain.update({_plain(key, seen): _plain(entry, seen) for key, entry in value.items()})
        return plain
    if isinstance(value, list):
        entries: list[Any] = []
        seen[id(value)] = entries
        entries.extend(_plain(entry, seen) for entry in value)
        return entries
    if isinstance(value, tuple):
        return tuple(_plain(entry, seen) for entry in value)
    if isinstance(value, StandIn):
        seen[id(value)] = value
        vars(value).update({key: _plain(entry, seen) for key, entry in vars(value).items()})
    return value


def load_restricted_pickle(path: str | Path, stand_ins: Iterable[str] = ()) -> Any:
    """Read a pickle (of Python 2 or 3) of arrays, dicts, lists, strings and numbers.

    Args:
        path: the file.
        stand_ins: full names of classes to replace by ``StandIn``, such as "chumpy.ch.Ch".

    Raises:
        ForeignDataError: the pickle names anything else; the message names the file and the class.
        UserError: there is no such file, or it is no pickle.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    try:
        return _plain(_RestrictedUnpickler(io.BytesIO(data), path, stand_ins).load(), {})
    except UserError:
        raise
    except Exception as error:
        # A damaged pickle can fail in any way: the unpickler, NumPy and our stand-ins all see its bytes.
        raise UserError(f"{path}: expected a pickle of plain data, found: {error or type(error).__name__}") from error
