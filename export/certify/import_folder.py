"""A third-party folder becomes a bundle: its graphs are read, and those that pass the gate are kept.

The graphs are held against the checkpoint as our own are. Their operators tell the precision, and so which limits of
the gate they are held to.
"""

from __future__ import annotations

from dataclasses import replace

import onnx

from export.certify.certify_bundle import certify_all, check_outcomes, files_of
from export.certify.measure import Certifier
from export.certify.outcomes import Outcome, certificates_of, still_failed
from export.provenance import provenance
from runtime.bundle.checkpoint import Checkpoint
from runtime.bundle.doubts import interface_sha256
from runtime.bundle.store import Bundle, Graph, digest_of
from runtime.errors import GateError
from runtime.screen.display import note


def imported(
    bundle: Bundle, certifier: Certifier, checkpoint: Checkpoint, *, threads: int
) -> tuple[Bundle, tuple[Outcome, ...]]:
    """The bundle that a third-party folder is from now on, and what its candidates came to.

    It holds the graphs that passed, with their certificates.

    A graph that fails is left out, and said to be; it stays where it is, and no part of the bundle.

    Args:
        bundle: as runtime.bundle.third_party.open_third_party gives it.
        certifier: of its checkpoint.
        checkpoint: what the graphs were made of.
        threads: CPUs to use.

    Raises:
        GateError: no graph passed.
    """
    passed, outcomes = _passed(bundle, certifier, threads)
    certificates = certificates_of(outcomes)
    if not passed:
        problem = "no graph in it says what the checkpoint says"
        raise GateError(str(bundle.path), problem, f"give the checkpoint that it was made of, not {checkpoint.name}")
    names: set[str] = set().union(*(files_of(bundle, certificate.candidate) for certificate in certificates))
    manifest = replace(
        bundle.manifest,
        checkpoint=checkpoint.source,
        # Longer rows than the checkpoint's were not certified.
        max_length=min(checkpoint.max_length, bundle.manifest.max_length),
        files={name: digest_of(bundle.file(name)) for name in sorted(names)},
        graphs=tuple(passed),
        certificates=(),
        versions=provenance(),
        label_scheme=checkpoint.label_scheme,
        crf=checkpoint.crf,
        # What fails on one device and passes on another: the graph stays, and the failure with it.
        failed=still_failed((), outcomes),
    )
    # The limits are known only now, and a certificate names them.
    digest = interface_sha256(manifest)
    bound = tuple(replace(certificate, interface_sha256=digest) for certificate in certificates)
    return replace(bundle, manifest=replace(manifest, certificates=bound)), tuple(outcomes)


def _passed(bundle: Bundle, certifier: Certifier, threads: int) -> tuple[list[Graph], list[Outcome]]:
    """The graphs that pass the gate, and what their candidates came to."""
    passed: list[Graph] = []
    outcomes: list[Outcome] = []
    for graph in bundle.manifest.graphs:
        alone = replace(bundle, manifest=replace(bundle.manifest, graphs=(graph,)))
        try:
            found = certify_all(alone, certifier, threads=threads)
            check_outcomes(alone, found)
        except GateError as error:
            note(f"LEFT OUT: {graph.file}: {error}", tone="bad")
            continue
        outcomes += found
        passed.append(_read(bundle, graph))
    return passed, outcomes


def _read(bundle: Bundle, graph: Graph) -> Graph:
    """The same graph with its inputs and operator set, which only its file can tell."""
    model = onnx.load(bundle.file(graph.file), load_external_data=False)
    opset = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    return replace(graph, opset=opset, inputs=tuple(node.name for node in model.graph.input))
