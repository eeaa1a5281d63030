"""python -m export.triton: make a model repository that tritonserver loads as it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from export.staging import unchanged
from export.triton.repository import Serving, write_repository
from runtime.bundle.certificate import AUTO, Device, Precision, Wanted
from runtime.command_line import Parser, add_trust, count, run

PROG = "python -m export.triton"


def main(arguments: Sequence[str]) -> int:
    """Write the repository, whole or not at all, and say what is in it."""
    options = _parser().parse_args(arguments)
    serving = Serving(
        wanted=Wanted(backend=options.backend, precision=options.precision, device=options.device),
        threads=options.threads,
        instances=options.instances,
        allow_uncertified=options.allow_uncertified,
        profile=options.profile,
        limited=options.limited_evidence,
        public_key=options.require_signature,
    )
    # Where we cannot write beside the bundle there is no lock: the copy is held against the digests in any case.
    with unchanged(options.bundle) as place:
        for line in write_repository(place, options.output, serving):
            print(line)
    return 0


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Make a Triton model repository of a bundle.")
    parser.add_argument("bundle", type=Path, help="the bundle's folder")
    parser.add_argument("--output", type=Path, required=True, help="the repository; one that was made here is replaced")
    parser.add_argument("--backend", default=AUTO, help="that the model `ner` runs on (%(default)s)")
    parser.add_argument("--precision", default=AUTO, choices=(AUTO, *get_args(Precision)), help="of it (%(default)s)")
    parser.add_argument("--device", default=AUTO, choices=(AUTO, *get_args(Device)), help="of it (%(default)s)")
    parser.add_argument("--threads", type=count, default=0, help="CPUs of one instance (all)")
    parser.add_argument("--instances", type=count, default=1, help="instances of `ner` (%(default)s)")
    parser.add_argument("--profile", default="", help="of the bundle, as python -m export.tune made it")
    add_trust(parser, "trust")
    return parser


if __name__ == "__main__":
    run(main, PROG)
