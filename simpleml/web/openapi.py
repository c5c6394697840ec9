"""/openapi.json: every route, schema and error, as OpenAPI 3.1.

The schemas come from the pydantic models that check the requests and from the types of the
answers; the routes are the table below, which a test holds against the application's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from flask import Blueprint, Response, current_app, jsonify
from pydantic import BaseModel, TypeAdapter

from simpleml import __version__
from simpleml.models.card import NAME_PATTERN
from simpleml.web import answers
from simpleml.web.openai import answers as openai_answers
from simpleml.web.openai.parameters import ChatParameters, CompletionParameters
from simpleml.web.pages import playground
from simpleml.web.parameters import GenerateParameters
from simpleml.web.service import Service
from simpleml.web.train import answers as training_answers
from simpleml.web.train.parameters import CheckParameters, TrainParameters

blueprint = Blueprint("openapi", __name__)

Schema = dict[str, Any]

ERRORS: dict[int, str] = {
    400: "A value is wrong, or the prompt holds characters that the model does not know. "
    "Code `invalid_value` or `unknown_characters`.",
    401: "The key is missing or none of the server's. Code `invalid_api_key`.",
    403: "Training is off (code `training_off`), or not for this client (`training_forbidden`).",
    404: "There is no such model (the message lists those that exist), or nothing at this address. "
    "Code `model_not_found` or `not_found`.",
    405: "The method is not allowed; the header Allow names those that are.",
    408: "The body took too long to arrive. Code `request_timeout`.",
    409: "The text that the model was trained on is not beside the models, or was edited: code "
    "`corpus_unavailable`. The name is taken, there are too many trainings, or this one is not in "
    "the state for that: code `training_conflict`.",
    413: "The body or the seed is too large. Code `payload_too_large`.",
    429: "Too many requests wait already. Code `queue_full`.",
    500: "The model's files are broken (code `model_broken`: which file, what is wrong), a "
    "training cannot be written to the disk (code `training_storage`), or something failed in the "
    "server.",
    501: "The server's Python lacks what training needs. Code `training_not_installed`.",
    503: "The server is stopping. Code `stopping`.",
    504: "The time ran out before anything was generated. Code `deadline`.",
}
_ALWAYS = (401, 405, 500)
_GENERATES = (400, 404, 409, 413, 429, 503, 504)
_TRAINS = (400, 403, 404, 408, 409, 413, 501, 503)
_TEXT = "text/plain"
_JSON = "application/json"
_EVENTS = "text/event-stream"
_STRING: Schema = {"type": "string"}
_PAGE_FILES = ("text/javascript", "text/css", _JSON, "image/svg+xml")

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
    "train": "Training on texts that are sent; off unless SIMPLEML_TRAINING is 1. It asks for a "
    "key of SIMPLEML_TRAINING_KEYS; without any it is for the server's own machine alone. Texts "
    "come as JSON, as a form with the file `text` (or several, joined in their order), or as the "
    "body itself with the other fields in the query. A file may be plain text in any common "
    "encoding, .docx, .odt, .epub, .pdf, .html or .srt; what it is hangs on its content.",
    "operate": "Probes, metrics and documents.",
    "playground": "The page at / and what it asks for.",
}


@dataclass(frozen=True)
class Events:
    """A stream of server-sent events; OpenAPI describes each of them as an object."""

    name: str
    """Of the event's schema."""
    description: str
    data: tuple[Any, ...]
    """Types of the JSON that an event's data may be, besides an error."""
    names: tuple[str, ...] = ()
    """The event field, where it has one."""
    last: str = ""
    """Data of the last event that is no JSON."""

    def schema(self, types: _Schemas) -> Schema:
        options = [types.of(one) for one in (*self.data, answers.ErrorAnswer)]
        data: Schema = {
            "type": "string",
            "contentMediaType": _JSON,
            "contentSchema": {"anyOf": options},
        }
        if self.last:
            data = {"anyOf": [{"const": self.last}, data]}
        properties: dict[str, Schema] = {"data": data}
        if self.names:
            properties["event"] = {"enum": list(self.names)}
        return {
            "description": self.description,
            "type": "object",
            "properties": properties,
            "required": ["data"],
        }


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: Literal["get", "post", "delete"]
    path: str
    rule: str
    """The application's route that answers it."""
    tag: str
    summary: str
    answer: Mapping[str, Any]
    """Type of the answer for each content type; a dictionary is a schema already."""
    errors: tuple[int, ...] = ()
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    headers: tuple[str, ...] = ()
    status: int = 200
    """Of the answer."""
    upload: bool = False
    """The body may also be a form with the file `text`, or the text itself."""
    more_answers: Mapping[int, Any] = field(default_factory=dict)
    """Types of JSON answers with another status."""
    open: bool = False
    """Never asks for a key."""
    example: str = ""
    """Arguments of a curl call; BASE stands for the server's address."""

    @property
    def id(self) -> str:
        words = "".join(c if c.isalnum() else " " for c in self.path).split()
        return "_".join([self.method, *words]) or self.method


