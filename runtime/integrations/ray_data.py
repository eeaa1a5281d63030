"""Many machines tag a large job: python -m runtime.integrations.ray_data INPUT... --output DIR --bundle BUNDLE.

Ray Data hands the parts of a job (runtime.integrations.ray_parts) to actors, starts those anew that die, and gives
their parts out once more. Without --address it runs embedded, on this machine. The same command again goes on where the
last one stopped, whatever stopped it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.bundle.store import LARGEST_MANIFEST, MANIFEST, Bundle, open_bundle
from runtime.command_line import Parser, add_trust, count, run
from runtime.errors import BundleError
from runtime.integrations._open import Opening, not_installed
from runtime.integrations.ray_parts import Done, Format, Part, as_row, do_part, fingerprint, hold_to_plan, plan
from runtime.integrations.tag_batch import TagBatch
from runtime.system.files import read_regular
from runtime.system.libraries import available_threads

PROG = "python -m runtime.integrations.ray_data"
MEBIBYTE = 1 << 20
# Seconds between two lines of progress.
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What every actor must know.

    Attributes:
        bundle: the folder where the driver has the bundle.
        digest: of its manifest.
        output, form, column: of the parts; see runtime.integrations.ray_parts.
        opening: which candidate runs.
    """

    bundle: str
    digest: str
    output: str
    form: Format
    column: str
    opening: Opening


class PartTagger:
    """An actor: it opens the bundle once, and then does one part after another.

    Args:
        job: see Job.
        files: the bundle's files by name, in Ray's store, for nodes that do not have them; none where Ray is embedded.
    """

    def __init__(self, job: Job, files: Any = None) -> None:
        self._job, opening = job, job.opening
        place = on_this_node(Path(job.bundle), job.digest, files)
        self._tagger = TagBatch(
            place,
            column=job.column,
            backend=opening.backend,
            precision=opening.precision,
            device=opening.device,
            threads=opening.threads,
            allow_uncertified=opening.allow_uncertified,
            limited=opening.limited,
            profile=opening.profile,
        )
        # The driver has asked for the signature of this very manifest; what lies here may be another one, well sealed.
        if manifest_digest(place) != job.digest:
            problem = "another bundle than the one that the job began with"
            raise BundleError(str(place), problem, "give every node the same, or start the job anew")

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Ray's batch of parts; what came of each."""
        names = ("number", "group", "start", "stop")
        parts = [
            Part(shard=str(shard), **{name: int(batch[name][row]) for name in names})
            for row, shard in enumerate(batch["shard"])
        ]
        job = self._job
        done = [as_row(do_part(part, self._tagger, Path(job.output), job.form, job.column)) for part in parts]
        return {key: [each[key] for each in done] for key in done[0]}


def on_this_node(bundle: Path, digest: str, files: Any) -> Path:
    """The bundle's folder on this node: where the driver has it, or a copy from Ray's store, one for all actors.

    Args:
        bundle: where the driver has it.
        digest: of its manifest; another bundle at that place is not it.
        files: see PartTagger.
    """
    if files is None or ((bundle / MANIFEST).is_file() and manifest_digest(bundle) == digest):
        return bundle
    import ray

    target = Path(tempfile.gettempdir()) / f"nerve-bundle-{digest[:16]}"
    if not target.exists():
        place = target.with_name(f"{target.name}.{uuid.uuid4().hex}")
        place.mkdir()
        for name, content in ray.get(files).items():
            (place / name).write_bytes(content)
        try:
            place.rename(target)
        except OSError:  # another actor was first; its copy is the same
            shutil.rmtree(place)
    return target


def manifest_digest(bundle: Path) -> str:
    """The sha256 of its manifest, which holds the digests of all else."""
    return hashlib.sha256(read_regular(bundle / MANIFEST, most=LARGEST_MANIFEST)).hexdigest()


def main(arguments: Sequence[str]) -> int:
    """Do what is left of the job. 0: all is done; 1: parts failed, and the same command tries them again."""
    options = _parser().parse_args(arguments)
    bundle = open_bundle(options.bundle, limited=options.limited_evidence, public_key=options.require_signature)
    parts = plan(options.inputs, part_bytes=options.part_mib * MEBIBYTE, part_rows=options.part_rows)
    if options.profile:
        bundle.profile(options.profile)  # here, and not first in an actor
    job = _job(options, bundle)
    told = {
        "inputs": fingerprint(options.inputs),
        "parts": len(parts),
        "bundle": job.digest,
        "column": job.column,
        "format": job.form,
        "candidate": f"{options.backend} {options.precision} {options.device} {options.profile}".rstrip(),
    }
    output = Path(job.output)
    hold_to_plan(output, told)
    left = [part for part in parts if not part.output(output, job.form).exists()]
    print(f"{len(parts)} parts, {len(parts) - len(left)} of them done before", file=sys.stderr)
    failed = _follow(_run(left, job, bundle, options), len(left)) if left else 0
    return 1 if failed else 0


