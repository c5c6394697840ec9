"""What a file is, by its first bytes: a kind that can be read, or a refusal that names it."""

from __future__ import annotations

import re

from simpleml.documents.document import Refusal

HEAD = 8192
"""First bytes of a file that tell what it is."""

# Beginning, at which byte, what it is. What people take for a text by mistake, and what lies about.
_OTHERS = (
    (b"\x89PNG", 0, "a picture (PNG)"),
    (b"\xff\xd8\xff", 0, "a picture (JPEG)"),
    (b"GIF8", 0, "a picture (GIF)"),
    (b"II*\0", 0, "a picture (TIFF)"),
    (b"MM\0*", 0, "a picture (TIFF)"),
    (b"WEBP", 8, "a picture (WebP)"),
    (b"WAVE", 8, "an audio file (WAV)"),
    (b"ID3", 0, "an audio file (MP3)"),
    (b"OggS", 0, "an audio file (Ogg)"),
    (b"fLaC", 0, "an audio file (FLAC)"),
    (b"ftyp", 4, "a video, audio or picture file (MP4 or HEIC)"),
    (b"\x1aE\xdf\xa3", 0, "a video (Matroska)"),
    (b"SQLite format 3\0", 0, "a database (SQLite)"),
    (b"\x7fELF", 0, "a program"),
    (b"MZ", 0, "a program (Windows)"),
    (b"\xcf\xfa\xed\xfe", 0, "a program (macOS)"),
    (b"\xca\xfe\xba\xbe", 0, "a program (macOS or Java)"),
    (b"\x1f\x8b", 0, "an archive (gzip): unpack it first"),
    (b"BZh", 0, "an archive (bzip2): unpack it first"),
    (b"\xfd7zXZ", 0, "an archive (xz): unpack it first"),
    (b"\x28\xb5\x2f\xfd", 0, "an archive (Zstandard): unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", 0, "an archive (7z): unpack it first"),
    (b"Rar!", 0, "an archive (RAR): unpack it first"),
    (b"ustar", 257, "an archive (tar): unpack it first"),
    (b"BOOKMOBI", 60, "a Kindle book: convert it to .epub first"),
    (b"AT&TFORM", 0, "a scanned book (DjVu), pictures of pages"),
    (b"%!PS", 0, "PostScript: save it as PDF first"),
    (b"{\\rtf", 0, "a rich text file (.rtf): open it and save it as .docx or as plain text"),
)
_REASONS = {
    "picture": "file_picture",
    "audio": "file_sound",
    "video": "file_video",
    "program": "file_program",
    "archive": "file_archive",
    "rich text": "file_rtf",
}
"""By a word of what it is."""
_ALSO_TEXT = {b"MZ", b"ID3", b"BZh"}  # a text may begin so; what follows tells
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_COMMENTS = r"(?:\s*(?:<\?.*?\?>|<!--.*?-->))*\s*"
_HTML = re.compile(_COMMENTS + r"<(?:!doctype\s+html|html|head|body)[\s>]", re.I | re.S)
_TIME = r"(?:\d+:)?\d{1,2}:\d{2}[,.]\d{3}"
_SUBTITLES = re.compile(rf"\s*(?:WEBVTT[^\n]*\n.*?)?(?:\d+\s*\n)?{_TIME} *--> *{_TIME}", re.S)


def recognise(raw: bytes) -> str:
    """What bytes are: "zip", "pdf" or "text" (which may turn out to be HTML, or subtitles).

    Args:
        raw: all of the file, or at least its first HEAD bytes.

    Raises:
        Refusal: something else, by name.
    """
    if raw.startswith(_ZIP):
        return "zip"
    if b"%PDF-" in raw[:1024].lstrip(b"\xef\xbb\xbf \r\n\t")[:64]:
        return "pdf"
    if raw.startswith(_OLE):
        raise Refusal(*_old_office(raw))
    for magic, place, name in _OTHERS:
        if raw[place : place + len(magic)] == magic and (
            magic not in _ALSO_TEXT or b"\0" in raw[:HEAD]
        ):
            raise Refusal(f"is {name}" + ("" if ": " in name else ", not a text"), _reason(name))
    return "text"


def _reason(name: str) -> str:
    """What it is, for programs."""
    return next((reason for word, reason in _REASONS.items() if word in name), "file_other")


def _old_office(raw: bytes) -> tuple[str, str]:
    """What lies in a container of Microsoft's old kind: sentence and reason."""

    def holds(name: str) -> bool:
        return name.encode("utf-16-le") in raw

    if holds("EncryptedPackage"):
        return "is protected by a password: save it without one first", "file_password"
    if holds("WordDocument"):
        return "is an old Word document (.doc): open it and save it as .docx", "file_old_word"
    return (
        "is a file of an old office program, not a text: open it and save its text as .docx",
        "file_other",
    )


def recognise_text(text: str) -> str:
    """What characters are: "html", "srt" or "text"."""
    head = text[: 2 * HEAD]
    if _HTML.match(head):
        return "html"
    return "srt" if _SUBTITLES.match(head[:HEAD]) else "text"
