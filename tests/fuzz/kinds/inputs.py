"""Files of every input format with bytes changed, tagged by the command into an output file.

Right is what a tagger that is asked one text at a time says, in a file that plain reading of the input predicts: an
answer to each line that can be read, a record or nothing for each that cannot, and a CoNLL file byte for byte with one
column more.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runtime.errors import NerveError
from runtime.tag.__main__ import main
from runtime.tag.request import Request
from runtime.tagger import Tagger
from tests.fuzz.change import changed_bytes
from tests.fuzz.kind import Case, check
from tests.runtime.tag.stand_in import open_stand_in

FORMATS = ("text", "lines", "jsonl", "words", "conll", "json", "csv", "tsv", "conllu")
_PACKERS: tuple[tuple[str, Callable[[bytes], bytes], Callable[[bytes], bytes]], ...] = (
    (".gz", lambda raw: gzip.compress(raw, 1, mtime=0), gzip.decompress),
    (".xz", lzma.compress, lzma.decompress),
    (".bz2", bz2.compress, bz2.decompress),
)
_WORDS = ("Maria", "Keller", "Oslo", "flew", "to", ".", "Lund", "x", "\u00e9", "\U0001f600", "U.S.", "\u65e5\u672c")


def open_case(folder: Path) -> Case:
    """See the module."""
    tagger = open_stand_in(folder)

    def case(chance: random.Random) -> None:
        kind, plain = drawn(chance)
        raw: bytes | None = plain
        packed = chance.random() < 0.2
        suffix, pack, unpack = chance.choice(_PACKERS)
        source, output = folder / f"in{suffix if packed else '.x'}", folder / "out"
        content = pack(plain) if packed else plain
        if packed and chance.random() < 0.3:
            content = changed_bytes(content, chance)
            raw = _unpacked(content, unpack)
        source.write_bytes(content)
        to, on_error = (
            chance.choice(("jsonl", "jsonl", "conll", "html", "color")),
            chance.choice(("stop", "skip", "record")),
        )
        arguments = ["-i", str(source), "-o", str(output), "-f", kind, "--to", to, "--on-error", on_error]
        arguments += ["--chunk", str(chance.choice((1, 2, 512))), "--no-progress"]
        clear(output)
        try:
            main(arguments, begin_tagger=opener(tagger), save_seconds=chance.choice((0.0, 9.0)))
        except NerveError:
            check(not output.exists(), "an output in spite of an error")
            raise
        check(raw is not None, "an answer to a damaged archive")
        _check(output.read_bytes(), raw or b"", kind, to, on_error, tagger)

    return case


class _Open:
    """A tagger that stays open for the next case."""

    def __init__(self, tagger: Tagger) -> None:
        self.labels, self.repeats, self.answers = tagger.labels, tagger.repeats, tagger.answers
        self.in_sections, self.in_context, self.entities = tagger.in_sections, tagger.in_context, tagger.entities

    def close(self) -> None:
        """Nothing."""


def opener(tagger: Tagger) -> Callable[[Request], Callable[[], Any]]:
    """What main takes to open a tagger with: always this one, which is not closed."""
    return lambda request: lambda: _Open(tagger)


def clear(output: Path) -> None:
    """Remove an output and what lies beside it."""
    for end in ("", ".partial", ".journal"):
        output.with_name(output.name + end).unlink(missing_ok=True)


def drawn(chance: random.Random) -> tuple[str, bytes]:
    """A format, and a small file that is more or less of it."""
    kind = chance.choice(FORMATS)
    makers = {"jsonl": _jsonl, "json": _jsonl, "conll": _conll, "conllu": _conllu, "csv": _row, "tsv": _row}
    rows = [makers.get(kind, _text)(chance) for _ in range(chance.randrange(0, 7))]
    raw = b"".join(rows)
    if kind == "json":
        raw = b"[" + b",".join(rows) + b"]"
    elif kind in ("csv", "tsv"):
        raw = b"id,text\n" + raw
        raw = raw.replace(b",", b"\t") if kind == "tsv" else raw
    return kind, changed_bytes(raw, chance) if chance.random() < 0.8 else raw


def _words(chance: random.Random) -> list[str]:
    return chance.choices(_WORDS, k=chance.randrange(0, 8))


def _text(chance: random.Random) -> bytes:
    return (" ".join(_words(chance)) + "\n").encode()


def _jsonl(chance: random.Random) -> bytes:
    words = _words(chance)
    value: Any = chance.choice(
        (
            {"text": " ".join(words)},
            {"id": 1, "text": " ".join(words), "entities": None},
            {"words": words},
            {"tokens": words, "labels": ["O"] * len(words)},
            {"text": "x", "words": ["y"]},
        )
    )
    return (json.dumps(value, ensure_ascii=chance.random() < 0.5) + "\n").encode()


def _conll(chance: random.Random) -> bytes:
    return "".join(f"{word} O\n" for word in _words(chance)).encode() + b"\n"


def _conllu(chance: random.Random) -> bytes:
    rows = [f"{number}\t{word}" + "\t_" * 8 + "\n" for number, word in enumerate(_words(chance), 1)]
    return "".join(["# text = x\n", *rows, "\n"]).encode()


def _row(chance: random.Random) -> bytes:
    text = " ".join(_words(chance))
    return (f'7,"{text}, ""x"""\n' if chance.random() < 0.3 else f"7,{text}\n").encode()