def _job(options: Any, bundle: Bundle) -> Job:
    threads = options.threads or max(1, available_threads() // options.actors)
    opening = Opening(
        backend=options.backend,
        precision=options.precision,
        device="cuda" if options.gpus and options.device == "auto" else options.device,
        threads=threads,
        allow_uncertified=options.allow_uncertified,
        limited=options.limited_evidence,
        profile=options.profile,
    )
    return Job(
        bundle=str(bundle.path.resolve()),
        digest=manifest_digest(bundle.path),
        output=str(options.output.resolve()),
        form=options.format,
        column=options.column,
        opening=opening,
    )


def _run(parts: Sequence[Part], job: Job, bundle: Bundle, options: Any) -> Iterator[Done]:
    """What came of each part, as it comes, in no order.

    Raises:
        UsageError: Ray is not installed.
    """
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        raise not_installed(error, "ray") from error
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    if options.address:
        ray.init(address=options.address, log_to_driver=False)
    else:
        # Ray's CPUs are seats, and the actors' threads are given by us; two more seats are for what Ray does itself.
        ray.init(num_cpus=options.actors + 2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    ray.data.DataContext.get_current().enable_progress_bars = False
    files = ray.put(content_of(bundle)) if options.address else None
    try:
        done = ray.data.from_items([as_row(part) for part in parts], override_num_blocks=len(parts)).map_batches(
            PartTagger,
            fn_constructor_kwargs={"job": job, "files": files},
            batch_size=1,
            batch_format="numpy",
            compute=ray.data.ActorPoolStrategy(size=options.actors),
            num_cpus=job.opening.threads if options.address else 1,
            num_gpus=options.gpus or None,
        )
        for row in done.iter_rows():
            yield Done(**row)
    finally:
        ray.shutdown()


def content_of(bundle: Bundle) -> dict[str, bytes]:
    """Every file of a bundle, by name; what on_this_node unpacks."""
    return {name: bundle.file(name).read_bytes() for name in (MANIFEST, *bundle.manifest.files)}


def _follow(done: Iterator[Done], parts: int) -> int:
    """Say how far the job is, and at the end what it came to; returns how many parts failed."""
    begun = said = time.monotonic()
    documents = entities = errors = failed = 0
    for finished, each in enumerate(done, 1):
        documents, entities, errors = documents + each.documents, entities + each.entities, errors + each.errors
        if each.problem:
            failed += 1
            print(f"part {each.number} failed: {each.problem}", file=sys.stderr)
        if time.monotonic() - said > _PATIENCE:
            said = time.monotonic()
            rate = documents / (said - begun)
            print(f"{finished} of {parts} parts, {documents:,} documents, {rate:,.0f} a second", file=sys.stderr)
    seconds = time.monotonic() - begun
    print(
        f"{documents:,} documents, {entities:,} entities, {errors:,} documents with an error, {failed} parts failed, "
        f"{seconds:.1f} s",
        file=sys.stderr,
    )
    return failed


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Tag shards on many CPUs, GPUs or machines with Ray.")
    parser.add_argument(
        "inputs", nargs="+", type=Path, metavar="INPUT", help="JSONL, text or Parquet; files or folders"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the parts, on every node the same")
    parser.add_argument("--bundle", type=Path, required=True, help="the bundle's folder")
    parser.add_argument("--format", choices=("parquet", "jsonl"), default="parquet", help="of the parts (%(default)s)")
    parser.add_argument("--column", default="text", help="that holds the texts (%(default)s)")
    parser.add_argument("--actors", type=count, default=1, help="copies of the model (%(default)s)")
    parser.add_argument("--threads", type=count, default=0, help="CPUs of one actor (this machine's, shared out)")
    parser.add_argument("--gpus", type=float, default=0, help="GPUs of one actor (%(default)s)")
    parser.add_argument("--address", default="", help="of a Ray cluster; empty: Ray runs embedded")
    parser.add_argument("--part-mib", type=count, default=8, help="MiB of a part of JSONL or text (%(default)s)")
    parser.add_argument("--part-rows", type=count, default=50_000, help="rows of a part of Parquet (%(default)s)")
    parser.add_argument("--backend", default="auto", help="to run on (%(default)s)")
    parser.add_argument("--precision", default="auto", help="to compute in (%(default)s)")
    parser.add_argument("--device", default="auto", help="to run on (%(default)s)")
    parser.add_argument("--profile", default="", metavar="NAME", help="of the bundle, as python -m export.tune made it")
    add_trust(parser, "trust")
    return parser


if __name__ == "__main__":
    run(main, PROG)
