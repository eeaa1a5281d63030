"""What a TensorRT engine really computes in: its final layers, held against the graph's matrix multiplications.

A matrix multiplication's work counts for the precision of the layer that does it. Layers that are matrix
multiplications by their kind or name own the work of their nodes; another layer owns it only where none of these
does. For the layer that stores an activation in 8 bits carries the multiplication's node as well (TensorRT for RTX
1.7, docs/gpu.md), and does none of its work. Matrix multiplications that tell no node share what is left. It knows
nothing of TensorRT itself; export.certify.attest.tensorrt_layers reads what it tells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from export.certify.attest.graph import LEAST, check_share, shares_of
from export.certify.attest.openvino import SLACK
from export.certify.attest.tensorrt_layers import UNKNOWN, Layer
from runtime.bundle.attestation import Attestation
from runtime.bundle.manifest import Engine
from runtime.errors import BundleError


@dataclass(frozen=True, slots=True)
class _Owner:
    """A layer that multiplies matrices, and the nodes of the graph whose work it does."""

    layer: Layer
    nodes: frozenset[str]


def attest_engine(
    layers: Sequence[Layer], engine: Engine, graph: Attestation, work: Mapping[str, int]
) -> tuple[Attestation, Engine]:
    """What an engine computes in, and the engine's record with its layers counted.

    Args:
        layers: of the engine.
        engine: what the manifest says of it.
        graph: what attest_graph found in its graph.
        work: MACs of every matrix multiplication of the graph, see export.certify.attest.graph.macs_of.

    Raises:
        BundleError: TensorRT tells nothing, or the engine is not of the precision that it promises.
    """
    owners = _owners(layers, work)
    if not owners:
        problem = f"TensorRT tells of no matrix product in {len(layers)} layers, so that nothing proves what it is"
        subject = f"{engine.file} on {engine.backend}"
        raise BundleError(subject, problem, "build it with another TensorRT, or leave it out")
    fused = {owner.layer.nodes or owner.layer.name for owner in owners if owner.layer.is_attention(work)}
    attestation = replace(
        graph,
        file=engine.file,
        backend=engine.backend,
        precision=engine.precision,
        operators=dict(sorted(Counter(f"{each.layer.kind} {each.layer.precision}" for each in owners).items())),
        fused_attention=min(len(fused), graph.attention),
        shares=shares_of(_work(owners, work)),
        kept=(),
    )
    promised = graph.shares.get(engine.precision, 0.0)
    check_share(attestation, max(LEAST[engine.precision], promised - SLACK))
    counted = Counter(owner.layer.precision for owner in owners)
    return attestation, replace(engine, layers=dict(sorted(counted.items())))


def _owners(layers: Sequence[Layer], work: Mapping[str, int]) -> list[_Owner]:
    """The layers that multiply matrices; see the module for who owns which nodes."""
    matrices = [layer for layer in layers if layer.is_matrix]
    owned = {node for layer in matrices for node in layer.nodes if node in work}
    found = []
    for layer in layers:
        nodes = frozenset(node for node in layer.nodes if node in work)
        if layer.is_matrix:
            found.append(_Owner(layer, nodes))
        elif not layer.is_moving and nodes - owned:
            found.append(_Owner(layer, nodes - owned))
    return found


def _work(owners: Sequence[_Owner], work: Mapping[str, int]) -> Counter[str]:
    """MACs in each precision. Several layers of one node share its work: every profile has its own layers.

    What no layer owns is taken to be done by the layers that own nothing; without such it is unknown.
    """
    claims = Counter(node for owner in owners for node in owner.nodes)
    done: Counter[str] = Counter()
    for owner in owners:
        for node in owner.nodes:
            done[owner.layer.precision] += work[node] // claims[node]
    lost = sum(size for node, size in work.items() if node not in claims)
    silent = [owner.layer for owner in owners if not owner.nodes]
    for layer in silent:
        done[layer.precision] += lost // len(silent)
    if lost and not silent:
        done[UNKNOWN] += lost
    return +done
