"""Changes when: how answers are held against `server/openapi.yaml` and its parts does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

ROOT = Path(__file__).resolve().parents[2] / "server" / "openapi.yaml"
METHODS = {"get", "head", "post", "put", "patch", "delete", "options", "trace"}
LINES = "application/x-ndjson"
PROBLEM = "application/problem+json"
TRANSPORT = {"connection", "content-length", "content-type", "date", "server", "transfer-encoding"}
"""Headers that the contract need not name: they come with HTTP, or with the content."""
Node = dict[str, Any]


class Contract:
    """The published contract, taken at its word: what it does not name must not come."""

    def __init__(self) -> None:
        paths = [ROOT, *sorted(ROOT.with_suffix("").glob("*.yaml"))]
        self.parts: dict[str, Node] = {path.as_uri(): _read(path) for path in paths}
        """The documents by their URI. All references in them are absolute."""
        self.root = self.parts[ROOT.as_uri()]
        self._registry: Registry[Any] = Registry().with_resources(
            (uri, Resource.from_contents(part, default_specification=DRAFT202012))
            for uri, part in self.parts.items()
        )

    # --- what is published -------------------------------------------------------------------

    def part(self, name: str) -> Node:
        """The document `server/openapi/{name}.yaml`."""
        return self.parts[(ROOT.with_suffix("") / f"{name}.yaml").as_uri()]

    def sentences(self, codes: str) -> dict[str, str]:
        """Code -> sentence of one of the tables in `errors.yaml`."""
        return {one["const"]: one["title"] for one in self.part("errors")[codes]["oneOf"]}

    @cached_property
    def paths(self) -> dict[str, Node]:
        """Path template -> path item."""
        return {path: self.resolve(item) for path, item in self.root["paths"].items()}

    def operations(self) -> Iterator[tuple[str, str, Node]]:
        """(METHOD, path template, operation) of all that are written down."""
        for path, item in self.paths.items():
            for method in METHODS & set(item):
                yield method.upper(), path, item[method]

    def routes(self) -> set[tuple[str, str]]:
        """(METHOD, path template) of all that are answered: with every GET there is a HEAD."""
        written = {(method, path) for method, path, _ in self.operations()}
        return written | {("HEAD", path) for method, path in written if method == "GET"}

    def resolve(self, node: Node) -> Node:
        """What a reference refers to; anything else is itself."""
        while "$ref" in node:
            node = self._registry.resolver().lookup(node["$ref"]).contents
        return node

    def fault(self, schema: Node, value: object) -> str:
        """What is wrong with `value`; empty if nothing is."""
        errors = Draft202012Validator(schema, registry=self._registry).iter_errors(value)
        error = best_match(errors)
        return f"{error.json_path}: {error.message}" if error else ""

    def header_fault(self, header: Node, value: object) -> str:
        """The same for a header, whose numbers are text."""
        fault = self.fault(header["schema"], value)
        if fault and isinstance(value, str) and value.isdigit():
            return self.fault(header["schema"], int(value))
        return fault

    # --- what is answered --------------------------------------------------------------------

    def check(self, answer: requests.Response) -> requests.Response:
        """Holds an answer against what is published for its request; returns it."""
        request, method = answer.request, str(answer.request.method)
        meant = request.headers.get("X-HTTP-Method-Override", method)
        self.check_parts(
            meant if method == "POST" else method,
            urlsplit(request.url or "").path,
            answer.status_code,
            answer.headers,
            answer.content,
        )
        return answer

    def check_parts(
        self, method: str, path: str, status: int, headers: Mapping[str, str], content: bytes
    ) -> None:
        """The same for an answer in parts."""
        where = f"{method} {path}: {status}"
        operation = self._operation(method, path)
        assert str(status) in operation["responses"], f"{where} is not published"
        response = self.resolve(operation["responses"][str(status)])
        kinds = response.get("content", {})
        self._check_headers(where, self._headers(operation, response), headers)
        kind = headers.get("Content-Type", "").partition(";")[0]
        if not content:
            is_json = any(name.endswith("json") and name != LINES for name in kinds)
            assert method == "HEAD" or not is_json, f"{where}: no content"
            return
        assert kind in kinds or "*/*" in kinds, f"{where}: {kind}, {content[:300]!r}"
        if kind == LINES:
            for line in content.splitlines():
                fault = self.fault(kinds[kind]["x-line"], json.loads(line))
                assert not fault, f"{where}: {fault} in {line[:2000]!r}"
        elif kind.endswith("json"):
            value = json.loads(content)
            fault = self.fault(kinds[kind]["schema"], value)
            assert not fault, f"{where}: {fault} in {content[:2000]!r}"
            if kind == PROBLEM:
                self._check_problem(where, response, status, value)

    def _check_problem(self, where: str, response: Node, status: int, problem: Node) -> None:
        code = problem["code"]
        assert problem["status"] == status, f"{where}: {problem}"
        assert problem["title"] == self.sentences("ProblemCode")[code], f"{where}: {problem}"
        assert f"`{code}`" in response["description"], f"{where}: {code} is not published"

    def _headers(self, operation: Node, response: Node) -> Node:
        """Name -> header: of the response, and of its kind in the operation's tags."""
        group = "x-problem-headers" if PROBLEM in response.get("content", {}) else "x-headers"
        found: Node = {}
        for tag in self.root["tags"]:
            if tag["name"] in operation["tags"]:
                found |= self.resolve(tag.get(group, {}))
        found |= response.get("headers", {})
        return found

    def _check_headers(self, where: str, published: Node, sent: Mapping[str, str]) -> None:
        names = {name.lower() for name in sent}
        unknown = names - {name.lower() for name in published} - TRANSPORT
        assert not unknown, f"{where}: {unknown} is not published"
        for name, reference in published.items():
            header = self.resolve(reference)
            if name.lower() not in names:
                assert not header.get("required"), f"{where}: {name} is lacking"
                continue
            fault = self.header_fault(header, sent[name])
            assert not fault, f"{where}: {name}: {fault}"

    def _operation(self, method: str, path: str) -> Node:
        for template, pattern in self._templates.items():
            if pattern.fullmatch(path):
                item = self.paths[template]
                of_get = item.get("get") if method == "HEAD" else None
                operation: Node | None = item.get(method.lower(), of_get)
                assert operation is not None, f"{method} {path} is not published"
                return operation
        raise AssertionError(f"{path} is not published")

    @cached_property
    def _templates(self) -> dict[str, re.Pattern[str]]:
        return {t: re.compile(re.sub(r"\{\w+\}", "[^/]+", t)) for t in self.paths}


def _read(path: Path) -> Node:
    document: Node = _strict(yaml.safe_load(path.read_text("utf-8")), path.as_uri())
    return document


def _strict(node: Any, base: str) -> Any:
    """The same, with properties that are not named forbidden, and references made absolute."""
    if isinstance(node, list):
        return [_strict(item, base) for item in node]
    if not isinstance(node, dict):
        return node
    made = {str(name): _strict(value, base) for name, value in node.items()}
    if made.get("type") == "object":
        made.setdefault("unevaluatedProperties", False)
    if isinstance(made.get("$ref"), str):
        made["$ref"] = urljoin(base, made["$ref"])
    return made
