"""Everything that SimpleML raises on purpose, each class with its HTTP status, type and code.

    SimpleMLError
    ├── InvalidValueError          400 invalid_value          (also a ValueError)
    │   ├── UnknownCharactersError 400 unknown_characters
    │   └── BadArchiveError        400 bad_archive
    ├── AuthenticationError        401 invalid_api_key
    ├── TrainingForbiddenError     403 training_forbidden
    │   └── TrainingOffError       403 training_off
    ├── ClassForbiddenError        403 class_forbidden
    │   ├── NotYoursError          403 not_yours
    │   └── ClassPausedError       403 class_paused
    ├── ClassOffError              404 class_off
    ├── ModelNotFoundError         404 model_not_found
    ├── TrainingNotFoundError      404 training_not_found
    ├── RequestTimeoutError        408 request_timeout
    ├── TrainingConflictError      409 training_conflict
    ├── ExportError                409 not_exportable
    ├── ModelExistsError           409 model_exists
    ├── NotBroughtError            409 not_brought
    ├── NoRoomError                409 no_room
    ├── PayloadTooLargeError       413 payload_too_large
    ├── QueueFullError             429 queue_full
    ├── GenerationFailedError      500 generation_failed
    ├── ModelBrokenError           500 model_broken
    │   ├── VocabularyError
    │   ├── CheckpointError
    │   └── ArtifactError
    ├── TrainingStorageError       500 training_storage
    ├── ClassStorageError          500 class_storage
    ├── TrainingNotInstalledError  501 training_not_installed
    ├── StoppingError              503 stopping
    ├── DeadlineError              504 deadline
    ├── SettingsError              (stops the start)
    └── TrainingError              (stops train.py)
        ├── BackendError
        └── CorpusError
            └── CorpusUnavailableError  409 corpus_unavailable

It knows nothing of Flask: simpleml/web/errors.py is the one place that turns these into answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar


class SimpleMLError(Exception):
    """Base of every error whose message is meant for the person who caused it."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    code: ClassVar[str] = "error"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        reason: str = "",
        params: Mapping[str, str | float] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        """The request parameter (or setting, or option) at fault, when there is one."""
        self.reason = reason
        """Which one it is of the errors with this code, so that a page can say it in its own
        language (its words have the entry error.<reason>)."""
        self.params = dict(params or {})
        """What stands in the gaps of those words."""


class InvalidValueError(SimpleMLError, ValueError):
    """A parameter has a wrong type, lies outside its bounds or contradicts another."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_value"


class UnknownCharactersError(InvalidValueError):
    """The seed holds symbols that the model's vocabulary lacks."""

    code = "unknown_characters"


class BadArchiveError(InvalidValueError):
    """A zip is no model's, is damaged, or was built to do harm; the message says what is wrong."""

    code = "bad_archive"


class AuthenticationError(SimpleMLError):
    """The request carries no key, or one that is not among the server's."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class TrainingForbiddenError(SimpleMLError):
    """Training is not for this client; the message says what would let it."""

    status = 403
    type = "permission_error"
    code = "training_forbidden"


class TrainingOffError(TrainingForbiddenError):
    """The server was started without training."""

    code = "training_off"


class ClassForbiddenError(SimpleMLError):
    """Only the teacher of a class may do that."""

    status = 403
    type = "permission_error"
    code = "class_forbidden"


class NotYoursError(ClassForbiddenError):
    """It is another pupil's."""

    code = "not_yours"


class ClassPausedError(ClassForbiddenError):
    """The teacher has paused the class."""

    code = "class_paused"


class ClassOffError(SimpleMLError):
    """The server was started without a class."""

    status = 404
    type = "invalid_request_error"
    code = "class_off"


class ModelNotFoundError(SimpleMLError):
    """No model of that name lies in the models folder; the message lists those that do."""

    status = 404
    type = "invalid_request_error"
    code = "model_not_found"

    @classmethod
    def named(cls, name: str, there: Sequence[str], param: str = "model") -> ModelNotFoundError:
        """The error about this name, where those models are `there`."""
        shown = name if len(name) <= 64 else name[:64] + "…"
        listed = f"Available: {', '.join(there)}." if there else "There are none yet."
        message = f"There is no model {shown!r}. {listed}"
        return cls(message, param=param, reason="no_such_model", params={"name": shown})