_TEXT_EVENTS = Events(
    "TextEvent",
    "A piece of the text; at the end, as the event `done`, the whole answer, or an `error`.",
    (answers.TextPiece, answers.GenerateAnswer),
    names=("message", "done", "error"),
)
_COMPLETION_EVENTS = Events(
    "CompletionEvent",
    "A chunk; at the end `[DONE]`, or an error.",
    (openai_answers.CompletionChunk,),
    last="[DONE]",
)
_CHAT_EVENTS = Events(
    "ChatCompletionEvent",
    "A chunk; at the end `[DONE]`, or an error.",
    (openai_answers.ChatCompletionChunk,),
    last="[DONE]",
)
_TRAINING_EVENTS = Events(
    "TrainingEvent",
    "How the training stands, whenever that has changed; the last one when it is over.",
    (training_answers.TrainingAnswer,),
)
_GENERATED = {_TEXT: _STRING, _JSON: answers.GenerateAnswer, _EVENTS: _TEXT_EVENTS}
_GENERATION_HEADERS = ("X-Random-State", "X-Finish-Reason", "X-Seed-Changes", "X-Originality")

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "get", "/{model}/g/{seed}/{size}", "/<model>/g/<rest:rest>", "generate",
        "A text: the seed as given and what follows it.",
        _GENERATED, _GENERATES, query=GenerateParameters, headers=_GENERATION_HEADERS,
        example="'BASE/sherlock/g/Holmes%20/200'",
    ),
    Operation(
        "get", "/{model}/g/{seed}/{size}/{temp}", "/<model>/g/<rest:rest>", "generate",
        "The same with a temperature.",
        _GENERATED, _GENERATES, query=GenerateParameters, headers=_GENERATION_HEADERS,
        example="'BASE/sherlock/g/Holmes%20/200/0.8?random_state=7'",
    ),
    Operation(
        "post", "/{model}", "/<model>", "generate",
        "The same by JSON, whatever the Content-Type says.",
        _GENERATED, (*_GENERATES, 408), body=GenerateParameters, headers=_GENERATION_HEADERS,
        example="BASE/sherlock -H 'Accept: application/json' "
        """-d '{"seed": "Holmes ", "size": 200, "temp": 0.5}'""",
    ),
    Operation(
        "get", "/{model}", "/<model>", "generate",
        "The model's card: alphabet, sizes, mode, validation, licence of the corpus.",
        {_JSON: answers.CardAnswer}, (404,), example="BASE/sherlock",
    ),
    Operation(
        "get", "/v1/models", "/v1/models", "openai", "All models.",
        {_JSON: openai_answers.ModelList}, example="BASE/v1/models",
    ),
    Operation(
        "get", "/v1/models/{id}", "/v1/models/<path:model_id>", "openai", "One model.",
        {_JSON: openai_answers.ModelAnswer}, (404,), example="BASE/v1/models/sherlock",
    ),
    Operation(
        "post", "/v1/completions", "/v1/completions", "openai",
        "Texts that go on from one or more prompts.",
        {_JSON: openai_answers.Completion, _EVENTS: _COMPLETION_EVENTS},
        (*_GENERATES, 408), body=CompletionParameters, headers=("X-Random-State",),
        example="BASE/v1/completions -H 'Content-Type: application/json' "
        """-d '{"model": "sherlock", "prompt": "Holmes ", "max_tokens": 200, "seed": 7}'""",
    ),
    Operation(
        "post", "/v1/chat/completions", "/v1/chat/completions", "openai",
        "Texts that go on from the last user message.",
        {_JSON: openai_answers.ChatCompletion, _EVENTS: _CHAT_EVENTS},
        (*_GENERATES, 408), body=ChatParameters, headers=("X-Random-State",),
        example="-N BASE/v1/chat/completions -H 'Content-Type: application/json' "
        """-d '{"model": "sherlock", "stream": true, """
        """"messages": [{"role": "user", "content": "Holmes "}]}'""",
    ),
    Operation(
        "post", "/v1/train/check", "/v1/train/check", "train",
        "Whether a text is enough, and how long a training of it takes on this machine.",
        {_JSON: training_answers.CheckAnswer}, (*_TRAINS, 429, 504), body=CheckParameters,
        upload=True, example="'BASE/v1/train/check?units=256' -F text=@tales.txt",
    ),
    Operation(
        "post", "/v1/train", "/v1/train", "train",
        "Start a training, or put it at the end of the queue.",
        {_JSON: training_answers.TrainingAnswer}, _TRAINS, body=TrainParameters, status=202,
        upload=True, example="BASE/v1/train -F name=tales -F text=@tales.txt",
    ),
    Operation(
        "get", "/v1/train", "/v1/train", "train", "All trainings, and what the server takes.",
        {_JSON: training_answers.TrainingList}, (403,), example="BASE/v1/train",
    ),
    Operation(
        "get", "/v1/train/{name}", "/v1/train/<name>", "train",
        "How a training stands: progress, curve, samples, log.",
        {_JSON: training_answers.TrainingAnswer}, (403, 404), example="BASE/v1/train/tales",
    ),
    Operation(
        "get", "/v1/train/{name}/events", "/v1/train/<name>/events", "train",
        "The same as a stream, until it is over.",
        {_EVENTS: _TRAINING_EVENTS}, (403, 404), example="-N BASE/v1/train/tales/events",
    ),
    Operation(
        "post", "/v1/train/{name}/cancel", "/v1/train/<name>/cancel", "train",
        "Stop a training as soon as it has saved; its model stays, and it can be resumed.",
        {_JSON: training_answers.TrainingAnswer}, _TRAINS,
        example="-X POST BASE/v1/train/tales/cancel",
    ),
    Operation(
        "post", "/v1/train/{name}/resume", "/v1/train/<name>/resume", "train",
        "Put a training that ended before its time at the end of the queue.",
        {_JSON: training_answers.TrainingAnswer}, _TRAINS,
        example="-X POST BASE/v1/train/tales/resume",
    ),
    Operation(
        "delete", "/v1/train/{name}", "/v1/train/<name>", "train",
        "Remove a training and the model that it made, never another one.",
        {_JSON: training_answers.TrainingDeleted}, (403, 404, 409),
        example="-X DELETE BASE/v1/train/tales",
    ),
    Operation(
        "get", "/livez", "/livez", "operate", "The process answers.",
        {_JSON: answers.ProbeAnswer}, open=True, example="BASE/livez",
    ),
    *(
        Operation(
            "get", path, path, "operate", summary, {_JSON: answers.ProbeAnswer},
            more_answers={503: answers.ProbeAnswer}, open=True, example=f"BASE{path}",
        )
        for path, summary in (
            ("/readyz", "The server can generate; 503 with the reasons when not."),
            ("/healthz", "The same as /readyz."),
            ("/health", "The same as /readyz."),
        )
    ),
    Operation(
        "get", "/metrics", "/metrics", "operate", "Prometheus metrics of all workers.",
        {_TEXT: _STRING}, example="BASE/metrics",
    ),
    Operation(
        "get", "/openapi.json", "/openapi.json", "operate", "This document.",
        {_JSON: {"type": "object"}}, example="BASE/openapi.json",
    ),
    Operation(
        "get", "/docs", "/docs", "operate", "This document to read.", {"text/html": _STRING},
    ),
    Operation(
        "get", "/docs/style.css", "/docs/style.css", "operate", "Its style sheet.",
        {"text/css": _STRING},
    ),
    Operation(
        "get", "/", "/", "playground",
        "The playground to a browser; name, version, models and links to others.",
        {_JSON: answers.HomeAnswer, "text/html": _STRING},
        example="BASE/ -H 'Accept: application/json'",
    ),
    Operation(
        "get", "/api/models", "/api/models", "playground", "The models one can choose from.",
        {_JSON: answers.ModelChoices},
    ),
    Operation(
        "get", "/api/models/{model}/training.png", "/api/models/<name>/training.png",
        "playground", "The picture of a model's training.",
        {"image/png": {"type": "string", "contentMediaType": "image/png"}}, (400, 404),
    ),
    Operation(
        "post", "/api/encode", "/api/encode", "playground",
        "How a model reads a seed: what would be replaced or left out.",
        {_JSON: answers.EncodeAnswer}, (400, 404, 408, 413), body=playground.EncodeParameters,
    ),
    Operation(
        "post", "/api/originality", "/api/originality", "playground",
        "What of a text stands verbatim in the text that a model was trained on.",
        {_JSON: answers.OriginalityAnswer}, (400, 404, 408, 409, 413),
        body=playground.OriginalityParameters,
    ),
    Operation(
        "get", "/api/queue", "/api/queue", "playground",
        "How busy the worker is, and the place of a request that waits in it.",
        {_JSON: answers.QueueAnswer}, (400,), query=playground.QueueParameters,
    ),
    Operation(
        "get", "/train", "/train", "train", "The page on which one trains.",
        {"text/html": _STRING}, (403,),
    ),
    Operation(
        "get", "/static/training/{file}", "/static/training/<name>", "train",
        "A file of that page.", dict.fromkeys(_PAGE_FILES, _STRING), (404,), open=True,
    ),
    Operation(
        "get", "/static/playground/{file}", "/static/playground/<name>", "playground",
        "A file of the page.",
        dict.fromkeys(_PAGE_FILES, _STRING), (404,), open=True,
    ),
)  # fmt: skip

