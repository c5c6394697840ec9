"""The OpenAPI 3.1 document: every route, schema and error, made from the routes' operations."""

from __future__ import annotations

from collections.abc import Sequence

from simpleml import __version__
from simpleml.models.card import NAME_PATTERN
from simpleml.web.answers import ErrorAnswer
from simpleml.web.openapi.operation import JSON, STRING, TEXT, Operation, Schema
from simpleml.web.openapi.schemas import Schemas

ERRORS: dict[int, str] = {
    400: "A value is wrong, or the prompt holds characters that the model does not know. "
    "Code `invalid_value` or `unknown_characters`. A zip is no model's: code `bad_archive`.",
    401: "The key is missing or wrong. Code `invalid_api_key`.",
    403: "Training is off (code `training_off`), or not for this client (`training_forbidden`). In "
    "a class: only the teacher may do that (`class_forbidden`), it is another pupil's "
    "(`not_yours`), or the teacher has paused the class (`class_paused`).",
    404: "There is no such model (the message lists those that exist), or nothing at this address. "
    "Code `model_not_found` or `not_found`. The server is no class: `class_off`.",
    405: "The method is not allowed; the header Allow names those that are.",
    408: "The body took too long to arrive. Code `request_timeout`.",
    409: "The model cannot be taken away: code `not_exportable`. The text that it was trained on "
    "is not in the models folder, or was edited: code `corpus_unavailable`. The name is "
    "taken, there are too many trainings, or this one is not in the state for that: code "
    "`training_conflict`, or `model_exists`. The disk is full: code `no_room`.",
    413: "The body or the seed is too large. Code `payload_too_large`.",
    429: "Too many requests wait already. Code `queue_full`.",
    500: "The model's files are broken (code `model_broken`: which file, what is wrong), a "
    "training or a class cannot be written to the disk (codes `training_storage`, "
    "`class_storage`), or something failed in the server.",
    501: "The server's Python lacks what training needs. Code `training_not_installed`.",
    503: "The server is stopping. Code `stopping`.",
    504: "The time ran out before anything was generated. Code `deadline`.",
}
_ALWAYS = (401, 405, 500)

_DESCRIPTION = """\
Sequence models that one can train on any text: short routes for curl and pages, and the routes
that OpenAI's clients use. One token is one symbol of a model: a character, or a word of a
word-level model. HEAD is answered wherever GET is, OPTIONS everywhere. Every answer has an
X-Request-Id, the client's own if it sent one. Errors are text to plain clients, JSON to
`Accept: application/json` and on /v1.
"""

TAGS = {
    "generate": "The original routes.",
    "openai": "Routes for OpenAI's clients.",
    "score": "How well the models predict a text.",
    "train": "Training on texts that are sent; off unless SIMPLEML_TRAINING is 1. It asks for a "
    "key of SIMPLEML_TRAINING_KEYS; without any it is for the server's own machine alone. Texts "
    "come as JSON, as a form with the file `text` (or several, joined in their order), or as the "
    "body itself with the other fields in the query. A file may be plain text in any common "
    "encoding, .docx, .odt, .epub, .pdf, .html or .srt; what it is depends on its content.",
    "copies": "The texts that models have read, without which no copies are found.",
    "export": "Models to take away, and to bring in.",
    "class": "A class: off unless SIMPLEML_CLASS is 1. Pupils call with the class's key, the "
    "teacher with another one.",
    "operate": "Probes, metrics and documents.",
    "playground": "The page at / and what it asks for.",
}


_PATH_PARAMETERS: dict[str, tuple[Schema, str]] = {
    "model": (
        {"type": "string", "pattern": f"^{NAME_PATTERN.pattern}$"},
        "A model's name; a blend's, shakespeare:0.7+contes:0.3, may stand there too.",
    ),
    "id": (STRING, "A model's name."),
    "seed": (
        {"type": "string", "minLength": 1},
        "What the text begins with. It may hold slashes: size and temperature are read from the "
        "right.",
    ),
    "size": ({"type": "integer", "minimum": 1}, "Characters to generate."),
    "temp": ({"type": "number", "minimum": 0}, "The temperature."),
    "file": (STRING, "A file's name."),
    "name": (STRING, "The name of a training and of its model."),
    "text": (STRING, "The id of a text on the wall."),
}
_HEADERS: dict[str, str] = {
    "X-Request-Id": "The request's id: the client's, or a new one.",
    "X-Random-State": "The random state that was used: with it the text can be had again.",
    "X-Fingerprint": "What makes the text besides the request and its random state: SHA-256 of the "
    "weights, precision, mode, and the arithmetic's version with a hash of what it gave here.",
    "X-Finish-Reason": "stop or length (plain text that is not streamed).",
    "X-Seed-Changes": "JSON list of what on_unknown changed in the seed; its first 4,000 bytes.",
    "X-Originality": "JSON with copied_share and the length of the longest copied passage, with "
    "originality=1 (plain text that is not streamed).",
    "X-Ignored": "JSON list of options that mean nothing here; the first 20.",
    "Retry-After": "Seconds to wait before asking again.",
    "ETag": "Changes when the file does; with it in If-None-Match the answer is 304.",
    "Allow": "The methods that are allowed.",
    "WWW-Authenticate": "Bearer.",
}
_ERROR_HEADERS = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}


