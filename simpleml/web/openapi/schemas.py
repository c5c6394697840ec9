"""The JSON schemas of everything that operations take and answer, each under its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from simpleml.web.answers import ErrorAnswer
from simpleml.web.openapi.operation import JSON, Events, Operation, Schema


class Schemas:
    """The schemas of some operations, and references to them."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        taken = {one for op in operations for one in (op.query, op.body) if one is not None}
        answered = [
            one
            for op in operations
            for said in (*op.answer.values(), *op.more_answers.values())
            for one in (said if isinstance(said, tuple) else (said,))
        ]
        streams = {one for one in answered if isinstance(one, Events)}
        given = {one for one in answered if not isinstance(one, dict | Events)}
        given |= {ErrorAnswer, *(one for stream in streams for one in stream.data)}
        inputs = sorted(taken | given, key=lambda one: str(one.__name__))
        _, schema = TypeAdapter.json_schemas(
            [(one.__name__, "validation", TypeAdapter(one)) for one in inputs],
            ref_template="#/components/schemas/{model}",
        )
        self.definitions: dict[str, Schema] = schema["$defs"]
        for name in {one.__name__ for one in given}:
            self._close(name)
        for stream in streams:
            self.definitions[stream.name] = self._event(stream)
        self.definitions = dict(sorted(self.definitions.items()))

    def of(self, one: Any) -> Schema:
        """A reference to a type's schema, or to one of several; a schema is returned as it is."""
        if isinstance(one, tuple):
            return {"anyOf": [self.of(each) for each in one]}
        if isinstance(one, dict):
            return one
        name = one.name if isinstance(one, Events) else one.__name__
        return {"$ref": f"#/components/schemas/{name}"}

    def _event(self, stream: Events) -> Schema:
        data: Schema = {
            "type": "string",
            "contentMediaType": JSON,
            "contentSchema": {"anyOf": [self.of(one) for one in (*stream.data, ErrorAnswer)]},
        }
        if stream.last:
            data = {"anyOf": [{"const": stream.last}, data]}
        properties: dict[str, Schema] = {"data": data}
        if stream.names:
            properties["event"] = {"enum": list(stream.names)}
        return {
            "description": stream.description,
            "type": "object",
            "properties": properties,
            "required": ["data"],
        }

    def _close(self, name: str) -> None:
        """Answers hold what is described and nothing else."""
        schema = self.definitions[name]
        if "properties" not in schema or "additionalProperties" in schema:
            return
        schema["additionalProperties"] = False
        for reference in _references(schema):
            self._close(reference)


def _references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for one in schema for name in _references(one)]
    if not isinstance(schema, dict):
        return []
    found = [name for one in schema.values() for name in _references(one)]
    if isinstance(schema.get("$ref"), str):
        found.append(schema["$ref"].rpartition("/")[2])
    return found