_PATH_PARAMETERS: dict[str, tuple[Schema, str]] = {
    "model": ({"type": "string", "pattern": f"^{NAME_PATTERN.pattern}$"}, "A model's name."),
    "id": (_STRING, "A model's name."),
    "seed": (
        {"type": "string", "minLength": 1},
        "What the text begins with. It may hold slashes: size and temperature are read from the "
        "right.",
    ),
    "size": ({"type": "integer", "minimum": 1}, "Characters to generate."),
    "temp": ({"type": "number", "minimum": 0}, "The temperature."),
    "file": (_STRING, "A file's name."),
    "name": (_STRING, "The name of a training and of its model."),
}
_HEADERS: dict[str, str] = {
    "X-Request-Id": "The request's id: the client's, or a new one.",
    "X-Random-State": "The random state that was used: with it the text can be had again.",
    "X-Finish-Reason": "stop or length (plain text that is not streamed).",
    "X-Seed-Changes": "JSON list of what on_unknown changed in the seed; its first 4,000 bytes.",
    "X-Originality": "JSON with copied_share and the length of the longest copied passage, with "
    "originality=1 (plain text that is not streamed).",
    "Retry-After": "Seconds to wait before asking again.",
    "Allow": "The methods that are allowed.",
    "WWW-Authenticate": "Bearer.",
}
_ERROR_HEADERS = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The document."""
    return jsonify(current_document())


def current_document() -> Schema:
    """The document of the application that is answering."""
    service: Service = current_app.extensions["simpleml"]
    return document(bool(service.settings.api_keys))


@lru_cache(maxsize=2)
def document(asks_for_keys: bool) -> Schema:
    """The OpenAPI document of a server that does, or does not, ask for keys."""
    schemas = _Schemas(OPERATIONS)
    paths: dict[str, Schema] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(
            operation, schemas, asks_for_keys
        )
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
                name: {"description": text, "schema": _STRING} for name, text in _HEADERS.items()
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def _operation(operation: Operation, schemas: _Schemas, asks_for_keys: bool) -> Schema:
    described: Schema = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
    }
    if operation.open:
        described["security"] = []
    parameters = [*_path_parameters(operation.path)]
    if operation.query is not None:
        parameters += _query_parameters(operation, schemas)
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {_JSON: {"schema": schemas.of(operation.body)}},
        }
        if operation.upload:
            content = described["requestBody"]["content"]
            content["multipart/form-data"] = {"schema": schemas.of(operation.body)}
            content[_TEXT] = {"schema": {**_STRING, "description": "The text to learn from."}}
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
            "content": {_JSON: {"schema": schemas.of(one)}},
        }
    errors = {*operation.errors, *_ALWAYS} - ({401} if operation.open else set())
    for status in sorted(errors - set(operation.more_answers)):
        responses[str(status)] = _error(status, operation.path, schemas)
    described["responses"] = responses
    if operation.example:
        described["x-curl"] = f"curl {operation.example}"
    return described


def _error(status: int, path: str, schemas: _Schemas) -> Schema:
    content: Schema = {_JSON: {"schema": schemas.of(answers.ErrorAnswer)}}
    if not path.startswith("/v1/"):
        content[_TEXT] = {"schema": _STRING}
    return {
        "description": ERRORS[status],
        "headers": _headers("X-Request-Id", *_ERROR_HEADERS.get(status, ())),
        "content": content,
    }


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


def _query_parameters(operation: Operation, schemas: _Schemas) -> Sequence[Schema]:
    assert operation.query is not None
    properties = schemas.definitions[operation.query.__name__]["properties"]
    parameters = []
    for name, schema in properties.items():
        if f"{{{name}}}" in operation.path or name in ("size", "seed"):
            continue
        kept = {key: value for key, value in schema.items() if key not in ("title", "description")}
        options = [one for one in kept.pop("anyOf", ()) if one != {"type": "null"}]
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


class _Schemas:
    """The JSON schemas of everything that operations take and answer, each under its name."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        taken = {one for op in operations for one in (op.query, op.body) if one is not None}
        answered = [
            one for op in operations for one in (*op.answer.values(), *op.more_answers.values())
        ]
        streams = {one for one in answered if isinstance(one, Events)}
        given = {one for one in answered if not isinstance(one, dict | Events)}
        given |= {answers.ErrorAnswer, *(one for stream in streams for one in stream.data)}
        inputs = sorted(taken | given, key=lambda one: str(one.__name__))
        _, schema = TypeAdapter.json_schemas(
            [(one.__name__, "validation", TypeAdapter(one)) for one in inputs],
            ref_template="#/components/schemas/{model}",
        )
        self.definitions: dict[str, Schema] = schema["$defs"]
        for name in {one.__name__ for one in given}:
            self._close(name)
        for stream in streams:
            self.definitions[stream.name] = stream.schema(self)
        self.definitions = dict(sorted(self.definitions.items()))

    def of(self, one: Any) -> Schema:
        """A reference to a type's schema; a schema is returned as it is."""
        if isinstance(one, dict):
            return one
        name = one.name if isinstance(one, Events) else one.__name__
        return {"$ref": f"#/components/schemas/{name}"}

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