def _unpacked(content: bytes, unpack: Callable[[bytes], bytes]) -> bytes | None:
    try:
        return unpack(content)
    except Exception:  # whatever a damaged archive makes of it
        return None


def _check(out: bytes, raw: bytes, kind: str, to: str, on_error: str, tagger: Tagger) -> None:
    if to == "conll" and kind == "conll" and on_error != "skip":
        _check_column(out, raw)
    if to == "jsonl":
        records = [json.loads(line) for line in out.split(b"\n") if line]
        for record in records:
            _check_record(record, tagger)
        broken = [record for record in records if "error" in record and "line" in record]
        check(not broken or on_error == "record" or kind == "jsonl", "a record that nobody asked for", broken)
        if kind == "lines" and on_error == "record":
            check(len(records) == len(_lines(raw)), "records", len(records), raw)
        if kind == "lines":
            _check_texts([record for record in records if "text" in record], raw)
    if to == "html":
        check(out.rstrip().endswith(b"</html>"), "half a page", out[-80:])


def _lines(raw: bytes) -> list[bytes]:
    lines = raw.split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


def _check_texts(records: list[dict[str, Any]], raw: bytes) -> None:
    """Every line that holds text, in order, and no other."""
    first, *others = _lines(raw) or [b""]
    lines = [first.removeprefix(b"\xef\xbb\xbf"), *others] if raw else []
    texts = [text for line in lines if (text := _decoded(line.removesuffix(b"\r"))) is not None]
    check([record["text"] for record in records] == texts, "texts", [record["text"] for record in records], texts)


def _decoded(line: bytes) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None


def _check_record(record: dict[str, Any], tagger: Tagger) -> None:
    """The answer of a record is what its text or its words get alone."""
    if isinstance(text := record.get("text"), str) and "words" not in record and "tokens" not in record:
        told: Any = record.get("predicted_entities", record.get("entities"))
        expected = [(each.label, each.start, each.end, each.text) for each in tagger.tag([text])[0]]
        check(
            [(each["label"], each["start"], each["end"], each["text"]) for each in told] == expected, "entities", record
        )
    elif isinstance(words := record.get("words", record.get("tokens")), list):
        labels: Any = record.get("predicted_labels", record.get("labels"))
        check(labels == tagger.tag_words([words])[0], "labels", record)


def _check_column(out: bytes, raw: bytes) -> None:
    """The input's lines are there, in order, and each at most with one column more."""
    given, written = _lines(raw), _lines(out)
    check(len(given) == len(written), "lines", len(given), len(written))
    for before, after in zip(given, written):
        check(after.startswith(before.rstrip(b"\r")), "another line", before, after)
