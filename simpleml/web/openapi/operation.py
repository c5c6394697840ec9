"""What a route says of itself, beside its function.

    blueprint = Routes("probes", tag="operate")

    @blueprint.operation(Operation("get", "/livez", "The process answers.", {JSON: ProbeAnswer}))
    def livez() -> Response: ...

The document, the pages about it, and the keys that a route asks for are made from this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from flask import Blueprint
from pydantic import BaseModel

TEXT = "text/plain"
JSON = "application/json"
EVENTS = "text/event-stream"
HTML = "text/html"

Schema = dict[str, Any]
STRING: Schema = {"type": "string"}
FILE: Schema = {"type": "string", "format": "binary"}

GENERATES = (400, 403, 404, 409, 413, 429, 503, 504)
TRAINS = (400, 403, 404, 408, 409, 413, 501, 503)

Key = Literal["server", "training", "page", "none"]
"""Which key is asked for: the server's; that of training, where training is on; none by a browser
that asks for the page; none."""


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


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: Literal["get", "post", "delete"]
    path: str
    summary: str
    answer: Mapping[str, Any]
    """Type of the answer for each content type; a tuple names several, a dictionary is
    a schema already."""
    errors: tuple[int, ...] = ()
    """Statuses besides those that every route has."""
    rule: str = ""
    """The application's route, where it is not the path with <name> for {name}."""
    tag: str = ""
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    headers: tuple[str, ...] = ()
    status: int = 200
    """Of the answer."""
    upload: bool = False
    """The body may also be a form with the file `text`, or the text itself."""
    takes: Mapping[str, Schema] = field(default_factory=dict)
    """Schemas of bodies of other types."""
    more_answers: Mapping[int, Any] = field(default_factory=dict)
    """Types of JSON answers with another status."""
    key: Key = "server"
    example: str = ""
    """Arguments of a curl call; BASE stands for the server's address."""

    @property
    def id(self) -> str:
        """The document's operationId."""
        words = "".join(c if c.isalnum() else " " for c in self.path).split()
        return "_".join([self.method, *words]) or self.method


View = TypeVar("View", bound=Callable[..., Any])


class Routes(Blueprint):
    """A blueprint that knows the operations of its routes."""

    def __init__(self, name: str, *, tag: str, key: Key = "server") -> None:
        """Make one without routes.

        Args:
            name: the blueprint's.
            tag: under which the document lists its operations.
            key: that its operations ask for, where they do not say it themselves.
        """
        super().__init__(name, __name__)
        self.operations: list[Operation] = []
        self._tag, self._key = tag, key

    def operation(self, *operations: Operation) -> Callable[[View], View]:
        """Let a function answer these, which are of one method; each rule becomes one route."""
        whole = [
            replace(
                one,
                tag=self._tag,
                rule=one.rule or one.path.replace("{", "<").replace("}", ">"),
                key=self._key if one.key == "server" else one.key,
            )
            for one in operations
        ]
        self.operations += whole

        def decorate(view: View) -> View:
            for number, rule in enumerate(dict.fromkeys(one.rule for one in whole)):
                endpoint = view.__name__ if number == 0 else rule.strip("/")
                self.add_url_rule(rule, endpoint, view, methods=[whole[0].method.upper()])
            return view

        return decorate
