"""python -m export.tune BUNDLE: measure its candidates on this machine, or search for a profile; see the package."""

from __future__ import annotations

import re
import time
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from export.report.ending import report, show_table
from export.report.write import check_reports, outcomes_of
from export.staging import exclusive
from export.tune.frontier import check_picture, draw, table_of
from export.tune.search import Journal, Tried, said, search, set_ups
from export.tune.speeds import machine, tell_speeds, tuned
from export.tune.texts import made_texts, texts_of
from export.tune.trial import measured_apart
from export.tune.wish import Wish, accuracy
from runtime.bundle.profile import RunProfile, is_profile_name
from runtime.bundle.store import TOKENIZER, Bundle, open_bundle, seal
from runtime.command_line import Parser, count, run
from runtime.errors import BundleError, UsageError
from runtime.screen.display import note, stage, table
from runtime.screen.opening import add_verbose, screen
from runtime.system.libraries import available_threads

PROG = "python -m export.tune"
# So many set-ups are shown and drawn.
_SHOWN = 12
_UNITS = {"B": 1, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "KB": 10**3, "MB": 10**6, "GB": 10**9}


def main(arguments: Sequence[str]) -> int:
    """Measure, seal, and say what the runtime will take from now on."""
    options = _parser().parse_args(arguments)
    is_search = options.goal or options.p99 or options.at or options.f1_floor or options.memory or options.texts
    if options.p99 and not options.at:
        raise UsageError("--p99", "given without --at", "say how many texts come: --at 100/s")
    with screen(verbose=options.verbose), exclusive(options.bundle) as place:
        return _profile(options, place) if is_search else _tune(options, place)


def _tune(options: Namespace, place: Path) -> int:
    bundle = open_bundle(place)
    check_reports(place)
    checkpoint = Path(options.model or bundle.manifest.checkpoint.name)
    if not checkpoint.is_dir():
        note(f"not measured: the checkpoint in PyTorch, since {checkpoint} is no folder; give it with --model")
    with stage("tune"):
        speeds = tuned(bundle, threads=options.threads, checkpoint=checkpoint)
    if not speeds:
        problem = "no certified candidate that this machine can run"
        raise BundleError(str(options.bundle), problem, "certify it with `python -m export.certify`")
    outcomes = outcomes_of(bundle)
    tuned_bundle = replace(bundle, manifest=replace(bundle.manifest, speeds=speeds))
    seal(place, tuned_bundle.manifest)
    tell_speeds(tuned_bundle)
    show_table(report(tuned_bundle, outcomes), options.bundle)
    return 0


def _profile(options: Namespace, place: Path) -> int:
    """Search, show what was found, and seal the best into the bundle as a profile; 1 where nothing is as wished."""
    bundle, wish = open_bundle(place), _wish(options)
    name = options.profile or wish.goal
    if not is_profile_name(name):
        raise UsageError("--profile", f"{name!r}", "give lower-case letters, digits and hyphens, 40 at most")
    profiles = set_ups(bundle, wish, name=name, threads=options.threads, machine=machine("cpu", options.threads))
    if not profiles:
        raise BundleError(
            str(options.bundle), "no certified candidate runs here and is so accurate", "lower --f1-floor"
        )
    texts = texts_of(options.texts) if options.texts else made_texts(bundle.file(TOKENIZER))
    beside = options.bundle.resolve()
    picture = options.picture or beside.with_name(f"{beside.name}.{name}.svg")
    check_picture(picture, place)
    journal = Journal(beside.with_name(f"{beside.name}.tuning.jsonl"), bundle)
    seconds = 60 * options.minutes
    found = search(bundle, wish, profiles, texts, measure=measured_apart, journal=journal, seconds=seconds,
                   clock=time.perf_counter)  # fmt: skip
    if not found:
        raise BundleError(str(options.bundle), "every trial failed", "run it with --verbose, which says why")
    _show(found[:_SHOWN], bundle, wish, picture)
    journal.end()
    best = found[0]
    if not wish.fulfilled(best.trial):
        note("nothing is as wished, and the bundle is as it was; the first row comes nearest", tone="bad")
        return 1
    _write(place, bundle, best)
    note(f"profile {name}: {said(best.profile)}; open it with profile={name!r} or --profile {name}", tone="good")
    return 0


