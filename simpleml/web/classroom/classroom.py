"""The class of an application: who asks, what they may, what the teacher has set.

    classroom = Classroom.of(settings)     None where SIMPLEML_CLASS is off
    classroom.settings                     with the keys of the class among the server's
    classroom.register(app)                each request gets its visitor; pages get a cookie

A visitor is a random number in a signed cookie, handed out with the first page and asked for
nothing; who has no cookie is told by the address. Requests with the teacher's key are nobody's in
particular: they are not limited.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import secrets

from flask import Flask, Response, g, request

from simpleml.generation.queue import Share
from simpleml.settings import Settings
from simpleml.unwanted.words import UnwantedWords
from simpleml.web.classroom.access import EXTENSION, check_visible
from simpleml.web.classroom.store import ClassState, ClassStore, Wall, WordRules
from simpleml.web.keys import Keys, given_keys
from simpleml.web.negotiation import wants_page
from simpleml.web.observability.request_log import RequestRecord
from simpleml.web.openapi.operation import HTML
from simpleml.web.service import Service

_COOKIE = "simpleml_visitor"
_COOKIE_SECONDS = 180 * 24 * 3600
_ID_BYTES = 4


class Classroom:
    """A class that is open.

    Args:
        settings: of the server.

    Raises:
        ClassStorageError: its keys cannot be kept.
    """

    def __init__(self, settings: Settings) -> None:
        self.store = ClassStore(settings.models_dir)
        self.keys = self.store.open()
        own = (self.keys.pupils, self.keys.teacher)
        self.settings = dataclasses.replace(
            settings,
            training=True,
            api_keys=(*settings.api_keys, *own),
            training_keys=(*settings.training_keys, *own),
        )
        """The server's, with what the class opens."""
        self._teacher = Keys((self.keys.teacher,))
        self._unwanted: tuple[WordRules, UnwantedWords | None] | None = None

    @classmethod
    def of(cls, settings: Settings) -> Classroom | None:
        """The class of a server; None where it is off."""
        return cls(settings) if settings.class_ else None

    @property
    def state(self) -> ClassState:
        """What the teacher has set."""
        return self.store.state.get()

    @property
    def wall(self) -> Wall:
        """What pupils have published."""
        return self.store.wall.get()

    @property
    def unwanted(self) -> UnwantedWords | None:
        """Words that no text is to hold; the same object until the teacher changes them."""
        rules = self.store.words.get()
        if self._unwanted is None or self._unwanted[0] != rules:
            words = UnwantedWords.usual(rules.words, rules.allowed) if rules.block else None
            self._unwanted = rules, words
        return self._unwanted[1]

    @property
    def share(self) -> Share:
        """What each visitor may have at once."""
        state, settings = self.state, self.settings
        return Share(
            running=settings.class_running if state.running is None else state.running,
            waiting=settings.class_waiting if state.waiting is None else state.waiting,
        )

    @property
    def trainings(self) -> int:
        """Trainings of a visitor that may wait or run."""
        found = self.state.trainings
        return self.settings.class_trainings if found is None else found

    def register(self, app: Flask) -> None:
        """Let every request of an application have its visitor."""
        app.extensions[EXTENSION] = self
        service: Service = app.extensions["simpleml"]

        @app.before_request
        def recognise() -> None:
            record: RequestRecord = g.record
            given = given_keys(
                request.headers.get("Authorization", ""), request.headers.get("X-API-Key", "")
            )
            record.teacher = any(map(self._teacher.accept, given))
            if not record.teacher:
                record.visitor = self._read(request.cookies.get(_COOKIE, ""))
            if not record.visitor and not record.teacher:
                new = wants_page()
                record.visitor = secrets.token_hex(_ID_BYTES) if new else self._by_address()
                g.new_visitor = new
            service.engine.share = self.share
            service.unwanted = self.unwanted
            check_visible(*(request.view_args or {}).get("model", "").split("+"))

        @app.after_request
        def hand_out(response: Response) -> Response:
            if g.get("new_visitor") and response.mimetype == HTML:
                visitor = g.record.visitor
                response.set_cookie(
                    _COOKIE, f"{visitor}.{self._sign(visitor)}", max_age=_COOKIE_SECONDS,
                    httponly=True, samesite="Lax",
                )  # fmt: skip
            return response

    def _read(self, cookie: str) -> str:
        """The visitor of a cookie that was handed out here, else nothing."""
        visitor, _, signature = cookie.partition(".")
        signed = self._sign(visitor)
        return visitor if hmac.compare_digest(signature.encode(), signed.encode()) else ""

    def _sign(self, visitor: str) -> str:
        key = self.keys.cookies.encode()
        return hmac.new(key, visitor.encode(), hashlib.sha256).hexdigest()[:32]

    def _by_address(self) -> str:
        return self._sign(request.remote_addr or "")[: 2 * _ID_BYTES]
