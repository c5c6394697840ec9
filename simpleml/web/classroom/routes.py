"""/api/class: what the pages of a class ask for. The page itself: simpleml.web.pages.classroom.

    GET    /api/class              the class, as whoever asks sees it
    POST   /api/class/name         a pupil's name
    GET    /api/class/wall         the texts that were published; POST publishes one
    DELETE /api/class/wall/<text>  takes one's own down

and with the teacher's key:

    GET    /api/class/invitation   address, key, link and QR code
    GET    /api/class/overview     who writes and trains what
    POST   /api/class/rules        pause, hide models, limits
    POST   /api/class/stop         a pupil's texts, or all
    POST   /api/class/clear        the wall, the names, the trainings
"""

from __future__ import annotations

import io
import secrets
import time
from typing import TypeVar

import segno
from flask import Response, current_app, jsonify, request
from pydantic import BaseModel

from simpleml.errors import InvalidValueError, SimpleMLError
from simpleml.web.classroom.access import check_owner, for_teacher, refuse_if_paused, the_class
from simpleml.web.classroom.answers import (
    ClassAnswer,
    ClearedAnswer,
    InvitationAnswer,
    OverviewAnswer,
    PupilAnswer,
    StoppedAnswer,
    WallAnswer,
    WallList,
)
from simpleml.web.classroom.classroom import Classroom
from simpleml.web.classroom.lan import is_loopback, lan_address
from simpleml.web.classroom.parameters import (
    ClearParameters,
    NameParameters,
    PublishParameters,
    RuleParameters,
    StopParameters,
)
from simpleml.web.classroom.store import WallText
from simpleml.web.observability.request_log import current_record
from simpleml.web.openapi.operation import JSON, Operation, Routes
from simpleml.web.parameters import parse, read_json_object
from simpleml.web.service import Service
from simpleml.web.threads import in_thread
from simpleml.web.train.routes import trainings

blueprint = Routes("class", tag="class")

MOST_ON_WALL = 300
_LOOKS = (403, 404)
_CHANGES = (400, 403, 404, 408, 413)

Parameters = TypeVar("Parameters", bound=BaseModel)


def _read(model: type[Parameters]) -> Parameters:
    return parse(model, read_json_object(the_class().settings.body_timeout))


@blueprint.operation(
    Operation(
        "get", "/api/class", "The class, as its visitor sees it.", {JSON: ClassAnswer}, (404,)
    )
)
def about() -> Response:
    """The class, as whoever asks sees it."""
    return jsonify(_about(the_class()))


def _about(mine: Classroom) -> ClassAnswer:
    record, state, share = current_record(), mine.state, mine.share
    return {
        "visitor": record.visitor,
        "name": state.names.get(record.visitor, ""),
        "teacher": record.teacher,
        "paused": state.paused,
        "running": share.running,
        "waiting": share.waiting,
        "trainings": mine.trainings,
    }


@blueprint.operation(
    Operation(
        "post", "/api/class/name", "Give oneself a name, or none.", {JSON: ClassAnswer}, _CHANGES,
        body=NameParameters,
    )
)  # fmt: skip
def name() -> Response:
    """Give oneself a name, or none."""
    mine, asked, visitor = the_class(), _read(NameParameters), current_record().visitor
    _refuse_unwanted(mine, "name", asked.name)

    def rename(names: dict[str, str]) -> dict[str, str]:
        others = {one: called for one, called in names.items() if one != visitor}
        return {**others, visitor: asked.name} if asked.name else others

    in_thread(
        mine.store.state.change,
        lambda state: state.model_copy(update={"names": rename(state.names)}),
    )
    return jsonify(_about(mine))


def _refuse_unwanted(mine: Classroom, param: str, text: str) -> None:
    """Let nothing be shown to all that the class does not want to read.

    Raises:
        InvalidValueError: it holds an unwanted word; says which.
    """
    if (unwanted := mine.unwanted) and (found := unwanted.count(text)):
        word = next(iter(found))
        raise InvalidValueError(
            f"The {param} holds a word that this class does not want to read: {word}.",
            param=param,
            reason="unwanted_word",
            params={"word": word},
        )


