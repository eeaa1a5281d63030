"""What backends have in common that run a bundle's ONNX graphs: which graph in which precision is a candidate.

It knows no library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runtime.bundle.store import Bundle, Candidate, Device, Graph, Layout, Precision

Runs = Mapping[Precision, Sequence[Precision]]
"""Precision of a graph -> the precisions that it can be computed in, the preferred one first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphCandidates:
    """Which graphs a backend runs, and how.

    Attributes:
        backend, device: whose candidates.
        runs: see Runs.
        layouts: that are candidates, in order; the others only where a bundle has none of these.
    """

    backend: str
    device: Device
    runs: Runs
    layouts: Sequence[Layout]

    def of(self, bundle: Bundle) -> list[Candidate]:
        """The bundle's candidates, in the order of its graphs."""
        return [
            Candidate(graph.file, self.backend, precision, self.device)
            for graph in self._graphs(bundle)
            for precision in self.runs.get(graph.precision, ())
        ]

    def _graphs(self, bundle: Bundle) -> Sequence[Graph]:
        graphs = bundle.manifest.graphs
        wanted = [graph for graph in graphs if graph.layout in self.layouts] or graphs
        # A graph with operators of one backend's own, which are for GPUs, is no other's.
        own = (self.backend, self.device)
        return [graph for graph in wanted if not graph.made_for or (graph.made_for, "cuda") == own]
