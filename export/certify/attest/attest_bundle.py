"""Attest every graph of a bundle, and what OpenVINO makes of each, and tell what is found."""

from __future__ import annotations

from collections.abc import Mapping

from export.certify.attest.graph import ShapeError, attest_graph, subject_of
from export.certify.attest.openvino import attest_openvino, compile_for_attestation
from runtime.bundle.attestation import Attestation, KeptLayer
from runtime.bundle.store import Bundle, Candidate
from runtime.screen.display import detail
from runtime.selection import runnable


def attest_all(bundle: Bundle, kept: Mapping[str, tuple[KeptLayer, ...]]) -> tuple[Attestation, ...]:
    """Attestations of all graphs of a bundle, and of OpenVINO on those that it can run here.

    Args:
        bundle: sealed; whether it is certified does not matter.
        kept: what 8 bits keep in higher precision, by file.

    Left out, and said to be, is a padded graph whose shapes only running it could tell (DeBERTa's, ModernBERT's).

    Raises:
        BackendError: OpenVINO cannot load a graph.
        BundleError: something is not what its name says.
    """
    graphs = {}
    for graph in bundle.manifest.graphs:
        try:
            graphs[graph.file] = attest_graph(bundle.file(graph.file), graph, kept=kept.get(graph.file, ()))
        except ShapeError as error:
            # Packed graphs are written by us, and their shapes always follow from the inputs.
            if graph.layout == "packed":
                raise
            detail(f"not attested: {graph.file}: {error.problem}")
    backends = [
        _attested_by_openvino(bundle, one, graphs[one.file])
        for one in runnable(bundle)
        if one.backend == "openvino" and one.file in graphs
    ]
    return (*graphs.values(), *backends)


def _attested_by_openvino(bundle: Bundle, candidate: Candidate, graph: Attestation) -> Attestation:
    from runtime.backends.openvino_cpu import has_rest_in_bf16

    rest_in_bf16 = has_rest_in_bf16(bundle.graph_in(candidate.file))
    compiled = compile_for_attestation(bundle.file(candidate.file), candidate.precision, rest_in_bf16=rest_in_bf16)
    return attest_openvino(compiled, graph, candidate.precision)


def tell_attestation(attestation: Attestation) -> None:
    """Tell, as details, the shares, the fused attention, and what 8 bits keep in higher precision."""
    shares = ", ".join(f"{share:.1%} {name}" for name, share in attestation.shares.items())
    fused = f"{attestation.fused_attention} of {attestation.attention} attention blocks fused"
    detail(f"attested: {subject_of(attestation)}: MACs {shares}; {fused}")
    if attestation.backend:
        return
    for each in attestation.kept:
        part = each.macs * attestation.rows * attestation.length / attestation.macs
        counted = (
            f", changed labels {each.changed_before:.1f} to {each.changed_after:.1f}" if each.changed_before else ""
        )
        detail(f"  kept in higher precision: {each.name} ({part:.1%} of the work{counted}): {each.reason}")