class TrainingNotFoundError(SimpleMLError):
    """No training of that name was asked for over HTTP; the message lists those that were."""

    status = 404
    type = "invalid_request_error"
    code = "training_not_found"


class TrainingConflictError(SimpleMLError):
    """The name is taken, there are too many trainings, or one is not in the state for that."""

    status = 409
    type = "invalid_request_error"
    code = "training_conflict"


class ExportError(SimpleMLError):
    """A model cannot be taken away in the form that was asked for; the message says why."""

    status = 409
    type = "invalid_request_error"
    code = "not_exportable"


class ModelExistsError(SimpleMLError):
    """A model that comes in has the name of one that is there."""

    status = 409
    type = "invalid_request_error"
    code = "model_exists"


class NotBroughtError(SimpleMLError):
    """A model that is to be removed was put there by other means, and stays."""

    status = 409
    type = "invalid_request_error"
    code = "not_brought"


class NoRoomError(SimpleMLError):
    """A file cannot be written: the disk is full or read-only. Nothing is left of it."""

    status = 409
    type = "invalid_request_error"
    code = "no_room"


class RequestTimeoutError(SimpleMLError):
    """The client took too long to send its body."""

    status = 408
    type = "timeout_error"
    code = "request_timeout"


class PayloadTooLargeError(SimpleMLError):
    """The body or the seed is larger than the server accepts."""

    status = 413
    type = "invalid_request_error"
    code = "payload_too_large"


class QueueFullError(SimpleMLError):
    """As many requests wait as the server lets wait; `retry_after` seconds is a fair guess."""

    status = 429
    type = "rate_limit_error"
    code = "queue_full"

    def __init__(self, message: str, *, retry_after: int, reason: str = "") -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after


class GenerationFailedError(SimpleMLError):
    """The network's step failed; only the requests in that step are concerned."""

    code = "generation_failed"


class ModelBrokenError(SimpleMLError):
    """A model's files cannot be used; the message says which file and what is wrong."""

    code = "model_broken"


class VocabularyError(ModelBrokenError):
    """A char_idx*.pickle is not a plain dictionary of symbols to the indices 0…V-1."""


class CheckpointError(ModelBrokenError):
    """A .index or .data file is no TensorFlow checkpoint, is cut short or damaged."""


class ArtifactError(ModelBrokenError):
    """The files of one model are missing or contradict each other."""


class TrainingStorageError(SimpleMLError):
    """What is to be kept of a training cannot be written: the disk is full or read-only."""

    code = "training_storage"


class ClassStorageError(SimpleMLError):
    """What a class keeps cannot be written or read: the disk is full, read-only or damaged."""

    code = "class_storage"


class TrainingNotInstalledError(SimpleMLError):
    """The server's Python lacks what training needs; the message says how to install it."""

    status = 501
    type = "server_error"
    code = "training_not_installed"


class StoppingError(SimpleMLError):
    """The server is shutting down and takes no new generation."""

    status = 503
    type = "unavailable_error"
    code = "stopping"
    retry_after = 5


class DeadlineError(SimpleMLError):
    """The request's time ran out before it produced anything."""

    status = 504
    type = "timeout_error"
    code = "deadline"


class SettingsError(SimpleMLError):
    """A SIMPLEML_* variable has a value the server cannot start with."""


class TrainingError(SimpleMLError):
    """A training cannot start or go on; nothing that existed was harmed."""

    code = "training_refused"


class BackendError(TrainingError):
    """What training computes with is missing or unknown, whatever the text."""

    code = "training_backend"


class CorpusError(TrainingError):
    """The text to train on cannot be used; the message says what is wrong and where."""

    code = "bad_text"


class CorpusUnavailableError(CorpusError):
    """The text that a model was trained on is not beside the models, or is another one."""

    status = 409
    type = "invalid_request_error"
    code = "corpus_unavailable"
