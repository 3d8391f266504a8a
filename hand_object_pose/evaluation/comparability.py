"""Why the numbers of two evaluations should not be compared without thinking."""

from collections.abc import Mapping
from typing import Any

# Say how frames were chosen; what counts is which ones that were.
_CHOICE = ("every", "chosen_stamps")
_APART = ("name", "parameters", *_CHOICE)


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
        for key in sorted({*first["protocol"], *second["protocol"]} - {*_APART})
        if first["protocol"].get(key) != second["protocol"].get(key)
    ]
    return found + _data(first, second)


def _data(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    bags, others = ({bag["digest"]: bag for bag in content["bags"]} for content in (first, second))
    if bags.keys() != others.keys():
        # By what they hold: bags of one name may be different ones.
        names = [", ".join(bag["name"] for bag in found.values()) for found in (bags, others)]
        return [f"the bags differ: {names[0]} and {names[1]}"]
    return [
        f"the frames differ: {_evaluated(bag)} and {_evaluated(others[digest])} of {bag['name']} were evaluated, and "
        "not the same ones"
        for digest, bag in bags.items()
        if _at(bag, "frames.digest") != _at(others[digest], "frames.digest")
    ]


def _evaluated(bag: Mapping[str, Any]) -> str:
    return _short(_at(bag, "frames.processed"))


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
