"""The published OpenAPI files of GA4GH, split or not, as one document and as validators; nothing is fetched.

Their only remote reference is the schema of service-info 1.0.0; what it requires is written down here.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from jsonschema import Draft202012Validator, FormatChecker

_TEXT: Final = {"type": "string", "minLength": 1}
SERVICE: Final = {
    "type": "object",
    "required": ["id", "name", "type", "organization", "version"],
    "properties": {
        "id": _TEXT,
        "name": _TEXT,
        "version": _TEXT,
        "type": {
            "type": "object",
            "required": ["group", "artifact", "version"],
            "properties": {"group": _TEXT, "artifact": _TEXT, "version": _TEXT},
        },
        "organization": {
            "type": "object",
            "required": ["name", "url"],
            "properties": {
                "name": _TEXT,
                "url": {"type": "string", "format": "uri", "pattern": "^https?://"},
            },
        },
        "environment": _TEXT,
        "createdAt": {"type": "string", "format": "date-time"},
    },
}


class OpenApiFile:
    """One API. `document` is whole: references into other files are put in, or moved to `components/schemas`."""

    def __init__(self, path: Path) -> None:
        self._schemas: dict[str, Any] = {}
        self.document: dict[str, Any] = self._resolved(yaml.safe_load(path.read_text()), path.parent)
        components = self.document.setdefault("components", {})
        components.setdefault("schemas", {}).update(self._schemas)
        self.validator = cache(self._validator)

    def problems(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """What is wrong with the body of an answer; a status that the file does not name is a problem too.

        path: as the file writes it, with its parameters unfilled.
        """
        validator = self.validator(method.lower(), path, str(status))
        if validator is None:
            return [f"{method} {path} does not answer {status}"]
        return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(body)]

    def template_of(self, path: str) -> str:
        """The path of the file that a request's path is."""
        for template in sorted(self.document["paths"], key=lambda text: text.count("{")):
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
                return template
        raise LookupError(path)

    def _validator(self, method: str, path: str, status: str) -> Draft202012Validator | None:
        answers = self.document["paths"][path][method]["responses"]
        answer = answers.get(status, answers.get(int(status)))
        if answer is None:
            return None
        if "$ref" in answer:
            answer = self.document["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
        kinds = list(answer.get("content", {}).values())
        schema = _without_nullable(kinds[0]["schema"] if kinds else {})
        whole = {"allOf": [schema], "components": _without_nullable(self.document["components"])}
        return Draft202012Validator(whole, format_checker=FormatChecker())

    def _resolved(self, node: Any, folder: Path) -> Any:
        if isinstance(node, list):
            return [self._resolved(item, folder) for item in node]
        if not isinstance(node, dict):
            return node
        reference = node.get("$ref")
        if isinstance(reference, str) and not reference.startswith("#"):
            return self._referred(reference, folder)
        return {name: self._resolved(value, folder) for name, value in node.items()}

    def _referred(self, reference: str, folder: Path) -> Any:
        if reference.startswith("https:"):
            assert "service-info.yaml" in reference
            return SERVICE
        path = (folder / reference).resolve()
        if path.suffix != ".yaml":
            return path.read_text()
        if path.parent.name != "schemas":
            return self._resolved(yaml.safe_load(path.read_text()), path.parent)
        if path.stem not in self._schemas:
            self._schemas[path.stem] = {}  # a schema may contain itself
            self._schemas[path.stem] = self._resolved(yaml.safe_load(path.read_text()), path.parent)
        return {"$ref": f"#/components/schemas/{path.stem}"}


def _without_nullable(node: Any) -> Any:
    """OpenAPI 3.0 says `nullable` where JSON Schema says another type."""
    if isinstance(node, list):
        return [_without_nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {name: _without_nullable(value) for name, value in node.items() if name != "nullable"}
    return found | {"type": [found["type"], "null"]} if node.get("nullable") else found
