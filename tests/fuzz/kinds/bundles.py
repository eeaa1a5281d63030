"""Whole bundles with one thing changed, opened with a real engine and asked.

Changed are bytes of any file; a value anywhere in the manifest, which is then sealed again as anybody can; or what a
name leads to: a pipe, a device, a folder, a link, nothing. Right is what the intact bundle answers.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

from runtime.bundle.store import MANIFEST
from runtime.tagger import Tagger
from tests.fuzz.change import changed_bytes, changed_json
from tests.fuzz.kind import Case, check
from tests.lookup import lookup_bundle

WORDS = {"Paris": "B-LOC", "Angela": "B-PER", "Merkel": "I-PER"}
TEXTS = ["Angela Merkel in Paris", "nobody", "Paris Paris"]


def open_case(folder: Path) -> Case:
    """See the module."""
    intact, place = lookup_bundle(folder / "intact", WORDS), folder / "changed"
    expected = _answers(intact)

    def case(chance: random.Random) -> None:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(intact, place)
        change = chance.choices((_change_manifest, _change_bytes, _change_name), (6, 3, 1))[0]
        change(place, chance)
        check((found := _answers(place)) == expected, "other answers:", found)

    return case


def _answers(bundle: Path) -> Any:
    with Tagger.open(bundle, threads=1) as tagger:
        return tagger.tag(TEXTS)


def _change_bytes(bundle: Path, chance: random.Random) -> None:
    file = chance.choice(sorted(bundle.iterdir()))
    file.write_bytes(changed_bytes(file.read_bytes(), chance))


def _change_manifest(bundle: Path, chance: random.Random) -> None:
    value = json.loads((bundle / MANIFEST).read_text())
    value.pop("digest")
    (bundle / MANIFEST).write_bytes(sealed(changed_json(value, chance)))


def _change_name(bundle: Path, chance: random.Random) -> None:
    """What a name leads to is no longer a file, or another file."""
    file = chance.choice(sorted(bundle.iterdir()))
    kind = chance.randrange(6)
    if kind == 0:  # a link to the same bytes: right
        kept = bundle.with_name("kept")
        shutil.copyfile(file, kept)
        file.unlink()
        file.symlink_to(kept)
        return
    file.unlink()
    if kind == 1:
        os.mkfifo(file)
    elif kind == 2:
        file.mkdir()
    elif kind == 3:
        file.symlink_to(chance.choice(("/dev/zero", "/dev/stdin", "/proc/self/mem", file.name, "nowhere")))
    elif kind == 4:
        file.symlink_to(chance.choice([other for other in sorted(bundle.iterdir()) if other != file]))


def sealed(value: Any) -> bytes:
    """A manifest's bytes with the digest that belongs to them."""
    if not isinstance(value, dict):
        return canonical(value)
    return canonical({**value, "digest": hashlib.sha256(canonical(value)).hexdigest()})


def canonical(value: Any) -> bytes:
    """JSON as a manifest has it."""
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode("ascii")