def document(operations: Sequence[Operation], asks_for_keys: bool) -> Schema:
    """The document of a server that does, or does not, ask for keys."""
    schemas = Schemas(operations)
    paths: dict[str, Schema] = {}
    for operation in operations:
        described = _operation(operation, schemas)
        paths.setdefault(operation.path, {})[operation.method] = described
    keys: list[Schema] = [{"bearer": []}, {"header": []}]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "SimpleML",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "security": keys if asks_for_keys else [{}, *keys],
        "paths": paths,
        "components": {
            "schemas": schemas.definitions,
            "headers": {
                name: {"description": text, "schema": STRING} for name, text in _HEADERS.items()
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def _operation(operation: Operation, schemas: Schemas) -> Schema:
    described: Schema = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
    }
    if operation.key == "none":
        described["security"] = []
    parameters = [*_path_parameters(operation.path)]
    if operation.query is not None:
        parameters += _query_parameters(operation, schemas)
    if parameters:
        described["parameters"] = parameters
    if content := _body(operation, schemas):
        described["requestBody"] = {"required": True, "content": content}
    headers = _headers("X-Request-Id", *operation.headers)
    responses: dict[str, Schema] = {
        str(operation.status): {
            "description": "The answer.",
            "headers": headers,
            "content": {
                kind: {"schema": schemas.of(one)} for kind, one in operation.answer.items()
            },
        }
    }
    for status, one in operation.more_answers.items():
        responses[str(status)] = {
            "description": "Not now.",
            "headers": headers,
            "content": {JSON: {"schema": schemas.of(one)}},
        }
    errors = {*operation.errors, *_ALWAYS} - ({401} if operation.key == "none" else set())
    for status in sorted(errors - set(operation.more_answers)):
        responses[str(status)] = _error(status, operation.path, schemas)
    described["responses"] = responses
    if operation.example:
        described["x-curl"] = f"curl {operation.example}"
    return described


def _error(status: int, path: str, schemas: Schemas) -> Schema:
    content: Schema = {JSON: {"schema": schemas.of(ErrorAnswer)}}
    if not path.startswith("/v1/"):
        content[TEXT] = {"schema": STRING}
    return {
        "description": ERRORS[status],
        "headers": _headers("X-Request-Id", *_ERROR_HEADERS.get(status, ())),
        "content": content,
    }


def _body(operation: Operation, schemas: Schemas) -> dict[str, Schema]:
    """What a request may send, by its type."""
    content: dict[str, Schema] = {kind: {"schema": one} for kind, one in operation.takes.items()}
    if operation.body is not None:
        content[JSON] = {"schema": schemas.of(operation.body)}
    if operation.upload:
        files = {"type": "array", "items": {**STRING, "format": "binary"}}
        form = {"type": "object", "properties": {"text": files}, "required": ["text"]}
        content["multipart/form-data"] = content.get(JSON, {"schema": form})
        content[TEXT] = {"schema": {**STRING, "description": "The text to learn from."}}
    return content


def _headers(*names: str) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _path_parameters(path: str) -> Sequence[Schema]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PATH_PARAMETERS[name][1],
            "schema": _PATH_PARAMETERS[name][0],
        }
        for name in names
    ]


def _query_parameters(operation: Operation, schemas: Schemas) -> Sequence[Schema]:
    assert operation.query is not None
    properties = schemas.definitions[operation.query.__name__]["properties"]
    parameters = []
    for name, schema in properties.items():
        if f"{{{name}}}" in operation.path:
            continue
        kept = {key: value for key, value in schema.items() if key not in ("title", "description")}
        # a query has texts: an object is one there, as its description says
        options = [
            one for one in kept.pop("anyOf", ()) if one.get("type") not in ("null", "object")
        ]
        if options:
            kept |= options[0] if len(options) == 1 else {"anyOf": options}
        if kept.get("default", 0) is None:
            del kept["default"]
        parameters.append(
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": schema.get("description", ""),
                "schema": kept,
            }
        )
    return parameters
