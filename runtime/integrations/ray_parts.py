"""Shards in, parts out: how a large job is cut, and how one part of it is read, tagged and written. Without Ray.

    JSONL, text    a part is a range of bytes; it has the lines that begin in it
    Parquet        a part is a range of rows of one row group

A part's output has a name that follows from the plan alone, and it appears by renaming: whole or not at all. Whoever
does a part twice writes the same bytes to the same place, so that nothing is doubled; a part without its file was not
done, so that nothing is lost. That is all there is to resuming.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from runtime.encode.tokenizer import clean
from runtime.errors import NerveError, StorageError, UsageError
from runtime.integrations._open import not_installed
from runtime.integrations.tag_batch import ENTITIES, ERROR, TagBatch
from runtime.system.files import write_atomically

Format = Literal["jsonl", "parquet"]
PLAN = "plan.json"
_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".txt": "text", ".parquet": "parquet"}
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of one shard.

    Attributes:
        number: in the plan; its output is named by it.
        shard: the file.
        group: the row group of a Parquet file; -1 for other files.
        start, stop: bytes of a file of lines, or rows of a row group.
    """

    number: int
    shard: str
    group: int
    start: int
    stop: int

    def output(self, folder: Path, form: Format) -> Path:
        """Where its rows go."""
        return folder / f"part-{self.number:06d}.{form}"


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a part. A problem means that there is no output."""

    number: int
    documents: int = 0
    entities: int = 0
    errors: int = 0
    problem: str = ""


def plan(shards: Sequence[Path], *, part_bytes: int, part_rows: int) -> list[Part]:
    """The parts of all shards, in order.

    Args:
        shards: files, or folders whose files are taken in the order of their names.
        part_bytes: of a part of a file of lines.
        part_rows: of a part of a Parquet file.

    Raises:
        StorageError: a file is not there.
        UsageError: a file is neither JSONL, nor text, nor Parquet.
    """
    parts: list[Part] = []
    for shard in files_of(shards):
        if kind_of(shard) == "parquet":
            ranges = _parquet_ranges(shard, part_rows)
        else:
            size = shard.stat().st_size
            ranges = [(-1, start, min(start + part_bytes, size)) for start in range(0, size, part_bytes)]
        parts += [Part(len(parts) + n, str(shard), *each) for n, each in enumerate(ranges)]
    return parts


def files_of(shards: Sequence[Path]) -> list[Path]:
    """The files of shards; see plan."""
    files: list[Path] = []
    for shard in shards:
        if shard.is_dir():
            files += sorted(each for each in shard.iterdir() if each.suffix in _SUFFIXES)
        elif shard.is_file():
            files.append(shard)
        else:
            raise StorageError(str(shard), "there is no such file or folder", "check the path")
    return [file.resolve() for file in files]


def kind_of(shard: Path) -> str:
    """ "jsonl", "text" or "parquet", by the name."""
    if shard.suffix not in _SUFFIXES:
        known = ", ".join(_SUFFIXES)
        raise UsageError(str(shard), "its name does not say what it is", f"name it with one of {known}")
    return _SUFFIXES[shard.suffix]


def hold_to_plan(folder: Path, job: Row) -> None:
    """Write down what the job is, or see that the folder's job is the same.

    Raises:
        UsageError: the folder holds another job.
        StorageError: no permission, or no space.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said = json.dumps(job, sort_keys=True, indent=1).encode()
    file = folder / PLAN
    if not file.exists():
        if any(folder.glob("part-*")):
            raise UsageError(str(folder), "it holds parts, and no plan", "give an empty folder")
        write_atomically(file, said)
    elif file.read_bytes() != said:
        before: Row = json.loads(file.read_bytes())
        changed = ", ".join(key for key in job if job[key] != before.get(key))
        raise UsageError(str(folder), f"it holds another job (other: {changed})", "give another folder")


def fingerprint(shards: Sequence[Path]) -> str:
    """A digest over names, sizes and times of change of all files: what must not change while a job goes on."""
    digest = hashlib.sha256()
    for file in files_of(shards):
        status = file.stat()
        digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def do_part(part: Part, tagger: TagBatch, folder: Path, form: Format, column: str) -> Done:
    """Read, tag and write a part. What goes wrong with all of it comes back as a problem."""
    try:
        rows = list(_rows(part, column))
        found, errors = tagger.tag([row.get(column) for row in rows])
        for row, entities, error in zip(rows, found, errors):
            row[ENTITIES] = entities
            row[ERROR] = row.get(ERROR) or error
        _write(rows, part.output(folder, form), form)
    except (NerveError, OSError, ValueError) as error:
        return Done(part.number, problem=f"{part.shard}: {error}")
    return Done(part.number, len(rows), sum(map(len, found)), sum(bool(row[ERROR]) for row in rows))


