"""JUnit XML, which the pages of continuous integration systems show."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from hand_object_pose.evaluation.evaluation_file import FAILED, PARTIAL
from hand_object_pose.evaluation.gates import GateResult


def write_junit(path: Path, content: Mapping[str, Any], gates: Sequence[GateResult]) -> None:
    """One test case for each bag and each gate: a bag that could not be read is an error, a partial one is skipped."""
    cases = [_bag_case(bag) for bag in content["bags"]] + [_gate_case(gate) for gate in gates]
    counts = {attribute: str(_count(cases, kind)) for kind, attribute in _KINDS.items()}
    suite = ElementTree.Element(
        "testsuite", {"name": "hand-object-pose evaluate-bag", "tests": str(len(cases)), **counts}
    )
    suite.extend(cases)
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KINDS = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def _bag_case(bag: Mapping[str, Any]) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname="bags", name=_text(str(bag["name"])))
    if bag["status"] == FAILED:
        ElementTree.SubElement(case, "error", message=_text(str(bag["reason"])))
    elif bag["status"] == PARTIAL:
        ElementTree.SubElement(case, "skipped", message=_text("partial: " + "; ".join(bag["left_out"])))
    return case


def _gate_case(gate: GateResult) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname="gates", name=gate.name)
    if not gate.passed:
        ElementTree.SubElement(case, "failure", message=gate.words)
    ElementTree.SubElement(case, "system-out").text = gate.words
    return case


def _count(cases: Sequence[ElementTree.Element], kind: str) -> int:
    return sum(case.find(kind) is not None for case in cases)


def _text(text: str) -> str:
    """Without the characters that XML 1.0 forbids: bytes of a damaged bag may be in a message."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
