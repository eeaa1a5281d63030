"""Change the mechanisms' code piece by piece, and count the changes that their tests notice.

    python -m tests.mutants [MODULE...] [--list] [--again] [--results FOLDER]

Of each module it prints the mutations that survive, and a row of the table of docs/reliability.md. Mutations that no
test can notice, since nothing behaves differently, are listed in equivalent.toml beside this file, each with its
reason; they are not run, and not counted. One that is listed and is not there any more is an error.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.mutants.mutations import Mutation, mutations_of
from tests.mutants.subjects import SUBJECTS
from tests.mutants.trial import ROOT, Known, fate_of, file_of, know

EQUIVALENT = Path(__file__).parent / "equivalent.toml"
Change = tuple[str, str]
Key = tuple[str, str, int]


def main(arguments: Sequence[str]) -> int:
    """The exit status: 1 where the list of equivalent mutations is out of date."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.splitlines()[0])
    parser.add_argument("modules", metavar="MODULE", nargs="*", help="dotted name of a module; without any, all")
    parser.add_argument("--list", action="store_true", help="show the mutations, and run none")
    parser.add_argument("--again", action="store_true", help="what was killed before counts as killed; the rest is run")
    parser.add_argument("--results", type=Path, default=ROOT / "build" / "mutants", help="folder for what came of each")
    options = parser.parse_args(arguments)
    if unknown := sorted({one["module"] for one in _listed()} - SUBJECTS.keys()):
        print(f"{EQUIVALENT.name} names modules that are not mutated: {', '.join(unknown)}")
        return 1
    for module in options.modules or SUBJECTS:
        mutations = list(mutations_of(file_of(module)))
        same = _equivalent(module)
        if missing := same - {(one.was, one.becomes) for one in mutations}:
            print(f"{module}: {EQUIVALENT.name} has what is not there: {sorted(missing)}")
            return 1
        if options.list:
            print(*(_line(module, one) for one in mutations), sep="\n")
            continue
        tried = [one for one in mutations if (one.was, one.becomes) not in same]
        options.results.mkdir(parents=True, exist_ok=True)
        results = options.results / f"{module}.jsonl"
        killed = _killed_before(results) if options.again else set()
        _run(module, tried, len(mutations) - len(tried), results, killed)
    return 0


def _run(module: str, tried: Sequence[Mutation], same: int, results: Path, killed: set[Key]) -> None:
    began = time.monotonic()
    known = know(module, SUBJECTS[module])
    fates: Counter[str] = Counter()
    keys = _keys([(one.was, one.becomes) for one in tried])
    # What is not run comes first, so that a run that is ended has lost nothing.
    with results.open("w", encoding="utf-8") as file:
        for key, one in sorted(zip(keys, tried), key=lambda pair: pair[0] not in killed):
            fate = "killed" if key in killed else _fate(module, one, known)
            fates[fate] += 1
            file.write(json.dumps({"fate": fate, "line": one.first, "key": key}) + "\n")
            file.flush()
            if fate in ("survived", "not reached"):
                print(f"{fate}: {_line(module, one)}", flush=True)
    caught = fates["killed"] + fates["timed out"]
    print(f"| `{module}` | {len(tried) + same} | {same} | {caught} | {caught / max(1, len(tried)):.1%} |", flush=True)
    of_tests = f"{len(known.seconds)} tests, {fates['not reached']} not reached, {fates['timed out']} timed out"
    print(f"  {time.monotonic() - began:.0f} s, {of_tests}", flush=True)


def _fate(module: str, one: Mutation, known: Known) -> str:
    tests = known.tests_of(one.first, one.last)
    return fate_of(module, one.source, tests, seconds=sum(known.seconds[test] for test in tests))


def _keys(changes: Sequence[Change]) -> list[Key]:
    """Each change with the number of changes before it that read the same."""
    seen: Counter[Change] = Counter()
    keys = []
    for change in changes:
        keys.append((*change, seen[change]))
        seen[change] += 1
    return keys


def _killed_before(results: Path) -> set[Key]:
    """What earlier results say was killed."""
    if not results.exists():
        return set()
    found = map(json.loads, results.read_text(encoding="utf-8").splitlines())
    return {tuple(one["key"]) for one in found if one["fate"] in ("killed", "timed out")}


def _equivalent(module: str) -> set[Change]:
    """Mutations of a module that change nothing, by the lines that differ."""
    return {(one["was"], one["becomes"]) for one in _listed() if one["module"] == module and one["why"]}


def _listed() -> list[dict[str, str]]:
    found: list[dict[str, str]] = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["mutation"]
    return found


def _line(module: str, one: Mutation) -> str:
    return f"{module.replace('.', '/')}.py:{one.first}\n    - {one.was}\n    + {one.becomes}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
