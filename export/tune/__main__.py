"""python -m export.tune BUNDLE: measure its candidates on this machine, or search for a profile; see the package."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from export.report.ending import report, show_table
from export.report.write import check_reports, outcomes_of
from export.staging import exclusive
from export.tune.frontier import check_picture, draw, table_of
from export.tune.journal import Journal
from export.tune.options import PROG, parse, wish_of
from export.tune.search import Found, Search, Tried, said, set_ups
from export.tune.speeds import machine, tell_speeds, tuned
from export.tune.texts import made_texts, texts_of
from export.tune.trial import measured_apart
from export.tune.wish import accuracy
from runtime.bundle.profile import RunProfile
from runtime.bundle.store import TOKENIZER, Bundle, open_bundle, seal
from runtime.command_line import run
from runtime.errors import BundleError
from runtime.screen.display import note, stage, table
from runtime.screen.opening import screen

# So many set-ups are shown and drawn.
_SHOWN = 12
# Texts below which one of them is the slowest hundredth.
_FEW = 100


def main(arguments: Sequence[str]) -> int:
    """Measure, seal, and say what the runtime will take from now on."""
    options = parse(arguments)
    command = _drop if options.drop else _profile if options.searches else _tune
    with screen(verbose=options.verbose), exclusive(options.bundle) as place:
        return command(options, place)


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
    bundle, wish = open_bundle(place), wish_of(options)
    check_reports(place)
    name = options.profile or wish.goal
    profiles = set_ups(bundle, wish, name=name, threads=options.threads, machine=machine("cpu", options.threads))
    texts = texts_of(options.texts) if options.texts else made_texts(bundle.file(TOKENIZER))
    beside = options.bundle.resolve()
    picture = options.picture or beside.with_name(f"{beside.name}.{name}.svg")
    check_picture(picture, place)
    journal = Journal(beside.with_name(f"{beside.name}.tuning.jsonl"), bundle)
    if journal:
        note(f"goes on with {len(journal)} trials of a search that was interrupted, as far as they fit")
    search = Search(bundle, wish, texts, measure=measured_apart, journal=journal, seconds=60 * options.minutes,
                    clock=time.perf_counter)  # fmt: skip
    found = search.among(profiles)
    if not found.tried:
        raise BundleError(str(options.bundle), f"every trial failed; the last: {found.failure}", "try other texts")
    table(table_of(found.tried[:_SHOWN], bundle, wish))
    if draw(found.tried[:_SHOWN], bundle, wish, picture):
        note(f"picture: {picture}")
    journal.end()
    _tell_time(found)
    best = found.tried[0]
    if not wish.fulfilled(best.trial):
        note("nothing is as wished, and the bundle is as it was; the first row comes nearest", tone="bad")
        return 1
    _write(place, bundle, best)
    note(f"profile {name}: {said(best.profile)}; open it with profile={name!r} or --profile {name}", tone="good")
    return 0


def _tell_time(found: Found) -> None:
    """Say where the search knows less than it would like to."""
    if not found.is_whole:
        untried = f", and {found.untried} set-ups had none at all" if found.untried else ""
        note(f"time was up before all that may win had their longest trial{untried}; --minutes gives more", tone="bad")
    texts = found.tried[0].trial.texts
    if 0 < texts < _FEW:
        note(f"the p99 of the first row is that of {texts} texts, and so hardly more than the slowest one", tone="bad")


def _write(place: Path, bundle: Bundle, best: Tried) -> None:
    trial = best.trial
    # At full speed no single text is timed.
    times = {"p50_ms": round(trial.p50_ms, 3), "p99_ms": round(trial.p99_ms, 3)} if trial.texts else {}
    measured = {
        **times,
        "texts_per_second": round(trial.texts_per_second, 1),
        "memory_bytes": trial.memory_bytes,
    }
    made: RunProfile = replace(best.profile, measured={**measured, **accuracy(bundle, best.profile)})
    others = tuple(one for one in bundle.manifest.profiles if one.name != made.name)
    _seal(place, bundle, (*others, made))


def _drop(options: Namespace, place: Path) -> int:
    """Remove a profile from the bundle."""
    bundle = open_bundle(place)
    dropped = bundle.profile(options.drop)
    check_reports(place)
    _seal(place, bundle, tuple(one for one in bundle.manifest.profiles if one != dropped))
    note(f"profile {dropped.name} is dropped")
    return 0


def _seal(place: Path, bundle: Bundle, profiles: tuple[RunProfile, ...]) -> None:
    """Seal the bundle with these profiles. Its report tells of a manifest, and so is written anew."""
    outcomes = outcomes_of(bundle)
    changed = replace(bundle, manifest=replace(bundle.manifest, profiles=profiles))
    seal(place, changed.manifest)
    report(changed, outcomes)


if __name__ == "__main__":
    run(main, PROG)