def _rows(part: Part, column: str) -> Iterator[Row]:
    kind = kind_of(Path(part.shard))
    if kind == "parquet":
        table = _pyarrow_parquet().ParquetFile(part.shard).read_row_group(part.group)
        yield from table.slice(part.start, part.stop - part.start).to_pylist()
    elif kind == "text":
        for line in _lines(part):
            yield {column: _decoded(line)}
    else:
        for line in filter(bytes.strip, _lines(part)):
            yield _parsed(line, column)


def _lines(part: Part) -> Iterator[bytes]:
    """The lines that begin in the part's range of bytes, without their ends."""
    with Path(part.shard).open("rb") as file:
        if part.start:
            # The line that the byte before belongs to is the part before's, to its end.
            file.seek(part.start - 1)
            file.readline()
        while file.tell() < part.stop and (line := file.readline()):
            yield line.rstrip(b"\r\n")


def _decoded(line: bytes) -> str | None:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _parsed(line: bytes, column: str) -> Row:
    """A line of JSONL as a row; one that is no object is a row with an error."""
    try:
        value = json.loads(line)
    except ValueError as error:
        return {column: None, ERROR: f"not JSON ({error})"}
    if isinstance(value, str):
        return {column: value}
    return value if isinstance(value, dict) else {column: None, ERROR: "neither a JSON object nor a string"}


def _write(rows: list[Row], target: Path, form: Format) -> None:
    """Rows to a file, whole or not at all, and on the disk before it has its name."""
    place = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        if form == "jsonl":
            with place.open("wb") as file:
                file.writelines(_json(row) + b"\n" for row in rows)
        else:
            import pyarrow

            try:
                table = _table(pyarrow, rows)
            except UnicodeEncodeError:
                table = _table(pyarrow, _writable(rows))
            _pyarrow_parquet().write_table(table, place)
        with place.open("rb") as file:
            os.fsync(file.fileno())
        place.replace(target)
    finally:
        place.unlink(missing_ok=True)


def _json(row: Row) -> bytes:
    try:
        return json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair: UTF-8 cannot write it, and JSON's escapes can.
        return json.dumps(row).encode("ascii")


def _writable(value: Any) -> Any:
    """The value with U+FFFD in place of halves of surrogate pairs, which a table cannot hold; offsets stay right."""
    if isinstance(value, dict):
        return {_writable(name): _writable(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_writable(each) for each in value]
    return clean(value) if isinstance(value, str) else value


def _table(pyarrow: Any, rows: list[Row]) -> Any:
    """Rows as a table whose entities have one type, however few there are of them."""
    entity = [("label", pyarrow.string()), ("text", pyarrow.string()), ("start", pyarrow.int64())]
    entity += [("end", pyarrow.int64()), ("score", pyarrow.float64())]
    names = list(dict.fromkeys(name for row in rows for name in row if name not in (ENTITIES, ERROR)))
    columns = {name: pyarrow.array([row.get(name) for row in rows]) for name in names}
    columns[ENTITIES] = pyarrow.array([row[ENTITIES] for row in rows], pyarrow.list_(pyarrow.struct(entity)))
    columns[ERROR] = pyarrow.array([row[ERROR] for row in rows], pyarrow.string())
    return pyarrow.table(columns)


def _parquet_ranges(shard: Path, most: int) -> list[tuple[int, int, int]]:
    """(row group, first row, one past the last row) of each part."""
    metadata = _pyarrow_parquet().ParquetFile(shard).metadata
    counts = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    return [
        (group, start, min(start + most, count))
        for group, count in enumerate(counts)
        for start in range(0, count, most)
    ]


def _pyarrow_parquet() -> Any:
    """The library, which reads and writes Parquet.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise not_installed(error, "ray") from error
    return pyarrow.parquet


def as_row(value: Part | Done) -> Row:
    """As Ray's rows are."""
    return asdict(value)
