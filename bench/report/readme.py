"""python -m bench readme RESULT.json: what the README and docs/benchmarks.md say is written from a result.

The README gets the verdict, two pictures and two short tables; docs/benchmarks.md gets all tables. Where a result of
`python -m bench serve` lies beside it (NAME-serve.json beside NAME.json), docs/serve.md gets its tables, and the README
a short one. All stand between two marks, and nothing outside the marks is changed. --check says whether what is there
is what would be written.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.report.figures import Picture, one_text_picture, speed_picture
from bench.report.machine_lines import machine_lines
from bench.report.marks import with_block
from bench.report.pictures import MODES
from bench.report.short_table import one_text_table, rows_for_one_text, short_table
from bench.report.tables import tables_of
from bench.report.verdict import reading, verdict
from bench.report.write import make_folder
from bench.schema.result import Result, read_result
from bench.serve.tables import full_table
from bench.serve.tables import short_table as serve_table
from runtime.command_line import Parser
from runtime.errors import StorageError
from runtime.system.files import write_atomically

PROG = "python -m bench readme"
MARKS = BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
IMAGE, ONE_TEXT_IMAGE = "speed-f1-{mode}.svg", "one-text-{mode}.svg"


def main(arguments: Sequence[str]) -> int:
    """Write texts and pictures, or check them: 1 if one of them is not what the result says."""
    options = _parser().parse_args(arguments)
    blocks = {options.readme: readme_block, options.docs: docs_block}
    # All are read before any is written: an error must not leave half of them new.
    before = {path: _read(path) for path in blocks}
    result = read_result(options.result)
    wanted = {
        path: with_block(before[path], make(result, options.result), path, MARKS) for path, make in blocks.items()
    }
    if servers := servers_beside(options.result):
        wanted[options.serve] = with_block(_read(options.serve), servers_block(servers), options.serve, MARKS)
    if options.check:
        differing = [path for path, text in wanted.items() if _read(path) != text]
        differing += pictures_not_of(options.result, options.images)
        for path in differing:
            print(f"{path} is not of {options.result}: run {PROG} {options.result}", file=sys.stderr)
        return 1 if differing else 0
    for path, text in wanted.items():
        write_atomically(path, text.encode())
    write_pictures(result, options.result, options.images)
    return 0


def readme_block(result: Result, path: Path) -> str:
    """Return what stands between the README's marks.

    Args:
        result: the benchmark.
        path: of its JSON, as the README links to it.
    """
    parts = [verdict(result), _shown(IMAGE, "Speed against F1 of all systems that were measured")]
    parts.append(short_table(result).markdown())
    if rows_for_one_text(result):
        alt = "One text at a time: the share of calls answered within so many milliseconds"
        parts += [_shown(ONE_TEXT_IMAGE, alt), one_text_table(result).markdown()]
    parts.append(_caption(result, path))
    if servers := servers_beside(path):
        value = _value(servers)
        quick = " (a quick run)" if value["quick"] else ""
        parts += [f"As HTTP servers, one sentence a request{quick}:", serve_table(value).rstrip("\n")]
    return "\n\n".join(parts) + "\n"


def servers_beside(path: Path) -> Path | None:
    """The result of `python -m bench serve` that belongs to that result, if there is one."""
    beside = path.with_name(f"{path.stem}-serve.json")
    return beside if beside.is_file() else None


def servers_block(path: Path) -> str:
    """Return what stands between the marks of docs/serve.md: all loops of all servers, and the bars."""
    value = _value(path)
    machine = value["machine"]
    about = f"{machine['cpu']}, {value['threads']} threads; commit {machine['commit'][:12]}"
    written = f"Written by `{PROG}` from [{path.name}]({(Path('..') / path).as_posix()})."
    return f"{full_table(value)}\n{about}{'; a quick run' if value['quick'] else ''}. {written}\n"


def _value(path: Path) -> dict[str, Any]:
    """The JSON of `python -m bench serve`.

    Raises:
        StorageError: it is none.
    """
    try:
        value = json.loads(_read(path))
        if value["what"] == "servers":
            return dict(value)
    except (ValueError, TypeError, KeyError):
        pass
    raise StorageError(str(path), "not a result of python -m bench serve", "measure again, or take it away")


def _shown(image: str, alt: str) -> str:
    """Return the HTML of a picture; GitHub shows the one that fits the reader's mode."""
    dark, light = (f"docs/images/{image.format(mode=mode)}" for mode in ("dark", "light"))
    source = f'<source media="(prefers-color-scheme: dark)" srcset="{dark}">'
    return f'<picture>{source}<img alt="{alt}" src="{light}"></picture>'


