"""What is killed: tagging, tuning, certifying and exporting, each with what must be whole after it."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from export.report.write import reports_in
from runtime.bundle.store import open_bundle, sealed_files
from runtime.tag.__main__ import main as tag
from runtime.text.conll import write_conll
from tests.conftest import random_sentences
from tests.fuzz.kills import Subject, digests
from tests.lookup import lookup_bundle
from tests.runtime.tag.stand_in import opener

_LINES = 1_500
_WORDS = {"Paris": "B-LOC", "Angela": "B-PER"}


class KilledError(AssertionError):
    """Something that must be whole is not."""


def _check(holds: bool, problem: str, *about: object) -> None:
    if not holds:
        raise KilledError(" ".join([problem, *(repr(each)[:500] for each in about)]))


def tagging(folder: Path) -> Subject:
    """Three inputs, of which one is packed, into a packed output that holds an older answer."""
    inputs = [folder / "untouched" / name for name in ("a.txt", "b.txt.gz", "c.txt")]
    for number, path in enumerate(inputs):
        raw = "".join(f"Maria {number}.{line} flew to Oslo\n" for line in range(_LINES)).encode()
        path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    output, told = folder / "out.jsonl.gz", [each for path in inputs for each in ("-i", str(path))]

    def run(again: bool, to: Path = output) -> int:
        resume = ["--resume"] if again else []
        arguments = [*told, "-o", str(to), "--chunk", "100", "--no-progress", *resume]
        return tag(arguments, begin_tagger=opener(folder), save_seconds=0.0)

    expected_at = folder / "expected.gz"
    run(False, expected_at)
    expected, older = gzip.decompress(expected_at.read_bytes()), gzip.compress(b"older\n")

    def whole() -> None:
        found = output.read_bytes()
        _check(found == older or gzip.decompress(found) == expected, "neither the older output nor the new", found[:80])

    def done() -> None:
        _check(gzip.decompress(output.read_bytes()) == expected, "another output")
        _check(not list(folder.glob("out.*.*.*")), "something is left", sorted(folder.iterdir()))
        output.write_bytes(older)

    output.write_bytes(older)
    return Subject("tag", run, whole, done)


def tuning(folder: Path) -> Subject:
    """A bundle whose speeds are measured anew."""
    from export.tune.__main__ import main

    bundle = lookup_bundle(folder / "bundle", _WORDS)
    files = _kept(bundle)
    return Subject("tune", lambda again: main([str(bundle), "--threads", "1"]), *_bundle_checks(bundle, files))


def certifying(folder: Path) -> Subject:
    """A bundle that is certified anew."""
    from export.certify.__main__ import main

    model, corpus, bundle = _exported(folder)
    files = _kept(bundle)
    arguments = [str(bundle), "--model", str(model), "--corpus", str(corpus), "--limited-evidence", "--threads", "1"]
    return Subject("certify", lambda again: main(arguments), *_bundle_checks(bundle, files))


def exporting(folder: Path) -> Subject:
    """A bundle that is exported from another checkpoint, in turn with the first, into the place of the one there."""
    from tests.tiny import tiny_checkpoint

    model, corpus, bundle = _exported(folder)
    other = tiny_checkpoint(folder / "untouched" / "other", seed=1)
    firsts = {_weights(bundle): model}
    turn = folder / "turn"

    def run(again: bool) -> int:
        return _export(other if turn.exists() else model, corpus, bundle)

    def whole() -> None:
        _check_certificates(bundle)

    def done() -> None:
        whole()
        made = other if turn.exists() else model
        _check(open_bundle(bundle, limited=True).manifest.checkpoint.name == str(made), "another checkpoint's")
        _check(firsts.setdefault(_weights(bundle), made) == made, "another checkpoint's weights")
        left = [path.name for path in folder.iterdir() if path.name.startswith(".bundle")]
        _check(not left, "something is left", sorted(left))
        turn.unlink() if turn.exists() else turn.touch()

    return Subject("export", run, whole, done)


def _kept(bundle: Path) -> dict[str, str]:
    """Digests of the files that no tuning and no certifying may change."""
    written = {"manifest.json", *reports_in(bundle)}
    return {name: digest for name, digest in digests(bundle).items() if name not in written}


def _bundle_checks(bundle: Path, files: Mapping[str, str]) -> tuple[Callable[[], None], Callable[[], None]]:
    def whole() -> None:
        _check_certificates(bundle)
        found = digests(bundle)
        _check({name: found.get(name) for name in files} == dict(files), "another file", found)

    def done() -> None:
        whole()
        left = [
            name
            for name in digests(bundle).keys() - sealed_files(bundle) - reports_in(bundle)
            if not name.startswith(".")
        ]
        _check(not left, "something is left", sorted(left))

    return whole, done


def _check_certificates(bundle: Path) -> None:
    """The bundle opens, and its certificates vouch. A candidate that failed, and has none, is doubted rightly."""
    opened = open_bundle(bundle, limited=True)
    held = {one.candidate for one in opened.manifest.certificates}
    _check(bool(held) and not held & opened.doubts.keys(), "certificates", opened.doubts)


def _exported(folder: Path) -> tuple[Path, Path, Path]:
    """A checkpoint, a corpus of few sentences, and the bundle of both."""
    from tests.tiny import tiny_checkpoint

    model, corpus = tiny_checkpoint(folder / "untouched" / "model"), folder / "untouched" / "corpus"
    corpus.mkdir()
    write_conll(random_sentences(40, seed=8), corpus / "train.txt")
    write_conll(random_sentences(40, seed=7), corpus / "valid.txt")
    bundle = folder / "bundle"
    process = os.fork()
    if process == 0:
        os._exit(_export(model, corpus, bundle))
    _check(os.waitpid(process, 0)[1] == 0, "the first export failed")
    return model, corpus, bundle


def _export(model: Path, corpus: Path, bundle: Path) -> int:
    from export.__main__ import main

    arguments = ["--model", str(model), "--corpus", str(corpus), "--output", str(bundle)]
    return main([*arguments, "--limited-evidence", "--threads", "1"])


def _weights(bundle: Path) -> str:
    return "".join(sorted(digest for name, digest in digests(bundle).items() if "weights" in name or "onnx" in name))


SUBJECTS: Mapping[str, Callable[[Path], Subject]] = {
    "tag": tagging,
    "tune": tuning,
    "certify": certifying,
    "export": exporting,
}
