"""Change the mechanisms' code piece by piece, and count the changes that their tests notice.

    python -m tests.mutants [MODULE...] [--list] [--results FOLDER]

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


def main(arguments: Sequence[str]) -> int:
    """The exit status: 1 where the list of equivalent mutations is out of date."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.splitlines()[0])
    parser.add_argument("modules", metavar="MODULE", nargs="*", help="dotted name of a module; without any, all")
    parser.add_argument("--list", action="store_true", help="show the mutations, and run none")
    parser.add_argument("--results", type=Path, default=ROOT / "build" / "mutants", help="folder for what came of each")
    options = parser.parse_args(arguments)
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
        _run(module, tried, len(mutations) - len(tried), options.results)
    return 0


def _run(module: str, tried: Sequence[Mutation], same: int, results: Path) -> None:
    began = time.monotonic()
    known = know(module, SUBJECTS[module])
    fates: Counter[str] = Counter()
    results.mkdir(parents=True, exist_ok=True)
    with (results / f"{module}.jsonl").open("w", encoding="utf-8") as file:
        for one in tried:
            fate = _fate(module, one, known)
            fates[fate] += 1
            file.write(json.dumps({"fate": fate, "line": one.first, "was": one.was, "becomes": one.becomes}) + "\n")
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


def _equivalent(module: str) -> set[Change]:
    """Mutations of a module that change nothing, by the lines that differ."""
    listed = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["mutation"]
    return {(one["was"], one["becomes"]) for one in listed if one["module"] == module and one["why"]}


def _line(module: str, one: Mutation) -> str:
    return f"{module.replace('.', '/')}.py:{one.first}\n    - {one.was}\n    + {one.becomes}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