# --- the wall ---


@blueprint.operation(
    Operation("get", "/api/class/wall", "The texts on the wall.", {JSON: WallList}, (404,))
)
def wall() -> Response:
    """The texts on the wall, the newest first."""
    answer: WallList = {"texts": [_shown(one) for one in reversed(the_class().wall.texts)]}
    return jsonify(answer)


def _shown(text: WallText) -> WallAnswer:
    record = current_record()
    return {
        **text.model_dump(exclude={"visitor"}),  # type: ignore[typeddict-item]  # its other fields
        "mine": record.teacher or text.visitor == record.visitor,
    }


@blueprint.operation(
    Operation(
        "post", "/api/class/wall", "Publish a text on the wall.", {JSON: WallAnswer},
        (*_CHANGES, 409), body=PublishParameters,
    )
)  # fmt: skip
def publish() -> Response:
    """Publish a text on the wall."""
    mine, asked, visitor = the_class(), _read(PublishParameters), current_record().visitor
    refuse_if_paused()
    _refuse_unwanted(mine, "text", asked.text)
    _refuse_unwanted(mine, "author", asked.author)
    if not asked.text.startswith(asked.seed):
        raise InvalidValueError("The text does not begin with its seed.", param="seed")
    new = WallText(
        **asked.model_dump(), id=secrets.token_hex(6), visitor=visitor, published=time.time()
    )
    in_thread(
        mine.store.wall.change,
        lambda wall: wall.model_copy(update={"texts": (*wall.texts, new)[-MOST_ON_WALL:]}),
    )
    return jsonify(_shown(new))


@blueprint.operation(
    Operation(
        "delete", "/api/class/wall/{text}", "Take a text down from the wall.", {JSON: WallList},
        _LOOKS,
    )
)  # fmt: skip
def take_down(text: str) -> Response:
    """Take one's own text, or as the teacher any, down from the wall; harmless when it is gone."""
    mine = the_class()
    for one in mine.wall.texts:
        if one.id == text:
            check_owner(one.visitor, "That text")
    in_thread(
        mine.store.wall.change,
        lambda wall: wall.model_copy(
            update={"texts": tuple(one for one in wall.texts if one.id != text)}
        ),
    )
    return wall()


# --- the teacher ---


@blueprint.operation(
    Operation(
        "get", "/api/class/invitation", "How pupils get in; for the teacher.",
        {JSON: InvitationAnswer}, _LOOKS,
    )
)  # fmt: skip
def invitation() -> Response:
    """The address that phones open, the pupils' key, and both as a link and a QR code."""
    mine = for_teacher()
    host, _, port = request.host.rpartition(":") if ":" in request.host else (request.host, "", "")
    if is_loopback(host):  # the teacher's own; phones need another one
        host = lan_address()
    address = f"{request.scheme}://{host}{':' if port else ''}{port}/class"
    link = join_link(address, mine.keys.pupils)
    answer: InvitationAnswer = {
        "address": address,
        "key": mine.keys.pupils,
        "link": link,
        "qr": _svg(link),
    }
    return jsonify(answer)


def join_link(address: str, key: str) -> str:
    """An address with a key behind its #, which browsers do not send."""
    return f"{address}#k={key}"


def _svg(link: str) -> str:
    picture = io.BytesIO()
    segno.make(link, error="m").save(picture, kind="svg", xmldecl=False, border=2, scale=8)
    return picture.getvalue().decode()


