"""Why the numbers of two evaluations should not be compared without thinking."""

from collections.abc import Mapping
from typing import Any


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """In words: other protocols, data, processors, libraries, threads. Other weights are what one compares."""
    found = [
        f"{name}: {_short(_at(first, path))} and {_short(_at(second, path))}"
        for name, path in (
            ("the processors differ", "environment.processor"),
            ("the versions of Python differ", "environment.python"),
            ("what runs the network differs", "device"),
            ("the numbers of threads differ", "threads"),
        )
        if _at(first, path) != _at(second, path)
    ]
    found += _named("the versions of libraries differ", first, second, "environment.libraries")
    found += _named("the protocols differ", first["protocol"], second["protocol"], "parameters")
    found += [
        f"the protocols differ: {key} is {first['protocol'].get(key)} and {second['protocol'].get(key)}"
        for key in sorted({*first["protocol"], *second["protocol"]} - {"parameters", "name"})
        if first["protocol"].get(key) != second["protocol"].get(key)
    ]
    return found + _data(first, second)


def _data(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    bags = [{bag["digest"]: bag["name"] for bag in content["bags"]} for content in (first, second)]
    if bags[0].keys() != bags[1].keys():
        # By what they hold: bags of one name may be different ones.
        return [f"the bags differ: {', '.join(bags[0].values())} and {', '.join(bags[1].values())}"]
    frames = [content["frames"]["processed"] for content in (first, second)]
    if frames[0] != frames[1]:
        return [f"the numbers of frames differ: {frames[0]} and {frames[1]}"]
    return []


def _named(words: str, first: Mapping[str, Any], second: Mapping[str, Any], path: str) -> list[str]:
    one, two = _at(first, path) or {}, _at(second, path) or {}
    return [
        f"{words}: {name} is {one.get(name, 'not there')} and {two.get(name, 'not there')}"
        for name in sorted({*one, *two})
        if one.get(name) != two.get(name)
    ]


def _at(content: Mapping[str, Any], path: str) -> Any:
    value: Any = content
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _short(value: Any) -> str:
    return "unknown" if value is None else str(value)
