"""Nerve's candidates: every certified one of a bundle, opened as its users open it.

To see where its time goes, a Tagger is given an encoder and a backend that note when they were called. The time between
these moments is the rest of its work. Nothing of the runtime is changed for that.
"""

from __future__ import annotations

import functools
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.measure.jobs import settled
from bench.systems.base import Setting, Span, Spec, Split
from runtime.batch.windowing import DEFAULT_WINDOWING, Policy, Windowing
from runtime.bundle.store import CONFIG, MANIFEST, TOKENIZER, Bundle, Candidate, Certificate
from runtime.selection import choose, runnable

if TYPE_CHECKING:
    from bench.measure.jobs import Session
    from runtime.tagger import Tagger

PREFIX = "nerve-"
POLICIES: tuple[Policy, ...] = ("sentences", "context", "windows")
STAGES = ("tokenize", "pack", "backend", "decode")
# Most passes that are watched, of which the last one counts.
_PASSES = 3
# Texts that are given to a Tagger together in the load phase; it takes any number.
_LOAD_BATCH = 64
# The figures of a certificate that go into a row; export.certify says what each is.
_CERTIFIED = ("changed_per_10k", "f1_lost", "agreement", "words")


def nerve_specs(bundle: Bundle, *, threads: int) -> list[Spec]:
    """Return a Spec for every candidate with a certificate that vouches for it, in the order of the manifest."""
    passed, figures = _vouched(bundle), _figures(bundle)
    names = _names(bundle, [certificate.candidate for certificate in passed])
    return [
        replace(_spec(bundle.path, candidate, name, threads=threads, certified=True), certificate=figures[candidate])
        for candidate, name in names.items()
    ]


def reading_specs(bundle: Bundle, *, threads: int) -> list[Spec]:
    """Return a Spec for every way to read documents, of the candidate that Tagger.open takes by itself.

    They are measured on documents alone: a sentence is read in the same way by all of them.
    """
    chosen = choose(bundle)
    name = _names(bundle, [one.candidate for one in _vouched(bundle)])[chosen]
    plain = _spec(bundle.path, chosen, name, threads=threads, certified=True)
    found = []
    for policy in POLICIES:
        opener = functools.partial(
            open_nerve, bundle=bundle.path, candidate=chosen, certified=True, windowing=Windowing(policy=policy)
        )
        title = f"Nerve, reading {policy}, {chosen.file} on {chosen.backend}"
        found.append(replace(plain, name=f"{name}/{policy}", title=title, open=opener, workloads=("documents",)))
    return found


def _figures(bundle: Bundle) -> dict[Candidate, tuple[tuple[str, float | int | None], ...]]:
    """Return the figures of every certificate, passed or not."""
    certificates = bundle.manifest.certificates
    return {one.candidate: tuple((name, one.measured.get(name)) for name in _CERTIFIED) for one in certificates}


def _vouched(bundle: Bundle) -> list[Certificate]:
    """What did not pass the gate, or failed it later, is not served, so it is not measured either."""
    return [one for one in bundle.manifest.certificates if one.passed and one.candidate not in bundle.doubts]


def uncertified(specs: Sequence[Spec], bundle: Bundle, *, threads: int) -> list[Spec]:
    """Return the same candidates on a bundle with random weights, which no certificate can be had for."""
    wanted = {spec.name for spec in specs if spec.group == "nerve"}
    return [spec for spec in runnable_specs(bundle, threads=threads) if spec.name in wanted]


def runnable_specs(bundle: Bundle, *, threads: int, device: str = "cpu") -> list[Spec]:
    """Return a Spec for everything in a bundle that this machine can run on that device, certified or not."""
    candidates = [one for one in runnable(bundle) if one.device == device]
    # Names are made for this device alone, so that they stay short.
    names, figures = _names(bundle, candidates), _figures(bundle)
    specs = {one: _spec(bundle.path, one, names[one], threads=threads, certified=False) for one in candidates}
    return [replace(spec, certificate=figures.get(one, ())) for one, spec in specs.items()]


class Nerve:
    """A Tagger on a bundle.

    Attributes:
        goal: that the Tagger was opened with.

    Args:
        bundle: its folder.
        candidate: the one of its candidates to run.
        threads, goal, windowing: as for Tagger.open.
        certified: False runs a candidate without a certificate.
    """

    def __init__(
        self,
        bundle: Path,
        candidate: Candidate,
        *,
        threads: int,
        goal: Literal["throughput", "latency"],
        certified: bool,
        windowing: Windowing = DEFAULT_WINDOWING,
    ) -> None:
        # Imported in the process that runs it: the parent needs no backend.
        from runtime.tagger import Tagger

        self._bundle, self.goal = bundle, goal
        self._tagger = Tagger.open(
            bundle,
            candidate=candidate,
            threads=threads,
            goal=goal,
            windowing=windowing,
            allow_uncertified=not certified,
        )

    def tag(self, texts: Sequence[str]) -> Any:
        """See System."""
        return self._tagger.tag(texts)

    def spans(self, answer: Any) -> list[list[Span]]:
        """See System."""
        return [[(entity.label, entity.start, entity.end) for entity in found] for found in answer]

    def split(self, texts: Sequence[str]) -> Split:
        """See System."""
        from runtime.bundle.store import open_bundle

        opened = open_bundle(self._bundle)
        return split_of(
            opened.file(TOKENIZER),
            self._tagger.backend,
            opened.manifest.labels,
            max_length=self._tagger.max_length,
            vocabulary=opened.manifest.vocabulary,
            texts=texts,
        )

    @property
    def backend(self) -> Any:
        """The Tagger's."""
        return self._tagger.backend

    def on(self, backend: Any) -> Tagger:
        """Return a Tagger like this one on another backend."""
        from runtime.bundle.store import open_bundle
        from runtime.encode.tokenizer import Encoder
        from runtime.tagger import Tagger

        opened = open_bundle(self._bundle)
        manifest = opened.manifest
        encoder = Encoder(opened.file(TOKENIZER))
        most, vocabulary = manifest.max_length, manifest.vocabulary
        return Tagger(encoder, manifest.labels, backend, max_length=most, vocabulary=vocabulary)

    def close(self) -> None:
        """See System."""
        self._tagger.close()


