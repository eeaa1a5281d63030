"""How many bytes one candidate's graph holds, whatever else is in the bundle.

The graphs of a bundle share one file of weights, so that the sizes of files do not tell it: of that file, a graph holds
the tensors that it names.
"""

from __future__ import annotations

import onnx

from runtime.bundle.store import Bundle, Candidate


def bytes_of(bundle: Bundle, candidate: Candidate) -> int:
    """Bytes of the candidate's file and of its tensors in other files.

    Args:
        bundle: holds the candidate.
        candidate: of an ONNX graph or of a TensorRT engine, which is one file.
    """
    own = bundle.manifest.files[candidate.file].bytes
    if all(graph.file != candidate.file for graph in bundle.manifest.graphs):
        return own
    tensors = onnx.load(bundle.file(candidate.file), load_external_data=False).graph.initializer
    kept = [{entry.key: entry.value for entry in each.external_data} for each in tensors if each.external_data]
    # Tensors of one place are one in memory, too.
    places = {(at["location"], int(at.get("offset", 0)), int(at.get("length", 0))) for at in kept}
    return own + sum(length or _rest(bundle, name, offset) for name, offset, length in places)


def _rest(bundle: Bundle, name: str, offset: int) -> int:
    """Bytes from there to the end of the file, which is what ONNX means where it says no length."""
    return bundle.file(name).stat().st_size - offset
