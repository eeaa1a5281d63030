"""Runs that end at any moment, whose output, journal or input is changed or not, and that --resume goes on with.

Right is the output of one run over the input as it is now, byte for byte; refused is a run that finds what it would go
on with changed. An input that lost what was tagged must never be passed over in silence.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import random
from pathlib import Path

from runtime.errors import NerveError
from runtime.tag.__main__ import main
from tests.fuzz.change import changed_bytes, changed_json
from tests.fuzz.kind import Case, check
from tests.fuzz.kinds.inputs import clear, drawn
from tests.runtime.tag.dying import DyingTagger, KilledError


def open_case(folder: Path) -> Case:
    """See the module."""

    def case(chance: random.Random) -> None:
        names, arguments = _inputs(folder, chance)
        output = folder / chance.choice(("out", "out.gz"))
        clear(output)
        run = ["-o", str(output), *arguments]
        with contextlib.suppress(KilledError):
            _tag(run, DyingTagger(chance.randrange(0, 12)))
        changed = _change(folder, output, names, chance)
        clear(folder / "whole")
        expected = _whole(["-o", str(folder / "whole"), *arguments], folder / "whole")
        _tag([*run, "--resume"], DyingTagger())
        found = gzip.decompress(output.read_bytes()) if output.suffix == ".gz" else output.read_bytes()
        # Who edits journal and output so that they fit each other has the output that he made.
        check(found == expected or changed == "forged", "another output", changed, found, expected)

    return case


def _inputs(folder: Path, chance: random.Random) -> tuple[list[Path], list[str]]:
    kind, raw = drawn(chance)
    names = [folder / f"in{number}" for number in range(chance.choice((1, 1, 2, 3)))]
    for name in names:
        name.write_bytes(raw)
        while (drawn_again := drawn(chance))[0] != kind:
            pass
        raw = drawn_again[1]
    told = [each for name in names for each in ("-i", str(name))]
    options = [
        "--chunk",
        str(chance.choice((1, 1, 2))),
        "--on-error",
        chance.choice(("skip", "record", "stop")),
        "--no-progress",
    ]
    return names, [*told, "-f", kind, "--to", chance.choice(("jsonl", "jsonl", "conll", "html")), *options]


def _tag(arguments: list[str], tagger: DyingTagger) -> None:
    main(arguments, begin_tagger=lambda request: lambda: tagger, save_seconds=0.0)


def _whole(arguments: list[str], output: Path) -> bytes:
    """What one run writes; nothing where it is refused, as the resumed one must then be."""
    try:
        _tag(arguments, DyingTagger())
    except NerveError:
        return b"refused"
    return output.read_bytes()


def _change(folder: Path, output: Path, names: list[Path], chance: random.Random) -> str:
    """What lies about is changed, or what a killed write leaves is added; says which."""
    partial, journal = (output.with_name(output.name + end) for end in (".partial", ".journal"))
    what = chance.choice(("nothing", "half", "half", "partial", "journal", "forged", "input", "lost"))
    if what == "half" and journal.exists():
        journal.write_bytes(journal.read_bytes() + b'{"source": 0, "offs')
        partial.write_bytes(partial.read_bytes() + b'{"text": "ha')
    elif what == "partial" and partial.exists():
        partial.write_bytes(changed_bytes(partial.read_bytes(), chance))
    elif what == "journal" and journal.exists():
        journal.write_bytes(changed_bytes(journal.read_bytes(), chance))
    elif what == "forged" and journal.exists():
        lines = journal.read_bytes().splitlines()
        values = [changed_json(json.loads(line), chance) for line in lines]
        journal.write_bytes(b"".join(json.dumps(value).encode() + b"\n" for value in values))
    elif what == "input":
        name = chance.choice(names)
        name.write_bytes(changed_bytes(name.read_bytes(), chance))
    elif what == "lost":
        chance.choice((partial, journal)).unlink(missing_ok=True)
    return what
