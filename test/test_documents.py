"""The pages against the repository: links lead somewhere, pages, pictures and scripts are named, commands exist."""

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import get_args, get_type_hints

import docstring_parser
import pytest

from hand_object_pose.demo.configuration import DemoConfig

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md"), *ROOT.glob("*/**/PROVENANCE.md")]
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FILE = re.compile(r"`((?:test|examples|config|launch|rviz|docs|hand_object_pose)/[\w./-]+\.\w+)`")
SCRIPT = re.compile(r"scripts/\w+\.(?:py|sh)")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """A page without its code blocks, whose brackets are no links."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ +(.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if target.startswith("http"):
            continue
        file, _, anchor = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), f"{target}: no such file"
        assert not anchor or anchor in anchors(linked), f"{target}: no such heading in {linked.name}"


def test_the_readme_leads_to_every_page() -> None:
    linked = {target.partition("#")[0] for target in LINK.findall(prose(ROOT / "README.md"))}
    assert {name_of(page) for page in ROOT.glob("docs/*.md")} <= linked


def test_every_picture_is_shown_on_a_page() -> None:
    shown = {(page.parent / target).resolve() for page in PAGES for target in LINK.findall(prose(page))}
    assert set(ROOT.glob("docs/images/*")) <= shown


def test_files_that_are_named_exist() -> None:
    named = {name for page in PAGES for name in FILE.findall(page.read_text(encoding="utf-8"))}
    assert len(named) > 10
    assert not [name for name in named if not (ROOT / name).exists()]


def is_run_by_hand(script: Path) -> bool:
    return "__main__" in script.read_text(encoding="utf-8")


def test_scripts_that_are_named_exist_and_those_that_exist_are_named() -> None:
    named = {name for page in PAGES for name in SCRIPT.findall(page.read_text(encoding="utf-8"))}
    assert not [name for name in named if not (ROOT / name).exists()]
    assert {name_of(script) for script in ROOT.glob("scripts/*.py") if is_run_by_hand(script)} <= named


def blocks(page: Path) -> Iterator[str]:
    """The page's blocks of commands, continued lines joined, without comments."""
    for block in re.findall(r"^```(?:bash)?\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        yield block.replace("\\\n", " ")


def commands(program: str) -> list[tuple[str, list[str]]]:
    """The page, and the words after the program's name, of each of its calls in the pages' blocks of commands."""
    return [
        (name_of(page), shlex.split(line.partition(f"{program} ")[2], comments=True))
        for page in PAGES
        for block in blocks(page)
        for line in block.splitlines()
        if re.match(rf"(\w+=\S+ )*{program} ", line)
    ]


def options_of(words: list[str]) -> set[str]:
    return {word for word in words if re.match(r"--[a-z]", word)}


@cache
def known_options(command: str) -> set[str]:
    """The options of a command of ``hand-object-pose``, from the arguments of its function and their other names."""
    from hand_object_pose.cli.main import COMMANDS

    source = Path(import_module(COMMANDS[command][0]).__file__ or "").read_text(encoding="utf-8")
    run = next(node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == "run")
    names = {argument.arg for argument in run.args.args} | set(re.findall(r'arg\(name="(\w+)"\)', source))
    if command == "demo":
        # Its options are its settings, of which one has another name.
        names |= {each.name for each in fields(DemoConfig)} | {"object"}
    words = {name.replace("_", "-") for name in names}
    return {f"--{word}" for word in words} | {f"--no-{word}" for word in words}


def test_calls_of_the_command_line_name_commands_and_options_that_exist() -> None:
    found = commands("hand-object-pose")
    assert len(found) > 10
    for page, (command, *words) in found:
        assert options_of(words) <= known_options(command), f"{page}: {command} {words}"


def test_calls_of_the_training_name_commands_and_options_that_exist(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    import tyro

    from hand_object_pose_training.main import Command

    monkeypatch.setenv("COLUMNS", "300")
    known: dict[str, set[str]] = {}
    found = commands("hand-object-train")
    assert len(found) > 20
    for page, (command, *words) in found:
        if command not in known:
            with pytest.raises(SystemExit):
                tyro.cli(Command, args=[command, "--help"])
            known[command] = set(re.findall(r"--[a-z][\w.-]*", capsys.readouterr().out))
        assert options_of(words) <= known[command], f"{page}: {command} {words}"


def explained(text: str | None) -> set[str]:
    """The arguments or attributes that a docstring explains one by one, which is what ``--help`` shows."""
    return {each.arg_name for each in docstring_parser.parse(text or "").params if each.description}


def programs() -> Iterator[tuple[str, ast.FunctionDef | ast.ClassDef]]:
    """The functions and classes that command lines are made of, but for those of the training."""
    for file in (*ROOT.glob("hand_object_pose/cli/*.py"), *ROOT.glob("scripts/*.py")):
        source = file.read_text(encoding="utf-8")
        taken = {"run"} if file.parent.name == "cli" else set(re.findall(r"tyro\.cli\((\w+)", source))
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in taken:
                yield name_of(file), node


def test_help_explains_every_option() -> None:
    found = list(programs())
    assert len(found) > 30
    for name, node in found:
        if isinstance(node, ast.FunctionDef):
            # Options that are a dataclass of their own are looked at below.
            options = {argument.arg for argument in node.args.args} - {"config"}
        else:
            options = {each.target.id for each in node.body if isinstance(each, ast.AnnAssign)}  # type: ignore[union-attr]
        assert options <= explained(ast.get_docstring(node)), name


def unexplained(settings: type) -> Iterator[str]:
    """Fields of a dataclass, and of those within it, that no docstring of its classes explains."""
    known = set().union(*(explained(parent.__doc__) for parent in settings.__mro__))
    types = get_type_hints(settings)
    for field in fields(settings):
        if field.name not in known:
            yield f"{settings.__name__}.{field.name}"
        if is_dataclass(types[field.name]):
            yield from unexplained(types[field.name])


def test_help_of_the_demo_explains_every_option() -> None:
    assert not list(unexplained(DemoConfig))


def test_help_of_the_training_explains_every_option() -> None:
    pytest.importorskip("torch")
    from hand_object_pose_training.main import Command

    settings = {get_args(each)[0] for each in get_args(Command)}
    assert len(settings) > 10
    assert [name for each in settings for name in unexplained(each)] == []
