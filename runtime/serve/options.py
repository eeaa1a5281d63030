"""The options of python -m runtime.serve, as one value. It imports no arrays and no server."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.bundle.certificate import AUTO, Wanted
from runtime.command_line import Parser, add_trust, count
from runtime.errors import UsageError
from runtime.serve.http.guards import Guard

PROG = "python -m runtime.serve"
# A lone sentence of up to 64 tokens has one of four shapes.
_SHAPES = 4
_EPILOG = """\
The API key is read from --api-key-file or from the environment variable NERVE_API_KEY. SIGTERM: readiness fails, what
was accepted is answered, exit status 0; a second signal ends at once. GET /openapi.json lists all routes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeRequest:
    """What the command line asks for; its help says what each option means."""

    bundle: Path
    host: str
    port: int
    name: str
    wanted: Wanted
    threads: int
    allow_uncertified: bool
    limited: bool
    public_key: Path | None
    reproducible: bool
    batch_tokens: int
    max_queued_tokens: int
    max_body_bytes: int
    max_texts: int
    max_characters: int
    deadline: float
    drain_notice: float
    drain_seconds: float
    idle_seconds: float
    api_key_file: Path | None
    key_for: tuple[Guard, ...]
    presidio_labels: tuple[tuple[str, str], ...]
    request_log: bool
    log_texts: bool
    shadow: Path | None
    shadow_share: float
    otlp: str
    profile: str = ""
    shapes: int = 0


def parse(arguments: Sequence[str]) -> ServeRequest:
    """What a command line asks for.

    Raises:
        UsageError: it is not understood, or contradicts itself.
    """
    given = parser().parse_args(arguments)
    if given.shadow is None and given.shadow_share is not None:
        raise UsageError("--shadow-share", "given without --shadow", "say which bundle is to be the shadow")
    return ServeRequest(
        bundle=given.bundle,
        host=given.host,
        port=given.port,
        name=given.name,
        wanted=Wanted(backend=given.backend, precision=given.precision, device=given.device, file=given.file),
        threads=given.threads,
        profile=given.profile,
        shapes=given.shapes,
        allow_uncertified=given.allow_uncertified,
        limited=given.limited_evidence,
        public_key=given.require_signature,
        reproducible=not given.not_reproducible,
        batch_tokens=given.batch_tokens,
        max_queued_tokens=given.max_queued_tokens,
        max_body_bytes=given.max_body_bytes,
        max_texts=given.max_texts,
        max_characters=given.max_characters,
        deadline=given.deadline,
        drain_notice=given.drain_notice,
        drain_seconds=given.drain_seconds,
        idle_seconds=given.idle_seconds,
        api_key_file=given.api_key_file,
        key_for=("compute", *given.key_for),
        presidio_labels=tuple(given.presidio_label),
        request_log=not given.no_request_log,
        log_texts=given.log_texts,
        shadow=given.shadow,
        shadow_share=0.1 if given.shadow_share is None else given.shadow_share,
        otlp=given.otlp,
    )