def around(session: Session, texts: Sequence[str], clock: Callable[[], float] = time.perf_counter) -> list[float]:
    """Seconds of each text, one at a time, that were not spent in the backend: cut, place, decode. A job.

    Texts, and many of their words, come for the first time, as in the calls that are timed.
    """
    from bench.systems.stopwatch import TimedBackend

    nerve = session.system
    assert isinstance(nerve, Nerve)
    backend = TimedBackend(nerve.backend, clock)
    tagger = nerve.on(backend)
    seconds = []
    for text in texts:
        begun = clock()
        tagger.tag([text])
        seconds.append(clock() - begun - backend.spent)
    return seconds


def split_of(
    tokenizer: Path,
    backend: Any,
    labels: Sequence[str],
    *,
    max_length: int,
    vocabulary: int,
    texts: Sequence[str],
    clock: Callable[[], float] = time.perf_counter,
) -> Split:
    """Tag the texts with a Tagger on this backend, step by step and chunk by chunk, and return the last pass.

    Passes end when two in a row are as fast as the fastest: a GPU captures shapes of batches in the first ones.
    The stages: tokenize (words, tokens, sentences); backend is the time inside the backend, pack the rest of the step
    that runs it; decode makes entities.
    """
    from bench.systems.stopwatch import WatchedBackend, step_by_step
    from runtime.encode.tokenizer import Encoder
    from runtime.tagger import Tagger

    watched = WatchedBackend(backend, clock)
    tagger = Tagger(Encoder(tokenizer), labels, watched, max_length=max_length, vocabulary=vocabulary)
    passes: list[float] = []
    while len(passes) < _PASSES and not settled(passes, least=2):
        watched.forget()
        tokenize, run, decode = step_by_step(tagger, texts, clock)
        # Clocks of several threads may overlap by a little; a stage cannot take less than nothing.
        stages = dict(zip(STAGES, (tokenize, max(0.0, run - watched.seconds), watched.seconds, decode)))
        passes.append(sum(stages.values()))
    return Split(stages, watched.slots, watched.filled)


def open_nerve(
    setting: Setting,
    *,
    bundle: Path,
    candidate: Candidate,
    certified: bool,
    windowing: Windowing = DEFAULT_WINDOWING,
) -> Nerve:
    """Open a candidate. The Tagger chooses batches and streams itself."""
    threads = setting.streams * setting.threads
    return Nerve(bundle, candidate, threads=threads, goal=setting.goal, certified=certified, windowing=windowing)


def _names(bundle: Bundle, candidates: Sequence[Candidate]) -> dict[Candidate, str]:
    """Return a name for each: backend and precision; layout, then file, where that is not enough."""
    plain = {one: f"{PREFIX}{one.backend}-{one.precision}" + ("" if one.device == "cpu" else f"-{one.device}")
             for one in candidates}  # fmt: skip
    layouts = {one: f"{name}-{bundle.part(one.file).layout}" for one, name in _ambiguous(plain).items()}
    files = {one: f"{plain[one]}-{Path(one.file).stem}" for one in _ambiguous(layouts)}
    # Later ones replace earlier ones, so each gets the shortest name that is its own.
    return plain | layouts | files


def _ambiguous(names: Mapping[Candidate, str]) -> dict[Candidate, str]:
    """Return those whose name others have, too."""
    counts = Counter(names.values())
    return {one: name for one, name in names.items() if counts[name] > 1}


def _spec(bundle: Path, candidate: Candidate, name: str, *, threads: int, certified: bool) -> Spec:
    opener = functools.partial(open_nerve, bundle=bundle, candidate=candidate, certified=certified)
    return Spec(
        name=name,
        title=f"Nerve, {candidate.file} on {candidate.backend}",
        group="nerve",
        precision=candidate.precision,
        open=opener,
        settings=(Setting(_LOAD_BATCH, 1, threads),),
        needs=("tokenizers",),
        versions=(candidate.backend, "tokenizers"),
        files=(*_graph_files(bundle / candidate.file), *(bundle / file for file in (TOKENIZER, CONFIG, MANIFEST))),
    )


def _graph_files(graph: Path) -> list[Path]:
    """Return the graph and the files that hold its weights: an ONNX file contains their names."""
    if not graph.is_file():
        return []
    content = graph.read_bytes()
    # Bytes are searched instead of parsing the file: bench can then list files without the package onnx.
    beside = sorted(file for file in graph.parent.iterdir() if file.suffix not in (".onnx", ".json"))
    return [graph, *(file for file in beside if file.name.encode() in content)]
