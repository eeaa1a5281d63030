"""From the command line's request to a Service: bundle, candidate, backend, shadow, and what /info says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import runtime
from runtime.aligned import align_of
from runtime.batch.windowing import DEFAULT_WINDOWING
from runtime.bundle.certificate import ANY, Candidate, Certificate, Wanted
from runtime.bundle.manifest import Source
from runtime.bundle.profile import RunProfile
from runtime.bundle.store import Bundle
from runtime.bundle.third_party import open_folder
from runtime.errors import UsageError
from runtime.opening import open_model
from runtime.selection import choose, of_profile
from runtime.serve.batching.stages import TaggingStages
from runtime.serve.observe.log import Log
from runtime.serve.observe.shadow import Shadow
from runtime.serve.options import ServeRequest
from runtime.serve.service import About, Limits, Service
from runtime.system.files import name_for_others
from runtime.system.libraries import threads_for
from runtime.text.label_schemes import label_set_of

# Presidio's names. MISC is nothing that Presidio knows.
_PRESIDIO: Mapping[str, str] = {
    "PER": "PERSON",
    "PERSON": "PERSON",
    "LOC": "LOCATION",
    "LOCATION": "LOCATION",
    "GPE": "LOCATION",
    "FAC": "LOCATION",
    "ORG": "ORGANIZATION",
    "ORGANIZATION": "ORGANIZATION",
    "NORP": "NRP",
    "DATE": "DATE_TIME",
    "TIME": "DATE_TIME",
    "EMAIL": "EMAIL_ADDRESS",
    "PHONE": "PHONE_NUMBER",
}


def open_service(asked: ServeRequest) -> tuple[Service, str]:
    """The service that the command line asks for, and what it runs, in one line for people.

    Raises:
        BundleError, UncertifiedError, BackendError: as Tagger.open.
        UsageError: the shadow's labels, or a label's name for Presidio, do not fit.
    """
    bundle = _open_bundle(asked.bundle, asked)
    profile = _profile(bundle, asked)
    wanted = of_profile(profile, asked.wanted) if profile else asked.wanted
    candidate = choose(bundle, wanted, certified=not asked.allow_uncertified)
    threads = threads_for(asked.threads)
    stages, about = _open_stages(
        bundle, candidate, asked, wanted=asked.wanted, threads=threads, profile=profile, shapes=asked.shapes
    )
    service = Service(
        stages,
        _about(bundle, candidate, stages, asked),
        limits=Limits(
            body=asked.max_body_bytes, texts=asked.max_texts, characters=asked.max_characters, deadline=asked.deadline
        ),
        log=Log(requests=asked.request_log, texts=asked.log_texts),
        batch=asked.batch_tokens,
        most_queued=asked.max_queued_tokens,
        shadow=_open_shadow(asked.shadow, stages, asked) if asked.shadow else None,
    )
    service.metrics.serves(
        bundle=_digest(bundle),
        checkpoint=name_for_others(bundle.manifest.checkpoint.name),
        file=candidate.file,
        backend=candidate.backend,
        precision=candidate.precision,
        device=candidate.device,
    )
    return service, about


def _open_bundle(folder: Path, asked: ServeRequest) -> Bundle:
    """The bundle, or third-party folder, with no more trust than was asked for; every file is verified."""
    return open_folder(
        folder, allow_uncertified=asked.allow_uncertified, limited=asked.limited, public_key=asked.public_key
    )


def _profile(bundle: Bundle, asked: ServeRequest) -> RunProfile | None:
    """The profile that is asked for, if one is."""
    if not asked.profile:
        return None
    profile = bundle.profile(asked.profile)
    # A graph that is compiled for one length adds in another order than the one for any: other last digits.
    return replace(profile, lengths=()) if asked.reproducible else profile


def _open_stages(
    bundle: Bundle,
    candidate: Candidate,
    asked: ServeRequest,
    *,
    wanted: Wanted,
    threads: int,
    profile: RunProfile | None = None,
    shapes: int = 0,
) -> tuple[TaggingStages, str]:
    """The stages of a candidate, which is the choice for what is wanted; and what runs, in one line for people."""
    manifest, uncertified = bundle.manifest, asked.allow_uncertified
    model = open_model(
        bundle,
        candidate=wanted,
        threads=threads,
        allow_uncertified=uncertified,
        profile=profile or "",
        shapes=shapes,
    )
    encoder, backend = model.encoder, model.backend
    encoder.check_ids(manifest.vocabulary)
    align = align_of(candidate) if asked.reproducible else 1
    best = manifest.default_reading
    stages = TaggingStages(
        encoder,
        label_set_of(manifest),
        backend,
        max_length=manifest.max_length,
        align=align,
        windowing=DEFAULT_WINDOWING.settled(best.policy, context=best.context) if best else DEFAULT_WINDOWING,
    )
    return stages, model.about


def _open_shadow(folder: Path, stages: TaggingStages, asked: ServeRequest) -> Shadow:
    bundle = _open_bundle(folder, asked)
    wanted = ANY if asked.wanted.file else _on_device(asked.wanted)
    candidate = choose(bundle, wanted, certified=not asked.allow_uncertified)
    shadow, _ = _open_stages(bundle, candidate, asked, wanted=wanted, threads=1)
    if set(shadow.labels.types) != set(stages.labels.types):
        problem = f"its entity types are {', '.join(shadow.labels.types)}, not {', '.join(stages.labels.types)}"
        raise UsageError(str(folder), problem, "take a shadow bundle with the same types")
    return Shadow(shadow, f"{folder.name}: {candidate}", share=asked.shadow_share, texts=asked.log_texts)


def _on_device(wanted: Wanted) -> Wanted:
    return Wanted(device=wanted.device)


def _about(bundle: Bundle, candidate: Candidate, stages: TaggingStages, asked: ServeRequest) -> About:
    manifest = bundle.manifest
    held = [each for each in manifest.certificates if each.candidate == candidate]
    given = dict(asked.presidio_labels)
    if unknown := [label for label in given if label not in stages.labels.types]:
        known = ", ".join(stages.labels.types)
        raise UsageError("label for Presidio", f"no entity type {unknown[0]!r} in this model", f"choose among {known}")
    names = {label: _PRESIDIO.get(label.upper(), "") for label in stages.labels.types} | given
    info: dict[str, Any] = {
        "name": asked.name,
        "version": runtime.__version__,
        "bundle": {
            "folder": bundle.path.name,
            "sha256": _digest(bundle),
            "checkpoint": asdict(_named(manifest.checkpoint)),
        },
        "candidate": asdict(candidate),
        "certificate": asdict(_named_texts(held[0])) if held else None,
        "labels": list(manifest.labels),
        "types": list(stages.labels.types),
        "max_length": manifest.max_length,
        "reproducible": stages.backend.packing.align > 1,
        "limits": {
            "body_bytes": asked.max_body_bytes,
            "texts": asked.max_texts,
            "characters": asked.max_characters,
            "deadline_seconds": asked.deadline,
        },
    }
    return About(name=asked.name, info=info, presidio={label: name for label, name in names.items() if name})


def _named(checkpoint: Source) -> Source:
    """The checkpoint for people elsewhere. The manifest says where it lies, for that is how it is found again."""
    return replace(checkpoint, name=name_for_others(checkpoint.name))


def _named_texts(certificate: Certificate) -> Certificate:
    """The same for the texts' names, which were whole paths in older bundles."""
    return replace(
        certificate,
        corpus=name_for_others(certificate.corpus),
        elsewhere=name_for_others(certificate.elsewhere),
    )


def _digest(bundle: Bundle) -> str:
    """One digest for all files of the bundle: that of the manifest's own list of them."""
    import hashlib

    lines = "".join(f"{name} {digest.sha256}\n" for name, digest in sorted(bundle.manifest.files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
