"""python -m tests.fuzz.bundles [--cases N] [--seed N]: changed bundles, which must be refused or harmless.

A case changes a small, whole bundle at one place: bytes of any of its files, or a value anywhere in its manifest, which
is then sealed again as anybody can. The bundle is opened and asked. Allowed are one NerveError, and the answers of the
intact bundle. Everything else is a finding, and is printed with the number that makes it again.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from runtime.bundle.store import MANIFEST
from runtime.errors import NerveError
from runtime.tagger import Tagger
from tests.lookup import lookup_bundle

WORDS = {"Paris": "B-LOC", "Angela": "B-PER", "Merkel": "I-PER"}
TEXTS = ["Angela Merkel in Paris", "nobody", "Paris Paris"]
# What may stand where something else stood. Numbers at the edges of types, names that lead elsewhere, deep nests.
JUNK: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, 1e308, -0.0, 0.5, "", "0", "O", "..", "../x", "/etc/passwd"),
    *(
        "a\0b",
        "\ud800",
        "x" * 5_000,
        [],
        {},
        [[]],
        [None],
        {"": 0},
        {"file": "x"},
        "padded-fp32.onnx",
        "fp16",
        "openvino",
    ),
    json.loads("[" * 200 + "]" * 200),
)


def case(number: int, seed: int, intact: Path, place: Path) -> str:
    """The outcome of one case: "refused", "harmless", or a finding.

    Args:
        number, seed: which case it is.
        intact: a whole bundle, which is left alone.
        place: a folder that may be written.
    """
    chance = random.Random(f"{seed} {number}")
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(intact, place)
    (change_manifest if chance.random() < 0.7 else change_bytes)(place, chance)
    try:
        with Tagger.open(place, threads=1) as tagger:
            found = tagger.tag(TEXTS)
    except NerveError as error:
        return "refused" if "\n" not in str(error) else f"more than one line: {error!r}"
    except BaseException as error:  # whatever it is, it is a finding
        return f"{type(error).__name__}: {error}"[:200]
    return "harmless" if found == answers(intact) else f"other answers: {found}"


def answers(intact: Path) -> Any:
    """What the intact bundle says."""
    if intact not in _ANSWERS:
        with Tagger.open(intact, threads=1) as tagger:
            _ANSWERS[intact] = tagger.tag(TEXTS)
    return _ANSWERS[intact]


_ANSWERS: dict[Path, Any] = {}


def change_bytes(bundle: Path, chance: random.Random) -> None:
    """Flip, cut, add or repeat bytes of a file; nothing is sealed again."""
    file = chance.choice(sorted(bundle.iterdir()))
    raw = bytearray(file.read_bytes())
    at = chance.randrange(len(raw))
    kind = chance.randrange(4)
    if kind == 0:
        raw[at] ^= 1 << chance.randrange(8)
    elif kind == 1:
        del raw[at:]
    elif kind == 2:
        raw[at:at] = chance.randbytes(chance.randrange(1, 40))
    else:
        raw += raw[at:]
    file.write_bytes(raw)


def change_manifest(bundle: Path, chance: random.Random) -> None:
    """Change, remove or add a value anywhere in the manifest, and seal it again."""
    value = json.loads((bundle / MANIFEST).read_text())
    del value["digest"]
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        _change(value, chance)
    sealed = {**value, "digest": hashlib.sha256(_canonical(value)).hexdigest()}
    (bundle / MANIFEST).write_bytes(_canonical(sealed))


def _change(value: Any, chance: random.Random) -> None:
    parents = [value]
    for parent in parents:
        inner = parent.values() if isinstance(parent, dict) else parent
        parents += [each for each in inner if isinstance(each, dict | list) and each]
    parent = chance.choice(parents)
    keys = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
    key, kind = chance.choice(keys), chance.randrange(8)
    if kind == 0:
        del parent[key]
    elif kind == 1 and isinstance(parent, list):
        parent.append(copy.deepcopy(parent[key]))
    elif kind == 1:
        parent[f"{key}2"] = copy.deepcopy(parent[key])
    else:
        parent[key] = copy.deepcopy(chance.choice(JUNK))


def _canonical(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode("ascii")


def run(cases: int, seed: int, folder: Path) -> Counter[str]:
    """Outcomes by kind; findings are printed as they come."""
    intact, outcomes = lookup_bundle(folder / "intact", WORDS), Counter[str]()
    for number in range(cases):
        outcome = case(number, seed, intact, folder / "changed")
        if outcome not in ("refused", "harmless"):
            print(f"case {number} of seed {seed}: {outcome}", flush=True)
            outcome = "finding"
        outcomes[outcome] += 1
    return outcomes


def main() -> int:
    """Run the campaign; the exit status is 1 if there was a finding."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.bundles")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcomes = run(options.cases, options.seed, Path(folder))
    print(json.dumps({"cases": options.cases, "seed": options.seed, **outcomes}))
    return 1 if outcomes["finding"] else 0


if __name__ == "__main__":
    sys.exit(main())
