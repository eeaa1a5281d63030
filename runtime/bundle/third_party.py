"""A folder in Optimum's layout that somebody else made: graphs that nothing vouches for, opened as a bundle would be.

    config.json, tokenizer.json             as a checkpoint has them
    model*.onnx or onnx/model*.onnx         padded graphs; nothing but the name tells the precision

It writes nothing: `python -m export.certify` makes a bundle of such a folder. It knows no engine and reads no graph, so
that a graph's inputs and operator set are left open here; backends ask their own session for them.
"""

from __future__ import annotations

import mmap
import os
import re
from os import PathLike
from pathlib import Path

from runtime.bundle.store import (
    CONFIG,
    MANIFEST,
    TOKENIZER,
    Bundle,
    Graph,
    Manifest,
    Precision,
    Source,
    digest_of,
    read_bundle,
    verify,
)
from runtime.errors import BundleError, UncertifiedError
from runtime.system.files import open_regular

_PLACES = ("model*.onnx", "onnx/model*.onnx")
# Parts of file names, as Optimum and the exporters of the hub choose them. A name with another part is not guessed at.
_INT8 = frozenset({"quantized", "int8", "uint8", "qint8", "quint8"})
_FP16 = frozenset({"fp16", "o4"})
_OTHER = frozenset({"optimized", "o1", "o2", "o3", "avx2", "avx512", "vnni", "arm64"})
_ORDER: tuple[Precision, ...] = ("fp32", "fp16", "int8")


def read_folder(
    folder: str | PathLike[str], *, allow_uncertified: bool, limited: bool = False, public_key: Path | None = None
) -> Bundle:
    """A bundle, or a third-party folder if that is allowed, before any byte but the manifest's is verified.

    Args:
        folder: its path.
        allow_uncertified: let a third-party folder pass.
        limited, public_key: see runtime.bundle.store.open_bundle.

    Raises:
        BundleError, CheckpointError: as read_bundle and open_third_party.
        UncertifiedError: it is a third-party folder, and that is not allowed.
    """
    path = Path(folder)
    if public_key or not is_third_party(path):
        return read_bundle(path, limited=limited, public_key=public_key)
    if not allow_uncertified:
        problem = "not a bundle but graphs that others made, without a certificate"
        certify = f"python -m export.certify {path} --model CHECKPOINT --corpus CORPUS"
        raise UncertifiedError(str(path), problem, f"run `{certify}`, or allow uncertified candidates")
    return open_third_party(path)


def open_folder(folder: str | PathLike[str], *, allow_uncertified: bool) -> Bundle:
    """The same with every byte verified.

    Raises:
        BundleError, CheckpointError, UncertifiedError: as read_folder.
    """
    bundle = read_folder(folder, allow_uncertified=allow_uncertified)
    verify(bundle, bundle.manifest.files if bundle.sealed else ())
    return bundle


def is_third_party(path: Path) -> bool:
    """Whether it is a folder in Optimum's layout and no bundle."""
    return not (path / MANIFEST).is_file() and (path / CONFIG).is_file() and bool(_files(path))


def open_third_party(path: Path) -> Bundle:
    """The folder as a bundle without certificates. The checkpoint's name is the folder's, its digest is not known.

    Raises:
        BundleError: no graph has a name that tells the precision.
        CheckpointError: the tokenizer is missing, or the configuration names no labels or is not readable.
    """
    from runtime.bundle.checkpoint import describe  # not at the top: it needs numpy, and a bundle none

    description = describe(path, weights=False)
    told = [(precision, name) for name in _files(path) if (precision := precision_of(name))]
    if not told:
        problem = f"no file name tells the precision ({', '.join(_files(path))})"
        raise BundleError(str(path), problem, "name it model.onnx (fp32), model_fp16.onnx or model_int8.onnx")
    for _, name in told:
        _refuse_loops(path / name)
    told.sort(key=lambda pair: _ORDER.index(pair[0]))
    manifest = Manifest(
        checkpoint=Source(str(path), ""),
        labels=description.labels,
        max_length=description.max_length,
        vocabulary=description.vocabulary,
        files={name: digest_of(path / name) for name in (CONFIG, TOKENIZER, *(name for _, name in told))},
        graphs=tuple(Graph(name, precision, "padded", 0, ()) for precision, name in told),
        certificates=(),
        versions={},
    )
    return Bundle(path, manifest, sealed=False)


def _refuse_loops(graph: Path) -> None:
    """Raise BundleError where a graph has a loop: no token classifier needs one, and it might never end.

    An ONNX file spells a node's operator as field 4 of its message, with its length before it; numbers in front may be
    written with more bytes than they need. Weights of a gigabyte hold these bytes by chance once in 250,000 files.
    """
    with open_regular(graph) as file:
        if not os.fstat(file.fileno()).st_size:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
            found = _LOOP.search(raw)
    if found:
        problem = "it has a loop (operator Loop), which might never end"
        raise BundleError(str(graph), problem, "export the checkpoint again, without control flow")


_LOOP = re.compile(rb"(?:\x22|\xa2\x80*\x00)(?:\x04|\x84\x80*\x00)Loop")


def precision_of(name: str) -> Precision | None:
    """What the name of a graph promises; None where it says something else, such as q4."""
    parts = set(re.split(r"[_.-]", Path(name).stem.lower())[1:])
    if not parts <= _INT8 | _FP16 | _OTHER:
        return None
    return "int8" if parts & _INT8 else "fp16" if parts & _FP16 else "fp32"


def _files(path: Path) -> list[str]:
    """Names of the graphs, the plainest first, relative to the folder."""
    found = [file.relative_to(path).as_posix() for place in _PLACES for file in path.glob(place)]
    return sorted(found, key=lambda name: (len(name), name))
