"""Conditions under which a build fails: limits for single numbers, and what may get worse than a baseline."""

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from hand_object_pose.errors import UserError
from hand_object_pose.evaluation.evaluation_file import can_be_measured, known_names, numbers
from hand_object_pose.evaluation.metric_table import METRICS

_OPERATORS = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_CONDITION = re.compile(r"\s*([A-Za-z_][\w.]*)\s*(>=|<=|==|!=|>|<)\s*(\S+)\s*")
# Relative to numbers of this size, rounding is no regression.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class GateResult:
    """What became of one gate; ``words``: what was measured and what was allowed."""

    name: str
    passed: bool
    words: str


@dataclass(frozen=True)
class Condition:
    """``name operator limit``: if it holds, the build fails."""

    name: str
    operator: str
    limit: float

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """Of a text such as ``object.add_s_cm.p95 > 1.5``.

        Raises:
            UserError: it is no condition, or nothing of that name is ever measured.
        """
        match = _CONDITION.fullmatch(text)
        number = _number(match.group(3)) if match else None
        if match is None or number is None:
            raise UserError(f"--fail-if '{text}': expected NAME OPERATOR NUMBER, such as 'object.add_s_cm.p95 > 1.5'")
        name = match.group(1)
        if not can_be_measured(name):
            near = get_close_matches(name, known_names(), n=4, cutoff=0.5)
            statistics = f"{name}.mean, {name}.median, {name}.p95 or {name}.max" if name in METRICS else ""
            hint = statistics or ", ".join(near) or "a name of docs/evaluation.md"
            raise UserError(f"--fail-if '{text}': nothing is called {name}; did you mean {hint}?")
        return cls(name, match.group(2), number)

    def __str__(self) -> str:
        return f"{self.name} {self.operator} {self.limit:g}"

    def judge(self, content: Mapping[str, Any]) -> GateResult:
        """Whether an evaluation passes: the condition does not hold. What was not measured does not pass."""
        measured = numbers(content).get(self.name)
        if measured is None:
            return GateResult(f"fail if {self}", False, f"{self.name} was not measured")
        failed = bool(_OPERATORS[self.operator](measured, self.limit))
        return GateResult(f"fail if {self}", not failed, f"{self.name} is {measured:.6g}")


def parse_share(option: str, text: str) -> float:
    """A share such as ``5%`` or ``0.05``.

    Raises:
        UserError: it is none, or negative.
    """
    number = _number(text.removesuffix("%"))
    if number is None or number < 0:
        raise UserError(f"{option}: expected a share such as 5% or 0.05, found '{text}'")
    return number / 100 if text.endswith("%") else number


def judge_regressions(content: Mapping[str, Any], baseline: Mapping[str, Any], allowed: float) -> list[GateResult]:
    """Whether anything is worse than in the baseline by more than the allowed share of its value there.

    Judged are the mean of every metric of which less or more is better, and the availability (without ground truth,
    the coverage). What the baseline measured and this evaluation did not does not pass.
    """
    now, before = numbers(content), numbers(baseline)
    wanted: list[tuple[str, bool]] = [
        (f"{name}.mean", metric.lower_is_better)
        for name, metric in METRICS.items()
        if metric.lower_is_better is not None
    ]
    wanted.append(("availability" if "availability" in before else "coverage.share", False))
    return [_regression(name, lower, now.get(name), before[name], allowed) for name, lower in wanted if name in before]


def _regression(name: str, lower_is_better: bool, now: float | None, before: float, allowed: float) -> GateResult:
    title = f"{name} no more than {allowed:.3g} worse than the baseline"
    if now is None:
        return GateResult(title, False, f"{name} was not measured; the baseline has {before:.6g}")
    limit = before * (1 + allowed) if lower_is_better else before * (1 - allowed)
    slack = _ROUNDING * max(abs(limit), 1.0)
    passed = now <= limit + slack if lower_is_better else now >= limit - slack
    return GateResult(title, passed, f"{name} is {now:.6g}, was {before:.6g}, allowed {limit:.6g}")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value == value else None
