"""A folder in Optimum's layout that somebody else made: graphs that nothing vouches for, opened as a bundle would be.

    config.json, tokenizer.json             as a checkpoint has them
    *.onnx or onnx/*.onnx                   padded graphs of any name; their operators tell the precision

It writes nothing: `python -m export.certify` makes a bundle of such a folder. It knows no engine; a graph's inputs and
operator set are left open here, since backends ask their own session for them.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from runtime.bundle.onnx_scan import scan_graph
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
from runtime.errors import UncertifiedError

_PLACES = ("*.onnx", "onnx/*.onnx")
# The first is taken where nothing else is asked for: what answers as its checkpoint comes before what is smaller.
_ORDER: tuple[Precision, ...] = ("fp32", "fp16", "bf16", "int8", "fp8", "int4")


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


def open_folder(
    folder: str | PathLike[str], *, allow_uncertified: bool, limited: bool = False, public_key: Path | None = None
) -> Bundle:
    """The same with every byte verified.

    Raises:
        BundleError, CheckpointError, UncertifiedError: as read_folder.
    """
    bundle = read_folder(folder, allow_uncertified=allow_uncertified, limited=limited, public_key=public_key)
    verify(bundle, bundle.manifest.files if bundle.sealed else ())
    return bundle


def is_third_party(path: Path) -> bool:
    """Whether it is a folder in Optimum's layout and no bundle."""
    return not (path / MANIFEST).is_file() and (path / CONFIG).is_file() and bool(_files(path))


def open_third_party(path: Path) -> Bundle:
    """The folder as a bundle without certificates. The checkpoint's name is the folder's, its digest is not known.

    Raises:
        BundleError: a graph is no ONNX file, or has a loop.
        CheckpointError: the tokenizer is missing, or the configuration names no labels or is not readable.
    """
    from runtime.bundle.checkpoint import describe  # not at the top: it needs numpy, and a bundle none

    description = describe(path, weights=False)
    told = [(scan_graph(path / name).precision, name) for name in _files(path)]
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


def _files(path: Path) -> list[str]:
    """Names of the graphs, the plainest first, relative to the folder."""
    found = [file.relative_to(path).as_posix() for place in _PLACES for file in path.glob(place)]
    return sorted(found, key=lambda name: (len(name), name))
