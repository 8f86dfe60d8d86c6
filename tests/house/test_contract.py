"""The contract, the routes and the tables of codes and states are one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from jsonschema import Draft202012Validator

from server import __version__
from server.app import house
from server.errors import STATUS
from server.job_errors import JobError
from server.jobs.lifecycle import State
from server.settings import Settings
from storage.errors import DiskFull, ReelraceError
from tests.support.contract import PROBLEM, Contract, Node

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = Contract()
OPERATIONS = list(CONTRACT.operations())


def nodes(node: object, place: str) -> Iterator[tuple[str, Node]]:
    """Every mapping in `node`, with where it is."""
    if isinstance(node, dict):
        yield place, node
        for name, value in node.items():
            yield from nodes(value, f"{place}/{name}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from nodes(value, f"{place}/{number}")


NODES = [found for uri, part in CONTRACT.parts.items() for found in nodes(part, f"{uri}#")]


async def test_routes_and_contract_are_the_same(tmp_path: Path) -> None:
    async with house(Settings(data_dir=str(tmp_path / "data"))) as app:
        resources = [(r.method, r.resource) for r in app.router.routes() if r.resource is not None]
    served = {(method, resource.canonical) for method, resource in resources}
    assert CONTRACT.routes() == served


def test_is_of_this_version() -> None:
    assert CONTRACT.root["openapi"].startswith("3.1.")
    assert CONTRACT.root["info"]["version"] == __version__


def test_schemas_are_schemas() -> None:
    todo = [node["schema"] for _, node in NODES if "schema" in node]
    assert len(todo) > 30
    seen: set[str] = set()
    while todo:
        schema = todo.pop()
        Draft202012Validator.check_schema(schema)
        references = {node["$ref"] for _, node in nodes(schema, "") if "$ref" in node} - seen
        seen |= references
        todo += [CONTRACT.resolve({"$ref": reference}) for reference in references]


def test_sentences_are_whole() -> None:
    """In braces, a comma ends a sentence that is not quoted, and makes a name of its rest."""
    assert not [f"{place}: {name}" for place, node in NODES for name in node if " " in name]


def test_references_lead_somewhere_and_parts_are_used() -> None:
    used = {node["$ref"] for _, node in NODES if "$ref" in node}
    for reference in used:
        CONTRACT.resolve({"$ref": reference})
    parts = [(uri, part) for uri, part in CONTRACT.parts.items() if part is not CONTRACT.root]
    assert {f"{uri}#/{name}" for uri, part in parts for name in part} == used


def test_operations_are_told_apart() -> None:
    assert len({operation["operationId"] for _, _, operation in OPERATIONS}) == len(OPERATIONS)
    tags = {tag["name"] for tag in CONTRACT.root["tags"]}
    assert {tag for _, _, operation in OPERATIONS for tag in operation["tags"]} == tags
    for method, path, operation in OPERATIONS:
        given = [*CONTRACT.paths[path].get("parameters", ()), *operation.get("parameters", ())]
        parameters = [CONTRACT.resolve(parameter) for parameter in given]
        names = {p["name"] for p in parameters if p["in"] == "path"}
        assert names == set(re.findall(r"\{(\w+)\}", path)), (method, path)


def test_examples_are_what_they_are_examples_of() -> None:
    checked = 0
    for place, node in NODES:
        if "schema" not in node:
            continue
        values = [CONTRACT.resolve(one)["value"] for one in node.get("examples", {}).values()]
        for value in [node["example"], *values] if "example" in node else values:
            fault = CONTRACT.header_fault(node, value)
            assert not fault, f"{place}: {fault}"
            checked += 1
    assert checked > 20


def words(*folders: str) -> set[str]:
    """Every name that the modules of these folders use."""
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    trees = [ast.parse(path.read_text("utf-8")) for path in paths if path.name != "errors.py"]
    return {n.id for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Name)}


def raised() -> dict[str, type[ReelraceError]]:
    """Code -> error, of those that answer requests."""
    names = words("server/api", "server/protocols", "storage")
    return {error.code: error for error in STATUS if error.__name__ in names}


def test_codes_of_problems_are_those_that_are_raised() -> None:
    expected = {code: error.sentence() for code, error in raised().items()}
    expected["internal"] = ReelraceError.sentence()
    expected["method_not_allowed"] = "Method Not Allowed"
    assert CONTRACT.sentences("ProblemCode") == expected


def test_what_answers_requests_has_a_status() -> None:
    """Else it would leave as a 500 with a code that nobody knows."""
    errors = {error.__name__ for error in ReelraceError.known.values()} - {"ReelraceError"}
    used = words("server/api", "server/protocols") & errors
    assert used <= {error.__name__ for error in STATUS}


def test_problems_are_published_under_their_status() -> None:
    """An answer's description names, as code, the codes that it may have."""
    statuses = {code: STATUS[error] for code, error in raised().items()}
    statuses |= {"internal": 500, "method_not_allowed": 405}
    seen = set()
    for method, path, operation in OPERATIONS:
        for status, reference in operation["responses"].items():
            response = CONTRACT.resolve(reference)
            if PROBLEM in response.get("content", {}):
                codes = set(re.findall(r"`(\w+)`", response["description"])) & set(statuses)
                assert {str(statuses[code]) for code in codes} == {status}, (method, path)
                seen |= codes
    assert seen == set(statuses)


def test_codes_of_videos_are_those_that_end_jobs() -> None:
    errors: list[type[ReelraceError]] = [JobError, *JobError.__subclasses__(), DiskFull]
    expected = {error.code: error.sentence() for error in errors}
    assert CONTRACT.sentences("VideoErrorCode") == expected


def test_states_are_those_of_jobs() -> None:
    states = CONTRACT.part("video")["State"]["oneOf"]
    assert {branch["const"] for branch in states} == set(State)


def test_warnings_are_those_that_are_noticed() -> None:
    """A notice's code is the first argument of `Notice`, or the last of `_main`, who makes some."""
    found = set()
    paths = (
        path for room in ("pipeline", "jobs") for path in (ROOT / "server" / room).glob("*.py")
    )
    for path in paths:
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                at = {"Notice": 0, "_main": 2}.get(call.func.id)
                if at is not None and isinstance(code := call.args[at], ast.Constant):
                    found.add(code.value)
    codes = CONTRACT.part("video")["WarningCode"]["oneOf"]
    assert {branch["const"] for branch in codes} == found
