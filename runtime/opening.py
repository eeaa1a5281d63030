"""Open what a Tagger is made of: a verified bundle, the candidate that was chosen, its backend, its tokenizer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime.aligned import aligned, single_rows
from runtime.backends.base import NO_SETTINGS, NOTHING_KEPT, Backend, BackendOptions, Goal, Keeping, keeping
from runtime.backends.registry import certified_rows, open_candidate
from runtime.bundle.certificate import AUTO, Certificate
from runtime.bundle.manifest import Manifest, OneTextSpeed
from runtime.bundle.profile import RunProfile
from runtime.bundle.store import TOKENIZER, Bundle
from runtime.checked_rows import ANY_ROWS, CheckedRows, TwoRows
from runtime.concurrency import Ahead
from runtime.decode.options import BY_WORD
from runtime.encode.tokenizer import Encoder
from runtime.errors import UncertifiedError
from runtime.logits import BatchRunner
from runtime.prepare import Prepared, prepare
from runtime.readers import WordReader
from runtime.selection import Choice, describe
from runtime.self_check import AT_OPENING, self_check
from runtime.system.libraries import threads_for
from runtime.text.label_schemes import label_set_of


@dataclass(frozen=True, slots=True)
class OpenModel:
    """A model that is ready to run.

    Attributes:
        manifest: of its bundle: labels and limits.
        encoder: its tokenizer.
        backend: runs it.
        about: what runs, in one line for people.
    """

    manifest: Manifest
    encoder: Encoder
    backend: Backend
    about: str


def open_model(
    bundle: str | PathLike[str] | Bundle | Prepared,
    *,
    candidate: Choice = AUTO,
    goal: Goal = "throughput",
    threads: int = 0,
    settings: Mapping[str, str] = NO_SETTINGS,
    checkpoint: str | PathLike[str] = "",
    allow_uncertified: bool = False,
    profile: str | RunProfile = "",
    reproducible: bool = False,
    shapes: int = 0,
) -> OpenModel:
    """Verify a bundle, choose a candidate of it, and open its backend. The arguments are Tagger.open's.

    Args:
        shapes: see BackendOptions.

    Raises:
        BundleError: the bundle is missing, damaged, or holds no such candidate.
        UncertifiedError: no candidate that is left holds a passing certificate.
        BackendError: the backend is unknown, not installed, or cannot load the file.
        UsageError: a setting that there is not; the message lists those that there are.
    """
    options = BackendOptions(
        threads=threads_for(threads),
        goal=goal,
        certified=not allow_uncertified,
        checkpoint=Path(checkpoint) if checkpoint else None,
        shapes=shapes,
        settings=settings,
    )
    if not isinstance(bundle, Prepared):
        bundle = prepare(bundle, candidate, goal=goal, allow_uncertified=allow_uncertified, profile=profile)
    with bundle as ready:
        chosen = ready.bundle.profile(profile) if profile and isinstance(profile, str) else profile
        asked = _tuned(options, ready, chosen, reproducible=reproducible)
        is_certified = not allow_uncertified and bool(ready.candidate.file)
        options = covered(asked, ready.bundle.certificate(ready.candidate)) if is_certified else asked
        encoder, backend = _both(ready, options)
        kept = keeping(backend)
        about = describe(ready.bundle, ready.candidate, candidate, goal=options.goal) + _of_profile(chosen, options)
        if options != asked:
            about += "; its rows of one length are left out, since its certificate is not of such rows"
        if reproducible:
            backend = aligned(backend, ready.candidate, longest=ready.bundle.manifest.max_length)
    model = OpenModel(ready.bundle.manifest, encoder, backend, about)
    if is_certified:
        return checked_model(model, ready.bundle.certificate(ready.candidate), lengths=options.lengths, kept=kept)
    return model


def _both(ready: Prepared, options: BackendOptions) -> tuple[Encoder, Backend]:
    """The tokenizer and the backend, opened side by side: most of either is work of its library, outside of Python.

    Where both fail, the tokenizer's error is told.
    """
    encoder = Ahead(partial(Encoder, ready.bundle.file(TOKENIZER)), to_its_end=True)
    try:
        backend = open_candidate(ready.candidate, ready.bundle, options)
    except Exception:
        encoder.result()
        raise
    except BaseException:  # Ctrl-C is told as such, whatever the tokenizer has met
        with suppress(Exception):
            encoder.result()
        raise
    try:
        return encoder.result(), backend
    except BaseException:
        backend.close()
        raise


def for_one_text(options: BackendOptions, measured: OneTextSpeed) -> BackendOptions:
    """The options with what was measured to be fastest for one text at a time, as far as the threads reach."""
    threads = min(options.threads, measured.threads or options.threads)
    return replace(options, threads=threads, lengths=measured.lengths)


def _of_profile(profile: RunProfile | str, options: BackendOptions) -> str:
    """For people: the profile that is used, what it was measured on, and whether all its threads are there."""
    if isinstance(profile, str):
        return ""
    said = f"; profile {profile.name}" + (f" of {profile.machine}" if profile.machine else "")
    fewer = f", with {options.threads} of its {profile.threads} threads"
    return said + (fewer if options.threads < profile.threads else "")


def _tuned(
    options: BackendOptions, ready: Prepared, profile: str | RunProfile, *, reproducible: bool
) -> BackendOptions:
    """The options with what export.tune found for the profile, if there is one, or the goal."""
    if isinstance(profile, RunProfile):
        options = for_profile(options, profile)
    elif options.goal == "latency":
        options = for_one_text(options, ready.bundle.one_text(ready.candidate))
    # A graph that is compiled for one length adds in another order than the one for any.
    return replace(options, lengths=()) if reproducible else options


def covered(options: BackendOptions, certificate: Certificate) -> BackendOptions:
    """The options without row lengths that the certificate was not measured with."""
    # Which sentences a compiled graph gets depends on all lengths together, so that some of them are other rows, too.
    return options if options.lengths == certified_rows(certificate) else replace(options, lengths=())


def for_profile(options: BackendOptions, profile: RunProfile) -> BackendOptions:
    """The options with those of a profile, as far as the threads reach."""
    threads = min(options.threads, profile.threads)
    streams = min(profile.streams, threads)
    return replace(
        options, goal=profile.goal, threads=threads, streams=streams, slots=profile.slots, lengths=profile.lengths
    )


def _word_logits(model: OpenModel, texts: Sequence[Sequence[str]]) -> NDArray[np.float32]:
    """As Tagger.word_logits, for texts that fit into a window."""
    special, labels = model.encoder.special_tokens, label_set_of(model.manifest)
    runner = BatchRunner(
        model.backend, special, model.manifest.max_length - len(special), 0, 0, len(labels.labels), model.about
    )
    encoded = model.encoder.encode_words(texts)
    reader = WordReader(model.encoder, runner, labels, BY_WORD, sentences=False)
    return np.concatenate([np.empty((0, len(labels.labels)), np.float32), *reader.logits(encoded)])


def checked_model(
    model: OpenModel, certificate: Certificate, *, lengths: Sequence[int], kept: Keeping = NOTHING_KEPT
) -> OpenModel:
    """The model once it has passed the self-check; a backend that fails it is closed. See runtime.self_check.

    Args:
        model, certificate: what is checked.
        lengths: of single rows that a backend may have graphs of their own for. Each is checked with one row before
            its first answer, and so is the graph for all other rows.
        kept: what keeps the backend's compiled graph: from now on, or no longer.

    Raises:
        UncertifiedError: it answers otherwise than when it was certified.
    """
    there = [length for length in lengths if length <= model.manifest.max_length]
    try:
        with _forgetting(kept):
            self_check(certificate, partial(_word_logits, model), most=AT_OPENING)
            # What is kept is the graph for any rows, and the texts may have gone through one for a single length.
            if kept.is_new and there:
                _check_rows(model, certificate, ANY_ROWS)
        kept.keep()
    except BaseException:
        model.backend.close()
        raise
    if not there:
        return model

    def check(length: int) -> None:
        with _forgetting(kept):
            _check_rows(model, certificate, length)

    return replace(model, backend=CheckedRows(model.backend, there, check))


@contextmanager
def _forgetting(kept: Keeping) -> Iterator[None]:
    """Keep nothing for later starts of what fails its check."""
    try:
        yield
    except UncertifiedError:
        kept.forget()
        raise


def _check_rows(model: OpenModel, certificate: Certificate, length: int) -> None:
    """Ask one row of that length, filled with as many of the short texts as it holds: it takes as long as an answer.

    Args:
        model, certificate: what is checked.
        length: of the row; ANY_ROWS: two rows of any length, which no graph for single rows takes.
    """
    if length == ANY_ROWS:
        two = replace(model, backend=TwoRows(model.backend))
        self_check(certificate, partial(_word_logits, two), most=AT_OPENING)
        return
    rows = replace(model, backend=single_rows(model.backend, length, longest=model.manifest.max_length))
    sizes = np.diff(model.encoder.encode_words(certificate.probe.texts).text_start) + len(model.encoder.special_tokens)
    fits = int((np.cumsum(sizes) <= length).sum()) if model.backend.layout == "packed" else 1
    self_check(certificate, partial(_word_logits, rows), most=max(fits, 1))