def _show(found: Sequence[Tried], bundle: Bundle, wish: Wish, picture: Path) -> None:
    table(table_of(found, bundle, wish))
    if draw(found, bundle, wish, picture):
        note(f"picture: {picture}")


def _write(place: Path, bundle: Bundle, best: Tried) -> None:
    trial = best.trial
    measured = {
        "p50_ms": round(trial.p50_ms, 3),
        "p99_ms": round(trial.p99_ms, 3),
        "texts_per_second": round(trial.texts_per_second, 1),
        "memory_bytes": trial.memory_bytes,
    }
    made: RunProfile = replace(best.profile, measured={**measured, **accuracy(bundle, best.profile)})
    others = tuple(one for one in bundle.manifest.profiles if one.name != made.name)
    seal(place, replace(bundle.manifest, profiles=(*others, made)))


def _wish(options: Namespace) -> Wish:
    each: Literal["throughput", "latency"] = "latency" if options.p99 or options.at else "throughput"
    return Wish(
        goal=options.goal or each, p99_ms=options.p99, rate=options.at, f1=options.f1_floor, memory_bytes=options.memory
    )


def _number(pattern: str, what: str, factor: Callable[[str], float]) -> Callable[[str], float]:
    """A type of option: a number with a unit."""

    def parse(text: str) -> float:
        found = re.fullmatch(rf"(\d+(?:\.\d+)?)\s*({pattern})", text, re.IGNORECASE)
        if not found or not float(found[1]):
            raise ArgumentTypeError(f"{text!r} is not {what}")
        return float(found[1]) * factor(found[2].upper())

    return parse


_milliseconds = _number("ms|s", "a time, such as 20ms", lambda unit: 1.0 if unit == "MS" else 1000.0)
_rate = _number("/s", "a rate, such as 100/s", lambda unit: 1.0)
_bytes = _number("|".join(_UNITS), "a size, such as 1GiB", lambda unit: float(_UNITS[unit]))


def _parser() -> Parser:
    parser = Parser(
        prog=PROG,
        description="Measure the candidates of a bundle on this machine. With a goal or a bound, search for the set-up "
        "that keeps it at the least cost, and write it into the bundle as a profile.",
    )
    parser.add_argument("bundle", type=Path, help="folder that export made")
    parser.add_argument("--model", default="", help="the checkpoint's folder, if it is not where the manifest says")
    parser.add_argument("--threads", type=count, default=available_threads(), help="CPUs to use (all)")
    _add_profile(parser)
    add_verbose(parser)
    return parser


def _add_profile(parser: Parser) -> None:
    search_for = parser.add_argument_group("a profile")
    search_for.add_argument(
        "--goal",
        choices=("throughput", "latency"),
        help="many texts, or each single one (latency where a load is given, else throughput)",
    )
    in_time = "99 of 100 texts are answered within this time from the moment they were due"
    search_for.add_argument("--p99", type=_milliseconds, default=0.0, metavar="20ms", help=in_time)
    load = "load: so many texts come, at random moments (Poisson)"
    search_for.add_argument("--at", type=_rate, default=0.0, metavar="100/s", help=load)
    search_for.add_argument("--f1-floor", type=float, default=0.0, metavar="0.90", help="least F1 of a certificate")
    search_for.add_argument(
        "--memory", type=lambda text: int(_bytes(text)), default=0, metavar="1GiB", help="largest memory of the process"
    )
    search_for.add_argument("--texts", type=Path, metavar="FILE", help="your own texts, one a line (generated ones)")
    search_for.add_argument("--profile", default="", metavar="NAME", help="name of the profile (the goal)")
    search_for.add_argument("--minutes", type=float, default=2.5, help="after which no trial begins (%(default)s)")
    search_for.add_argument(
        "--picture", type=Path, metavar="FILE", help="SVG of time or speed against memory (beside the bundle)"
    )


if __name__ == "__main__":
    run(main, PROG)
