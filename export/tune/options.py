"""The options of `python -m export.tune`, their units, and what a user wishes by them."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from export.tune.wish import Wish
from runtime.bundle.profile import is_profile_name
from runtime.command_line import Parser, count
from runtime.errors import UsageError
from runtime.screen.opening import add_verbose
from runtime.system.libraries import available_threads

PROG = "python -m export.tune"
_TIMES = {"us": 0.001, "ms": 1.0, "s": 1000.0}
_RATES = {"/s": 1.0, "/min": 1 / 60, "/h": 1 / 3600}
_SIZES = {
    **{"B": 1.0, "KB": 10.0**3, "MB": 10.0**6, "GB": 10.0**9},
    **{f"{unit}{byte}": 2.0**power for unit, power in (("Ki", 10), ("Mi", 20), ("Gi", 30)) for byte in ("B", "")},
}
# Texts a second: a hundred times what a process answers on any CPU so far, and few enough to be counted out.
_MOST_A_SECOND = 100_000
# Minutes of a search that is begun without saying how many.
_MINUTES = 2.5
_SEARCHES = ("goal", "p99", "at", "f1_floor", "memory", "texts", "profile", "minutes", "picture")


def parse(arguments: Sequence[str]) -> Namespace:
    """The options; `searches` says whether a profile is wanted, and `minutes` has its default.

    Raises:
        UsageError: some are wrong, or contradict each other.
    """
    options = _parser().parse_args(arguments)
    # Each option about a profile asks for one: without an effect, a user would believe that it has one.
    options.searches = any(getattr(options, name) for name in _SEARCHES)
    options.minutes = options.minutes or _MINUTES
    if options.p99 and not options.at:
        raise UsageError("--p99", "given without --at", "say how many texts come: --at 100/s")
    if options.searches and options.model:
        raise UsageError("--model", "a search for a profile does not measure the checkpoint", "leave it out")
    if options.drop and (options.searches or options.model):
        raise UsageError("--drop", "given with other options", "drop the profile by itself")
    if options.profile and not is_profile_name(options.profile):
        fix = "give lower-case letters, digits and hyphens, 40 at most"
        raise UsageError("--profile", f"{options.profile[:60]!r} is no name for a profile", fix)
    return options


def wish_of(options: Namespace) -> Wish:
    """What a profile is to keep."""
    each: Literal["throughput", "latency"] = "latency" if options.p99 or options.at else "throughput"
    return Wish(
        goal=options.goal or each, p99_ms=options.p99, rate=options.at, f1=options.f1_floor, memory_bytes=options.memory
    )


def _number(units: Mapping[str, float], what: str, *, least: float, most: float) -> Callable[[str], float]:
    """A type of option: a number with one of these units, whose letters may be of any case."""
    factors = {unit.upper(): factor for unit, factor in units.items()}

    def parse_one(text: str) -> float:
        found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*([A-Za-z/]*)", text)
        factor = factors.get(found[2].upper()) if found else None
        if not found or factor is None:
            raise ArgumentTypeError(f"{text!r} is not {what} (units: {', '.join(units)})")
        value = float(found[1]) * factor
        if not least <= value <= most:
            raise ArgumentTypeError(f"{text!r} is too {'small' if value < least else 'large'}")
        return value

    return parse_one


def _plain(what: str, *, most: float) -> Callable[[str], float]:
    """A type of option: a plain number above 0."""

    def parse_one(text: str) -> float:
        is_number = re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,15})?", text)
        if not is_number or not 0 < float(text) <= most:
            raise ArgumentTypeError(f"{text!r} is not {what}")
        return float(text)

    return parse_one


_milliseconds = _number(_TIMES, "a time, such as 20ms", least=0.001, most=3.6e6)
_rate = _number(_RATES, "a rate, such as 100/s", least=1e-4, most=_MOST_A_SECOND)
_bytes = _number(_SIZES, "a size, such as 1GiB", least=1, most=2.0**50)


def _whole_bytes(text: str) -> int:
    return int(_bytes(text))


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
    search_for = parser.add_argument_group("a profile", "each of these options but the last asks for a search")
    search_for.add_argument(
        "--goal",
        choices=("throughput", "latency"),
        help="many texts, or each single one (latency where a load is given, else throughput)",
    )
    in_time = "99 of 100 texts are answered within this time from the moment they were due"
    search_for.add_argument("--p99", type=_milliseconds, default=0.0, metavar="20ms", help=in_time)
    load = "load: so many texts come, at random moments (Poisson); /min and /h are understood, too"
    search_for.add_argument("--at", type=_rate, default=0.0, metavar="100/s", help=load)
    floor = "least F1 of a certificate"
    share = _plain("an F1 above 0, at most 1", most=1)
    search_for.add_argument("--f1-floor", type=share, default=0.0, metavar="0.90", help=floor)
    memory = "largest memory of the process, at its first start, too"
    search_for.add_argument("--memory", type=_whole_bytes, default=0, metavar="1GiB", help=memory)
    search_for.add_argument("--texts", type=Path, metavar="FILE", help="your own texts, one a line (generated ones)")
    search_for.add_argument("--profile", default="", metavar="NAME", help="name of the profile (the goal)")
    minutes = f"after which no trial begins ({_MINUTES})"
    most = _plain("a number of minutes above 0", most=100_000)
    search_for.add_argument("--minutes", type=most, default=0.0, metavar="NUMBER", help=minutes)
    search_for.add_argument(
        "--picture", type=Path, metavar="FILE", help="SVG of time or speed against memory (beside the bundle)"
    )
    search_for.add_argument("--drop", default="", metavar="NAME", help="remove a profile from the bundle, by itself")
