"""A ZIP file from a stranger: its members are inflated piece by piece, within bounds."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator

from simpleml.documents.document import Refusal

MOST_ENTRIES = 10_000
MOST_INFLATED = 256 << 20
"""Bytes, of all members that are read."""
MOST_RATIO = 200
"""Inflated bytes to packed ones, from _SMALL on. A novel in Word's XML comes to 10 or 20."""
_SMALL = 16 << 20
_PIECE = 1 << 16


class Archive:
    """The members of a ZIP file.

    Args:
        raw: the file.

    Raises:
        Refusal: it is damaged, has too many entries or is encrypted.
    """

    def __init__(self, raw: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(raw))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError):
            raise Refusal("is damaged: its end is missing or broken", "file_damaged") from None
        infos = self._zip.infolist()
        if len(infos) > MOST_ENTRIES:
            raise Refusal(f"has {len(infos):,} entries, more than the {MOST_ENTRIES:,} allowed")
        self._infos = {info.filename: info for info in infos}
        self._inflated = 0

    def __contains__(self, member: str) -> bool:
        return member in self._infos

    def names(self) -> list[str]:
        """Of all members."""
        return list(self._infos)

    def pieces(self, member: str) -> Iterator[bytes]:
        """A member's bytes.

        Raises:
            Refusal: it is missing, damaged, encrypted, or inflates to more than is allowed.
        """
        info = self._infos.get(member)
        if info is None:
            raise Refusal(f"is damaged: {member} is missing in it", "file_damaged")
        if info.flag_bits & 1:
            raise Refusal("is protected by a password: save it without one first", "file_password")
        size = 0
        try:
            with self._zip.open(info) as file:
                while piece := file.read(_PIECE):
                    size += len(piece)
                    self._inflated += len(piece)
                    bomb = size > _SMALL and size > MOST_RATIO * max(1, info.compress_size)
                    if bomb or self._inflated > MOST_INFLATED:
                        raise Refusal(
                            f"would unpack to more than {self._inflated >> 20:,} MB: it is built "
                            "to fill memory, or no text"
                        )
                    yield piece
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, IndexError):
            raise Refusal(
                f"is damaged: {member} in it cannot be unpacked", "file_damaged"
            ) from None
        except (NotImplementedError, RuntimeError):
            raise Refusal("is packed in a way that is not supported: save it again") from None

    def read(self, member: str) -> bytes:
        """All of a member; errors are those of :meth:`pieces`."""
        return b"".join(self.pieces(member))