@blueprint.operation(
    Operation(
        "get", "/api/class/overview", "Who writes and trains what; for the teacher.",
        {JSON: OverviewAnswer}, _LOOKS,
    )
)  # fmt: skip
def overview() -> Response:
    """Who writes and trains what, and which models pupils see."""
    mine = for_teacher()
    service: Service = current_app.extensions["simpleml"]
    state = mine.state
    pupils: dict[str, PupilAnswer] = {}

    def pupil(visitor: str) -> PupilAnswer:
        new: PupilAnswer = {
            "visitor": visitor, "name": state.names.get(visitor, ""), "texts": [], "trainings": [],
        }  # fmt: skip
        return pupils.setdefault(visitor, new)

    for visitor in state.names:
        pupil(visitor)
    for what, requests in zip(("running", "waiting"), service.engine.requests(), strict=True):
        for one in requests:
            pupil(one.visitor)["texts"].append(
                {
                    "model": one.generator.name,
                    "state": what,
                    "written": one.symbols_generated,
                    "size": one.symbols_generated + one.symbols_left,
                }
            )
    for job in in_thread(trainings().store.jobs):
        pupil(job.visitor)["trainings"].append({"name": job.name, "state": job.state})
    words = mine.store.words.get()
    answer: OverviewAnswer = {
        "unwanted": {
            "block": words.block,
            "words": list(words.words),
            "allowed": list(words.allowed),
        },
        "pupils": list(pupils.values()),
        "models": [
            {"name": name, "hidden": name in state.hidden} for name in service.loader.names()
        ],
    }
    return jsonify(answer)


@blueprint.operation(
    Operation(
        "post", "/api/class/rules", "Pause, hide models, set limits; for the teacher.",
        {JSON: ClassAnswer}, _CHANGES, body=RuleParameters,
    )
)  # fmt: skip
def rules() -> Response:
    """Pause the class, hide models, set limits; what is not named stays."""
    mine, asked = for_teacher(), _read(RuleParameters)
    given = asked.model_dump(exclude_none=True)
    update = {key: tuple(one) if isinstance(one, list) else one for key, one in given.items()}
    words = {key: update.pop(key) for key in ("block", "words", "allowed") if key in update}
    if update:
        in_thread(mine.store.state.change, lambda state: state.model_copy(update=update))
    if words:
        in_thread(mine.store.words.change, lambda rules: rules.model_copy(update=words))
    return jsonify(_about(mine))


@blueprint.operation(
    Operation(
        "post", "/api/class/stop", "Stop a pupil's texts, or all; for the teacher.",
        {JSON: StoppedAnswer}, _CHANGES, body=StopParameters,
    )
)  # fmt: skip
def stop() -> Response:
    """Stop what a pupil, or anybody, has written or waits for; what there is by then stays."""
    for_teacher()
    asked = _read(StopParameters)
    service: Service = current_app.extensions["simpleml"]
    running, waiting = service.engine.requests()
    chosen = [one for one in (*running, *waiting) if asked.visitor in ("", one.visitor)]
    for one in chosen:
        one.cancel()
    answer: StoppedAnswer = {"stopped": len(chosen)}
    return jsonify(answer)


@blueprint.operation(
    Operation(
        "post", "/api/class/clear", "Forget the wall, the names, the trainings; for the teacher.",
        {JSON: ClearedAnswer}, _CHANGES, body=ClearParameters,
    )
)  # fmt: skip
def clear() -> Response:
    """Begin anew: forget what was published, how pupils called themselves, what they trained."""
    mine, asked = for_teacher(), _read(ClearParameters)
    cleared: ClearedAnswer = {"texts": 0, "names": 0, "trainings": 0}
    if asked.wall:
        cleared["texts"] = len(mine.wall.texts)
        in_thread(mine.store.wall.change, lambda wall: wall.model_copy(update={"texts": ()}))
    if asked.names:
        cleared["names"] = len(mine.state.names)
        in_thread(mine.store.state.change, lambda state: state.model_copy(update={"names": {}}))
    if asked.trainings:
        store = trainings().store
        for job in in_thread(store.jobs):
            if job.visitor and job.state not in ("waiting", "running"):
                try:
                    in_thread(store.delete, job.name)
                except SimpleMLError:  # it was deleted, or resumed, just now
                    continue
                cleared["trainings"] += 1
    return jsonify(cleared)
