"""The steps of the GPU check, what matters most first: correctness, then speed, then tests and the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench.context import Bench, reference_of
from bench.gpu import bundles, jobs, models
from bench.gpu.check import GpuCheck, Step
from bench.gpu.host import host_speed, table
from bench.gpu.jobs import Answer
from bench.gpu.systems import gpu_specs
from bench.measure.jobs import Session
from bench.plan import Plan
from bench.run import main_workloads, run_bench
from bench.schema.result import Measured, Result, Row
from bench.systems.base import Failure, Setting
from bench.workloads.bert_large import Shape
from bench.workloads.subject import subject_of
from bench.workloads.texts import read_corpus, sentences_of
from runtime.bundle.store import Bundle, open_bundle

MINILM, LARGE, FP8 = "minilm", "bert-large", "minilm-fp8"
# What is asked of MiniLM's checkpoint while certificates are made.
ANSWERS = "minilm: the checkpoint's answers"


def steps_of(check: GpuCheck) -> list[Step]:
    """Return the steps of a check of that size, in order.

    bert-large's bundle takes a minute of one CPU. So it is begun first and made beside what times nothing, tests
    included, and MiniLM's checkpoint is asked meanwhile. No timing begins before both are done or given up, and
    bert-large's comes first: it matters most.
    """
    steps = [
        Step("backends", 60, lambda check, seconds: check.run(jobs.backends, seconds=seconds), ("environment",)),
        Step(f"{MINILM}: checkpoint", 120, _minilm, ("environment",)),
        Step(f"{MINILM}: bundle", 150, _minilm_bundle, (f"{MINILM}: checkpoint", "backends")),
        Step(f"{MINILM}: engines", 100, _engines(MINILM), (f"{MINILM}: bundle",)),
        Step("certify", 150, _certify, (f"{MINILM}: bundle",)),
        Step("attention kernels", 40, _attention, (f"{MINILM}: bundle",)),
        Step("tests", 40, lambda check, seconds: check.run(jobs.tests, seconds=seconds), ("environment",)),
        Step(f"{LARGE}: bundle", 300, _large_bundle, (f"{MINILM}: checkpoint", "backends")),
        Step(f"{LARGE}: engines", 200, _engines(LARGE), (f"{LARGE}: bundle",)),
        Step(f"{LARGE}: speed", 150, _speed(LARGE), (f"{LARGE}: bundle",)),
        Step(f"{MINILM}: speed", 150, _speed(MINILM), (f"{MINILM}: bundle",)),
    ]
    if check.size.thorough:
        steps.append(Step(f"{FP8}: speed", 150, _fp8, (f"{MINILM}: engines",)))
        steps.append(Step("host", 40, _host, (f"{MINILM}: bundle",)))
        steps.append(Step("export", 200, _export, (f"{MINILM}: checkpoint",)))
    return steps


ENVIRONMENT = Step("environment", 120, lambda check, seconds: check.run(jobs.environment, seconds=seconds))


def checkpoint_of(check: GpuCheck, model: str) -> Path:
    """Return the folder of a model's checkpoint; the user's own takes MiniLM's place."""
    own = check.checkpoint if model == MINILM else None
    return own or check.work / model / "checkpoint"


def corpus_of(check: GpuCheck) -> Path:
    """Return the folder of the corpus: the user's own, or the generated sample."""
    return check.corpus or check.work / "corpus"


def make_minilm(session: Session, checkpoint: Path, shape: Shape, corpus: Path, seconds: float, device: str) -> Answer:
    """Make MiniLM's checkpoint and train it for some seconds. A job."""
    models.make_checkpoint(checkpoint, shape, corpus)
    trained = models.train_briefly(checkpoint, corpus, seconds=seconds, device=device)
    return Answer([f"trained for {trained['steps']:.0f} steps, last loss {trained['loss']:.4f}"])


def make_corpus(session: Session, corpus: Path) -> Answer:
    """Write the generated sample. A job."""
    models.make_corpus(corpus)
    return Answer([])


def make_large(session: Session, folder: Path, shape: Shape, corpus: Path) -> Answer:
    """Make bert-large's checkpoint and bundle. A job.

    No text is run to look for overflow: random weights have no large activations, and a CPU takes long.
    """
    models.make_checkpoint(folder / "checkpoint", shape, corpus)
    return Answer(bundles.make_bundle(folder / "checkpoint", folder / "bundle", corpus, searched=0))


def make_bundle(session: Session, checkpoint: Path, bundle: Path, corpus: Path) -> Answer:
    """Make a bundle of a checkpoint. A job."""
    return Answer(bundles.make_bundle(checkpoint, bundle, corpus))


