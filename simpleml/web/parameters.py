"""What a generating request may say, checked once: query, JSON body and path all end here.

The pydantic models are also what /openapi.json is made from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from flask import request
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from simpleml.copying.guard import MOST_COPY
from simpleml.copying.index import PASSAGE
from simpleml.errors import InvalidValueError
from simpleml.generation.mix import LARGEST_WEIGHT, MOST_MEMBERS, checked_mix, parse_mix
from simpleml.generation.text_stream import MOST_STOPS, GenerationOptions
from simpleml.web.threads import read_within

_SMALLEST_TEMPERATURE = 1e-100
"""Below it the arithmetic overflows; what remains is what 0 means, the likeliest symbol."""


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


def _whole(value: Any) -> Any:
    """5.0 is the whole number 5 in JSON."""
    value = _no_boolean(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class RepeatedNames(dict[str, Any]):
    """A JSON object that has a name twice; the last value stands."""


def _mix(value: Any) -> Any:
    """A mix as an object, as JSON (in a query), or as NAME:WEIGHT,NAME:WEIGHT."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = _parse_json(value)
        except RecursionError:
            raise ValueError("nested too deeply") from None
    if isinstance(value, str):
        return parse_mix(value)
    if not isinstance(value, dict):
        raise ValueError('it must be like {"shakespeare": 0.7, "contes": 0.3}')
    if isinstance(value, RepeatedNames):
        raise ValueError("a model is named twice")
    return checked_mix(value.items())


def _not_denormal(value: float) -> float:
    return value if value >= _SMALLEST_TEMPERATURE else 0.0


def within(name: str, **narrower: float) -> Any:
    """The bounds of a field of GenerationOptions, some of them narrower, for a parameter."""
    of = GenerationOptions.__dataclass_fields__[name].metadata
    return Field(**{"gt" if of["above"] else "ge": of["low"], "le": of["high"], **narrower})


# To be written after a field's bounds, so that the JSON schema knows the bounds.
WHOLE = BeforeValidator(_whole)
NUMBER = BeforeValidator(_no_boolean)

Temperature = Annotated[float, within("temperature"), NUMBER, AfterValidator(_not_denormal)]
OnUnknownField = Literal["error", "nearest", "skip"]
_StopString = Annotated[str, Field(min_length=1)]
_StopList = Annotated[list[_StopString], Field(max_length=MOST_STOPS)]
Stop = Annotated[
    _StopList, BeforeValidator(_as_list, json_schema_input_type=_StopString | _StopList)
]


_Weight = Annotated[float, Field(ge=0, le=LARGEST_WEIGHT)]
_Weights = Annotated[dict[str, _Weight], Field(min_length=1, max_length=MOST_MEMBERS)]
Mix = Annotated[_Weights, BeforeValidator(_mix, json_schema_input_type=_Weights | str)]


class Sampling(BaseModel):
    """Options that the original routes and /v1 share."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    top_k: Annotated[int, within("top_k"), WHOLE] = Field(
        0, description="Keep the k likeliest symbols; 0 keeps all."
    )
    top_p: Annotated[float, within("top_p"), NUMBER] = Field(
        1.0, description="Keep the likeliest symbols that together reach this probability."
    )
    min_p: Annotated[float, within("min_p"), NUMBER] = Field(
        0.0, description="Drop symbols less likely than this part of the likeliest one."
    )
    repetition_penalty: Annotated[float, within("repetition_penalty"), NUMBER] = Field(
        1.0, description="More than 1 avoids the last 64 symbols, less than 1 seeks them."
    )
    stop: Stop = Field(
        default_factory=list, description="A string, or up to four: the text ends before it."
    )
    max_copy: Annotated[int, Field(ge=PASSAGE, le=MOST_COPY), WHOLE] | None = Field(
        None,
        description="No generated run of more characters stands verbatim in the text that the "
        "model was trained on, which must lie in the models folder. Not for word-level "
        "models.",
    )
    originality: bool = Field(
        False,
        description="Report what stands verbatim in the text that the model was trained on, which "
        "must lie in the models folder; and, apart, in what its base has read, if that lies there.",
    )


Model = TypeVar("Model", bound=BaseModel)


def parse(model: type[Model], values: Mapping[str, Any]) -> Model:
    """Check values against a pydantic model.

    Raises:
        InvalidValueError: the first thing that is wrong, by name.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "the body"
        where = "".join(f"[{part}]" for part in first["loc"][1:] if isinstance(part, int))
        shown = repr(first["input"])
        shown = shown if len(shown) <= 60 else shown[:60] + "…"
        reason = str(first["msg"]).removeprefix("Value error, ")
        reason = reason[:1].lower() + reason[1:]
        if first["type"] == "missing":
            message = f"{name}{where} is missing"
        else:
            message = f"{name}{where} is {shown}: {reason}"
        code, params = _in_words(str(first["type"]), first.get("ctx") or {})
        raise InvalidValueError(
            message, param=name, reason=code, params={"field": name, **params}
        ) from None


def _in_words(kind: str, context: Mapping[str, Any]) -> tuple[str, dict[str, float]]:
    """Reason and parameters of what pydantic finds wrong, for pages to say in their language."""
    for reason, gap, bounds in (
        ("value_least", "least", ("ge", "gt")),
        ("value_most", "most", ("le", "lt")),
        ("value_many" if kind == "too_long" else "value_long", "most", ("max_length",)),
    ):
        for bound in bounds:
            if isinstance(context.get(bound), int | float):
                return reason, {gap: context[bound]}
    return {"missing": "value_missing"}.get(kind, "value_wrong"), {}


def read_body(seconds: float) -> bytes:
    """The request's body.

    Raises:
        RequestTimeoutError: the client took more than `seconds` to send it.
    """
    body = read_within(seconds, lambda: request.get_data(cache=False))
    # A body without a length is silently cut at the limit (werkzeug's LimitedStream.readall).
    limit = request.max_content_length
    if request.content_length is None and limit is not None and len(body) >= limit:
        raise RequestEntityTooLarge
    return body


def read_json_object(seconds: float) -> dict[str, Any]:
    """The request's body as a JSON object, whatever its Content-Type says.

    Raises:
        InvalidValueError: it is no JSON, or JSON but no object.
    """
    body = read_body(seconds)
    try:
        value = _parse_json(body)
    except UnicodeDecodeError as error:
        raise InvalidValueError(f"The body is not UTF-8 (byte {error.start} is invalid).") from None
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        place = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidValueError(f"The body is not JSON: {reason}{place}.") from None
    if not isinstance(value, dict):
        raise InvalidValueError(
            f"The body is a JSON {type(value).__name__}; it must be an object like "
            '{"seed": "le sultan", "size": 100}.'
        )
    _refuse_half_characters(value)
    return value


def _parse_json(text: str | bytes) -> Any:
    # NaN and Infinity are no JSON
    return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else RepeatedNames(found)


def _refuse_half_characters(value: dict[str, Any]) -> None:
    """JSON can write half of a surrogate pair, which no UTF-8 answer could give back."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise InvalidValueError(
            f"The body holds {half}, which is half of a surrogate pair, not a character."
        ) from None
    except RecursionError:  # it could just be read, which takes a frame less than writing it
        raise InvalidValueError("The body is not JSON: nested too deeply.") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")
