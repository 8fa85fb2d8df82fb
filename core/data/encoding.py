"""Which encoding a text file has: its byte-order mark, then UTF-8, then a guess.

A guess is always told. A file that is no text at all is refused here, by name where its
first bytes give it away.
"""

import codecs
import re
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import IO

from core.errors import DatasetError, Where

_CHUNK_BYTES = 1 << 20
_SAMPLE_BYTES = 1 << 18

# utf-32 first: its little-endian mark begins with that of utf-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAVE_AS_TEXT = "Give a JSON, JSONL, CSV, TSV, Parquet, TXT or MD file."
_MAGIC = (
    (b"PK\x03\x04", "a ZIP archive or an Excel or Word file",
     "Unpack it, or save the sheet as CSV (UTF-8)."),
    (b"\x1f\x8b", "a gzip archive", "Unpack it first."),
    (b"7z\xbc\xaf", "a 7z archive", "Unpack it first."),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "Unpack it first."),
    (b"%PDF-", "a PDF", "Save its text as TXT."),
    (b"\x89PNG", "an image", _SAVE_AS_TEXT),
    (b"\xff\xd8\xff", "an image", _SAVE_AS_TEXT),
    (b"GGUF", "a GGUF model", "Choose models on the Model step; this is for data."),
    (b"SQLite format 3", "a database", "Export the table as CSV."),
    (b"ARROW1", "an Arrow file", "Save it as Parquet."),
)  # fmt: skip
_HALVES = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How to decode a file."""

    name: str
    errors: str = "strict"
    note: str = ""
    """A sentence if this is a guess, else empty."""

    def open(self, path: Path) -> TextIOWrapper:
        """Open the file; every kind of line end reads as a line feed."""
        return path.open(encoding=self.name, errors=self.errors, newline=None)


def encoding_of(path: Path) -> Encoding:
    """Return the encoding of the text in `path`, which is read through once.

    Raises:
        DatasetError: The file is empty or is no text.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_SAMPLE_BYTES)
        _refuse_known(head, path)
        named = next((name for mark, name in _MARKS if head.startswith(mark)), "")
        if named:
            return Encoding(name=named)
        wide = _unmarked_utf16(head)
        if wide:
            note = f"The file has no byte-order mark; it was read as {wide}."
            return Encoding(name=wide, note=note)
        _refuse_control(head, path)
        file.seek(0)
        odd = _first_not_utf8(file, path)
    return Encoding(name="utf-8") if odd is None else _guess(odd)


def _refuse_known(head: bytes, path: Path) -> None:
    if not head.strip(b" \t\r\n\xef\xbb\xbf"):
        raise DatasetError(
            "dataset.empty",
            f"{path.name} is empty.",
            hint="Choose a file that has rows in it.",
            where=Where(file=str(path)),
        )
    for magic, kind, hint in _MAGIC:
        if head.startswith(magic):
            raise _not_text(path, f"{path.name} is {kind}, not text.", hint)


def _not_text(
    path: Path, message: str, hint: str, line: int | None = None
) -> DatasetError:
    return DatasetError(
        "dataset.binary", message, hint=hint, where=Where(file=str(path), line=line)
    )


def _unmarked_utf16(head: bytes) -> str:
    sample = head[:4096]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    enough = len(sample) // 5
    if len(sample) >= 4 and odd > enough and even * 8 < odd:
        return "utf-16-le"
    if len(sample) >= 4 and even > enough and odd * 8 < even:
        return "utf-16-be"
    return ""


def _refuse_control(head: bytes, path: Path) -> None:
    control = sum(head.count(code) for code in (*range(1, 9), *range(14, 27), 28, 29))
    if control * 50 > len(head):
        raise _not_text(
            path,
            f"{path.name} is not text: it is full of control bytes.",
            _SAVE_AS_TEXT,
        )


def _first_not_utf8(file: IO[bytes], path: Path) -> bytes | None:
    """Return a sample around the first byte that is not UTF-8, or None."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines = 0
    while chunk := file.read(_CHUNK_BYTES):
        if b"\0" in chunk:
            line = lines + chunk[: chunk.index(0)].count(b"\n") + 1
            raise _not_text(
                path,
                f"{path.name} holds a zero byte in line {line}; text has none.",
                "Save the file as UTF-8 text again.",
                line,
            )
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError:
            return chunk
        lines += chunk.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as err:
        return bytes(err.object)
    return None


def _guess(sample: bytes) -> Encoding:
    text = sample.decode("utf-8", errors="surrogateescape")
    bad = len(_HALVES.findall(text))
    good = sum(1 for char in text if char > "\x7f") - bad
    if good > 4 * bad:
        note = "A few bytes are not valid UTF-8; the rows that hold them are named."
        return Encoding(name="utf-8", errors="surrogateescape", note=note)
    name = _guessed_name(sample[:_SAMPLE_BYTES] if bad > 64 else sample, bad)
    shown = "Windows-1252" if name == "cp1252" else name
    note = (
        f"The file is not UTF-8; it was read as {shown}, which is a guess."
        " Save it as UTF-8 if letters look wrong."
    )
    return Encoding(name=name, errors="surrogateescape", note=note)


def _guessed_name(sample: bytes, odd_bytes: int) -> str:
    # With a handful of accents every guess is luck, and Windows-1252 is the commonest.
    if odd_bytes >= 64:
        import charset_normalizer

        best = charset_normalizer.from_bytes(sample).best()
        if best is not None and best.encoding != "ascii":
            return best.encoding
    try:
        sample.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"