def add_engines(session: Session, bundle: Path) -> Answer:
    """Build TensorRT engines into a bundle. A job."""
    return Answer(bundles.add_engines(bundle))


def host(session: Session, bundle: Path, corpus: Path) -> Answer:
    """Say what the CPU reaches beside a GPU that answers at once: it bounds a small model. A job."""
    found = host_speed(open_bundle(bundle), sentences_of(read_corpus(corpus), 0, seed=0).raw, passes=5)
    return Answer([f"{what}: {figure}" for what, figure in table(found).rows])


def make_fp8(session: Session, bundle: Path, folder: Path, corpus: Path) -> Answer:
    """Make a bundle with an engine in fp8, where the GPU multiplies in it. A job.

    Raises:
        Failure: it does not.
    """
    from export.engines.bundle_engines import has_fp8
    from runtime.system.gpu import gpu

    here = gpu()
    if here is None or not has_fp8(here):
        raise Failure("this GPU does not multiply in fp8")
    return Answer([*bundles.make_fp8_bundle(bundle, folder, corpus), *bundles.add_engines(folder)])


def _minilm(check: GpuCheck, seconds: int) -> Answer:
    corpus = corpus_of(check)
    # Both models need its tokenizer and labels, so it comes before either.
    if check.corpus is None:
        check.run(make_corpus, corpus, seconds=seconds)
    shape, most = check.size.large_shape, check.left() - check.size.reserve
    check.begin(LARGE, lambda: check.run(make_large, check.work / LARGE, shape, corpus, seconds=most))
    if check.checkpoint is not None:
        return Answer(["the checkpoint that was given"])
    folder = checkpoint_of(check, MINILM)
    arguments = (folder, check.size.minilm_shape, corpus, check.size.training, check.device)
    return check.run(make_minilm, *arguments, seconds=seconds)


def _minilm_bundle(check: GpuCheck, seconds: int) -> Answer:
    bundle = check.work / MINILM / "bundle"
    return check.run(make_bundle, checkpoint_of(check, MINILM), bundle, corpus_of(check), seconds=seconds)