def docs_block(result: Result, path: Path) -> str:
    """Return what stands between the marks of docs/benchmarks.md: the whole report, except the method.

    Args:
        result: the benchmark.
        path: of its JSON, from the project's folder.
    """
    parts = [verdict(result)]
    for title, table in tables_of(result):
        parts += [f"### {title}", table.markdown()]
    parts += ["### What the intervals show", *_bullets([*reading(result), *result.notes])]
    parts += ["### The machine", *_bullets(machine_lines(result)), _caption(result, Path("..") / path)]
    return "\n\n".join(parts) + "\n"


def write_pictures(result: Result, path: Path, folder: Path) -> None:
    """Write the pictures of speed against F1 and of one text at a time, for light and dark pages.

    Raises:
        StorageError: no permission, or no space.
    """
    make_folder(folder)
    for image, drawn in _pictures(result, about=_digest(path)).items():
        for mode in MODES:
            write_atomically(folder / image.format(mode=mode), drawn.draw(mode))


def _pictures(result: Result, about: str) -> dict[str, Picture]:
    """The pictures that the result has figures for, by the name of their files."""
    drawn = {IMAGE: speed_picture(result, about=about), ONE_TEXT_IMAGE: one_text_picture(result, about=about)}
    return {image: one for image, found in drawn.items() for one in found}


def pictures_not_of(path: Path, folder: Path) -> list[Path]:
    """Return the pictures that were not drawn from that JSON. A picture says which one it was drawn from.

    The bytes are not compared: another version of matplotlib draws the same figures with other bytes.
    """
    images = _pictures(read_result(path), about="")
    files = [folder / image.format(mode=mode) for image in images for mode in MODES]
    return [file for file in files if not file.is_file() or _digest(path) not in _read(file)]


def _caption(result: Result, path: Path) -> str:
    main, machine = result.workloads[0], result.machine
    rounds = max((len(row.throughput[0].seconds) for row in result.rows if row.throughput), default=0)
    return (
        f"{main.name}: {main.texts:,} texts, {main.tokens:,} tokens; {machine['cpu']}, {result.threads} threads; "
        f"checkpoint {result.checkpoint['name']}; commit {machine['commit'][:12]}; "
        f"{'a quick benchmark' if result.quick else f'{rounds} interleaved rounds'}. "
        f"Written by `{PROG}` from [{path.name}]({path.as_posix()})."
    )


def _bullets(lines: Sequence[str]) -> list[str]:
    return ["\n".join(f"- {line}" for line in lines)] if lines else []


def _digest(path: Path) -> str:
    """Return the line that a picture carries: the digest of its JSON."""
    return f"{path.name}, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise StorageError(str(path), error.strerror or str(error), "give the path of the file") from error


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog=PROG, description="Write the tables and pictures of README and docs from a result.")
    parser.add_argument("result", type=Path, help="a JSON under bench/results/")
    check = "write nothing; exit status 1 if something would change"
    parser.add_argument("--check", action="store_true", help=check)
    parser.add_argument(
        "--serve", type=Path, default=Path("docs/serve.md"), help="gets the servers' tables (%(default)s)"
    )
    parser.add_argument("--readme", type=Path, default=Path("README.md"), help="gets the short table (%(default)s)")
    docs, images = Path("docs/benchmarks.md"), Path("docs/images")
    parser.add_argument("--docs", type=Path, default=docs, help="gets all tables (%(default)s)")
    parser.add_argument("--images", type=Path, default=images, help="folder of the pictures (%(default)s)")
    return parser