def parser() -> Parser:
    """The command line."""
    made = Parser(
        prog=PROG,
        description="Serve a bundle over HTTP.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_model(made)
    add_trust(made, "trust, in the shadow, too")
    _add_load(made)
    _add_access(made)
    _add_operations(made)
    return made


def _add_model(made: Parser) -> None:
    group = made.add_argument_group("model")
    group.add_argument("--bundle", type=Path, default=Path("build/bundle"), metavar="FOLDER", help="(%(default)s)")
    group.add_argument(
        "--name",
        type=_name,
        default="ner",
        help="of the model, in the paths of KServe, Triton and others (%(default)s)",
    )
    group.add_argument("--backend", default=AUTO, help="as of python -m runtime.tag (%(default)s)")
    group.add_argument("--precision", default=AUTO, help="as of python -m runtime.tag (%(default)s)")
    group.add_argument("--device", choices=("cpu", "cuda", AUTO), default=AUTO, help="(%(default)s)")
    group.add_argument("--file", default="", metavar="NAME", help="the bundle's graph or engine to run")
    group.add_argument("--threads", type=int, default=0, metavar="N", help="of the backend; 0: all CPUs (%(default)s)")
    group.add_argument("--profile", default="", metavar="NAME", help="of the bundle, as python -m export.tune made it")
    group.add_argument(
        "--shapes",
        type=_count_or_0,
        default=_SHAPES,
        metavar="N",
        help="copies of a small graph, each ready for one shape of batch (OpenVINO); 0: none (%(default)s)",
    )
    group.add_argument(
        "--not-reproducible",
        action="store_true",
        help="pack rows tighter: some percent faster, and a score's last digits may depend on what shared its batch",
    )
    group.add_argument(
        "--presidio-label",
        type=_pair,
        action="append",
        default=[],
        metavar="LABEL=NAME",
        help="Presidio's name of a label; without a name, it is left out there",
    )


def _add_load(made: Parser) -> None:
    group = made.add_argument_group("load")
    group.add_argument(
        "--batch-tokens",
        type=_count_or_0,
        default=0,
        metavar="N",
        help="of a full batch; small requests gather to twice as many; 0: the backend's",
    )
    group.add_argument(
        "--max-queued-tokens",
        type=_count_or_0,
        default=0,
        metavar="N",
        help="beyond it 429; 0: a full batch for each stream, or as many as are answered in 25 ms (%(default)s)",
    )
    group.add_argument("--max-body-bytes", type=count, default=8 << 20, metavar="N", help="also unpacked (%(default)s)")
    group.add_argument("--max-texts", type=count, default=20_000, metavar="N", help="of one request (%(default)s)")
    group.add_argument("--max-characters", type=count, default=1_000_000, metavar="N", help="of one text (%(default)s)")
    group.add_argument(
        "--deadline",
        type=_some_seconds,
        default=30.0,
        metavar="SECONDS",
        help="for an answer; a request may ask for less by X-Request-Timeout-Ms (%(default)s)",
    )
    group.add_argument(
        "--idle-seconds", type=_some_seconds, default=60.0, metavar="SECONDS", help="then a silent connection is closed"
    )


def _add_access(made: Parser) -> None:
    group = made.add_argument_group("access")
    group.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    group.add_argument("--port", type=int, default=8080, help="0: any that is free (%(default)s)")
    group.add_argument("--api-key-file", type=Path, metavar="FILE", help="holds the key; else NERVE_API_KEY does")
    # Else argparse would take it for short for the file's, and show the key as the name of a file that there is not.
    group.add_argument("--api-key", type=_no_key, help=argparse.SUPPRESS)
    group.add_argument(
        "--key-for",
        nargs="+",
        choices=("health", "metrics", "open"),
        default=[],
        help="more that needs the key: /health, /metrics, or the page with /info; routes that compute always do",
    )


def _add_operations(made: Parser) -> None:
    group = made.add_argument_group("operations")
    group.add_argument("--no-request-log", action="store_true", help="a line for none but requests that failed")
    group.add_argument("--log-texts", action="store_true", help="texts in the log, and in /shadow")
    group.add_argument(
        "--drain-notice", type=_seconds, default=1.0, metavar="SECONDS", help="not ready, and still taking requests"
    )
    group.add_argument(
        "--drain-seconds", type=_seconds, default=30.0, metavar="SECONDS", help="for what was accepted (%(default)s)"
    )
    group.add_argument(
        "--shadow", type=Path, metavar="FOLDER", help="a second bundle that answers a share of the texts"
    )
    group.add_argument("--shadow-share", type=_share, metavar="SHARE", help="of the texts, 0 to 1 (0.1)")
    group.add_argument("--otlp", default="", metavar="URL", help="where traces go; needs the extra otel")


def _seconds(value: str) -> float:
    try:
        if 0 <= float(value) < 1e6:
            return float(value)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{value!r} is not a number of seconds")


def _some_seconds(value: str) -> float:
    if seconds := _seconds(value):
        return seconds
    raise argparse.ArgumentTypeError(f"{value!r} leaves no time for anything")


def _count_or_0(value: str) -> int:
    return 0 if value == "0" else count(value)


def _no_key(_: str) -> str:
    raise argparse.ArgumentTypeError(
        "lists of processes show arguments; give the key by --api-key-file or NERVE_API_KEY"
    )


def _share(value: str) -> float:
    try:
        if 0 <= float(value) <= 1:
            return float(value)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{value!r} is not a share, 0 to 1")


def _name(value: str) -> str:
    if re.fullmatch(r"[\w-][\w.-]*", value, re.ASCII):
        return value
    raise argparse.ArgumentTypeError(f"{value!r} is no part of a path; take letters, digits, and _ - .")


def _pair(value: str) -> tuple[str, str]:
    label, equals, name = value.partition("=")
    if not label or not equals:
        raise argparse.ArgumentTypeError(f"{value!r} is not LABEL=NAME")
    return label, name
