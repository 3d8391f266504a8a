"""The interface definitions that stand in for tf2_msgs and vision_msgs are those of the original packages."""

import json
from pathlib import Path

import pytest
from catkin_pkg.package import parse_package
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

REPOSITORY = Path(__file__).resolve().parents[1]
UNDERLAY = REPOSITORY / "underlay"
ORIGINAL_HASHES: dict[str, str] = json.loads((REPOSITORY / "test/data/original_type_hashes.json").read_text())
ORIGINAL_HASHES.pop("comment")
MESSAGES = sorted(name for name in ORIGINAL_HASHES if "/msg/" in name)


def definition(type_name: str) -> str:
    package, kind, name = type_name.split("/")
    return (UNDERLAY / package / kind / f"{name}.{kind}").read_text()


@pytest.fixture(scope="module")
def store() -> Typestore:
    """Return the types of ROS 2 without its own tf2_msgs, and with ours."""
    store = get_typestore(Stores.ROS2_KILTED)
    for name in MESSAGES:
        store.fielddefs.pop(name, None)
    for name in MESSAGES:
        store.register(get_types_from_msg(definition(name), name))
    return store


def test_every_original_type_is_defined_and_none_besides() -> None:
    files = [file for kind in ("msg", "srv", "action") for file in UNDERLAY.glob(f"*/{kind}/*")]
    defined = {f"{file.parts[-3]}/{file.parts[-2]}/{file.stem}" for file in files}

    assert defined == set(ORIGINAL_HASHES)


@pytest.mark.parametrize("name", MESSAGES)
def test_message_has_the_type_hash_of_the_original(name: str, store: Typestore) -> None:
    assert store.hash_rihs01(name) == ORIGINAL_HASHES[name]


@pytest.mark.parametrize("name", [name for name in MESSAGES if name.startswith("tf2_msgs")])
def test_tf2_fields_and_constants_equal_those_that_rosbags_knows(name: str, store: Typestore) -> None:
    # The hash covers fields, not constants.
    assert store.fielddefs[name] == get_typestore(Stores.ROS2_KILTED).fielddefs[name]


@pytest.mark.parametrize("name", sorted(ORIGINAL_HASHES))
def test_what_colcon_built_has_the_type_hash_of_the_original(name: str) -> None:
    package, kind, stem = name.split("/")
    module = pytest.importorskip(package, reason="no ROS environment")
    # The prefix that holds share/ as well as lib/pythonX.Y/site-packages/PACKAGE.
    prefix = next(parent for parent in Path(module.__file__).parents if (parent / "share" / package).is_dir())
    file = prefix / "share" / package / kind / f"{stem}.json"
    if not file.exists():
        pytest.skip(f"{package} in {prefix} is of a distribution before type descriptions")
    hashes = {entry["type_name"]: entry["hash_string"] for entry in json.loads(file.read_text())["type_hashes"]}

    assert hashes[name] == ORIGINAL_HASHES[name]


@pytest.mark.parametrize(
    ("package", "repository", "licence", "words"),
    [
        ("tf2_msgs", "https://github.com/ros2/geometry2", "BSD-3-Clause", "Redistribution and use in source"),
        ("vision_msgs", "https://github.com/ros-perception/vision_msgs", "Apache-2.0", "Apache License"),
    ],
)
def test_source_and_licence_are_named(package: str, repository: str, licence: str, words: str) -> None:
    manifest = parse_package(UNDERLAY / package / "package.xml")

    assert [url.url for url in manifest.urls] == [repository]
    assert manifest.licenses == [licence]
    assert words in (UNDERLAY / package / "LICENSE").read_text()
