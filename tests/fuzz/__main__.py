"""python -m tests.fuzz [--cases N] [--jobs N] [--minutes N] [--seed N] [--file FILE] [--kind NAME [--case N]]

A million changed things, each of which must be refused in one line or answered rightly. A campaign that was ended goes
on where it was; --kind and --case make one case again, here and with its traceback.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

# Before numpy and tokenizers are loaded: a process that will fork must have no threads.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}

from tests.fuzz.campaign import Campaign, table
from tests.fuzz.kind import chance_of, outcome_of
from tests.fuzz.kinds import KINDS


def main() -> int:
    """Run the campaign; the exit status is 1 if there was a finding."""
    options = _parser().parse_args()
    kinds = [kind for kind in KINDS if not options.kind or kind.name in options.kind]
    if options.case >= 0:
        with tempfile.TemporaryDirectory() as folder:
            print(outcome_of(kinds[0].open(Path(folder)), chance_of(options.seed, kinds[0].name, options.case)))
        return 0
    options.file.parent.mkdir(parents=True, exist_ok=True)
    campaign = Campaign(kinds, cases=options.cases, seed=options.seed, file=options.file)
    try:
        campaign.run(jobs=options.jobs, seconds=60 * options.minutes)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on")
    print(table(campaign.counts))
    found = sum(counts.findings for counts in campaign.counts.values())
    if found:
        print(f"{found:,} findings: {campaign.findings}; make one again with --seed, --kind and --case")
    return 1 if found else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--cases", type=int, default=1_000_000, help="of all kinds together (1,000,000)")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes (one a CPU)")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="after which it stops; it can go on later")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--file", type=Path, default=Path("build/fuzz.json"), help="keeps how far it has come")
    names = [kind.name for kind in KINDS]
    parser.add_argument("--kind", choices=names, action="append", help="this kind alone; may be given again")
    parser.add_argument("--case", type=int, default=-1, help="make this case of --kind again, and nothing else")
    return parser


if __name__ == "__main__":
    sys.exit(main())
