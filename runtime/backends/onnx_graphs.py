"""Candidates of backends that run a bundle's ONNX graphs: which graph, computed in which precision.

Several backends share this module; it does not know any library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runtime.bundle.store import Bundle, Candidate, Device, Graph, Layout, Precision

Runs = Mapping[Precision, Sequence[Precision]]
"""Precision of a graph -> the precisions that a backend can compute it in, the preferred one first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphCandidates:
    """The graphs that a backend runs on a device, and in which precisions.

    Attributes:
        backend, device: names of the backend and the device.
        runs: see Runs.
        layouts: layouts whose graphs are candidates. Graphs of other layouts are candidates only where the bundle has
            none of these, as a third-party bundle may.
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
        # A graph made for one backend has operators that only this backend has, and only on a GPU.
        own = (self.backend, self.device)
        return [graph for graph in wanted if not graph.made_for or (graph.made_for, "cuda") == own]