def _certify(check: GpuCheck, seconds: int) -> Answer:
    # The generated sample is too small for a full certificate; a corpus of one's own has to be enough.
    bundle, limited = check.work / MINILM / "bundle", check.corpus is None
    # Opened before certificates are written into it.
    bench = bench_of(check, MINILM, open_bundle(bundle), check.size.minilm, seconds)
    # Half of the CPUs, for others work meanwhile.
    bench = replace(bench, threads=max(1, check.threads // 2))
    check.begin(ANSWERS, lambda: reference_of(bench, main_workloads(bench)[1], check.result.notes))
    arguments = (bundle, checkpoint_of(check, MINILM), corpus_of(check), check.size.certified, limited)
    return check.run(jobs.certify, *arguments, seconds=seconds)


def _large_bundle(check: GpuCheck, seconds: int) -> Answer:
    if check.begun(ANSWERS):
        check.awaited(ANSWERS)
    made: Answer = check.awaited(LARGE)
    return made


def _attention(check: GpuCheck, seconds: int) -> Answer:
    return check.run(jobs.attention, check.work / MINILM / "bundle", seconds=seconds)


def _engines(model: str) -> Callable[[GpuCheck, int], Answer]:
    def built(check: GpuCheck, seconds: int) -> Answer:
        # Most machines do without TensorRT: that is no failure of theirs.
        if not jobs.is_there("tensorrt"):
            return Answer(["TensorRT is not installed"], installed=False)
        return check.run(add_engines, check.work / model / "bundle", seconds=seconds)

    return built


def _speed(model: str) -> Callable[[GpuCheck, int], Answer]:
    def measured(check: GpuCheck, seconds: int) -> Answer:
        plan = check.size.large if model == LARGE else check.size.minilm
        return measure(check, model, check.work / model / "bundle", plan, seconds)

    return measured


def _fp8(check: GpuCheck, seconds: int) -> Answer:
    bundle, folder = check.work / MINILM / "bundle", check.work / FP8
    said = check.run(make_fp8, bundle, folder, corpus_of(check), seconds=seconds)
    # Latency is left out: fp8 is for throughput, and the time is short.
    answer = measure(check, FP8, folder, replace(check.size.minilm, latency_words=()), seconds)
    return Answer([*said.lines, *answer.lines])


def _host(check: GpuCheck, seconds: int) -> Answer:
    return check.run(host, check.work / MINILM / "bundle", corpus_of(check), seconds=seconds)


def _export(check: GpuCheck, seconds: int) -> Answer:
    output = check.work / "exported"
    return check.run(jobs.export, checkpoint_of(check, MINILM), corpus_of(check), output, seconds=seconds)


def measure(check: GpuCheck, model: str, folder: Path, plan: Plan, seconds: int) -> Answer:
    """Measure a bundle's candidates and the baselines as any benchmark does, and add them to the check's result."""
    bundle = open_bundle(folder)
    bench = bench_of(check, model, bundle, plan, seconds)
    checkpoint, size = bench.subject.checkpoint, check.size
    specs = gpu_specs(bundle, checkpoint, threads=check.threads, device=check.device, fp32=size.fp32)
    # A search on each model takes a tenth of a short check.
    known = {} if size.thorough else searched(check.result)
    found = run_bench(replace(bench, specs=[replace(one, settings=known.get(one.name, one.settings)) for one in specs]))
    add(check.result, found, model)
    lines = [line for row in found.rows for line in _backend_alone(row, found.workloads[0])]
    lines += [f"{row.name}: {row.status}: {row.reason}" for row in found.rows if row.status != "measured"]
    lines += [f"{row.name}: {what}" for row in found.rows for what in row.incomplete]
    return Answer(lines, any(row.group == "nerve" and row.status == "measured" for row in found.rows))


def bench_of(check: GpuCheck, model: str, bundle: Bundle, plan: Plan, seconds: int) -> Bench:
    """Return the benchmark of a model, still without systems. MiniLM's answers are taken from who asked ahead."""
    checkpoint = checkpoint_of(check, MINILM if model == FP8 else model)
    ahead = model != LARGE and check.begun(ANSWERS)
    return Bench(
        specs=[],
        large=lambda: [],
        large_folder=check.work,
        subject=subject_of(bundle, checkpoint),
        corpus=read_corpus(corpus_of(check)),
        texts=None,
        plan=plan,
        threads=check.threads,
        scores=model != LARGE,
        start=check.bounded(seconds),
        expected=(lambda: check.awaited(ANSWERS)) if ahead else None,
        roofline=check.roofline,
    )


def searched(result: Result) -> dict[str, tuple[Setting]]:
    """Return the setting that a search found best for bert-large, by name of the system."""
    speeds = {row.name: row.on(LARGE) for row in result.rows}
    return {name: (_setting(speed.setting),) for name, speed in speeds.items() if speed and speed.search}


def _setting(found: list[int]) -> Setting:
    batch, streams, threads = found
    return Setting(batch, streams, threads)


def _backend_alone(row: Row, measured: Measured) -> list[str]:
    """Return a line with the speed of the backend without tokenizing and decoding, from the watched pass."""
    if not row.split.get("backend"):
        return []
    tokens = measured.tokens / row.split["backend"]
    roofline = measured.rooflines.get(row.precision)
    share = f", {tokens * measured.flops_per_token / roofline.median:.1%} of the roofline" if roofline else ""
    return [f"{row.name}: the backend alone computes {tokens:,.0f} tokens/s{share}"]


def add(whole: Result, part: Result, model: str) -> None:
    """Add a model's benchmark to the result. Workload and texts get its name; rows of one name are joined."""
    rows = {row.name: row for row in whole.rows}
    for row in part.rows:
        _name_after(row, model)
        known = rows.get(row.name)
        # A system that failed on one model may still run on the other.
        if known is None or known.status != "measured":
            whole.rows = [*(one for one in whole.rows if one.name != row.name), row]
        else:
            known.throughput += row.throughput
            known.accuracy += row.accuracy
            known.latency += row.latency
            known.incomplete += row.incomplete
            if row.status != "measured":
                known.incomplete.append(f"{model}: {row.status}: {row.reason}")
    for measured in part.workloads:
        measured.name = model
        if measured.checkpoint is not None:
            measured.checkpoint.workload = model
    whole.workloads += part.workloads
    whole.notes += [f"{model}: {note}" for note in part.notes]
    # The report's head and certificates are those of the model that was certified.
    if model == MINILM:
        whole.bundle, whole.checkpoint = part.bundle, part.checkpoint
        certificates = {row.name: row.certificate for row in part.rows}
        for row in whole.rows:
            row.certificate = certificates.get(row.name, row.certificate)


def _name_after(row: Row, model: str) -> None:
    for speed in row.throughput:
        speed.workload = model
    for right in row.accuracy:
        right.workload = model
    for latency in row.latency:
        latency.texts = f"{model}, {latency.texts}"
    row.incomplete = [f"{model}: {what}" for what in row.incomplete]
