"""The commands that change bundles, run whole on a small folder of somebody's: export, certify, tune, reading, sign,
Triton's repository. Their arguments are options that exist, with paths of the folder and with values that may not be.

Right is a command that ends, with what it made whole; everything else is one line. Either way what was in the folder
before is there afterwards, byte for byte, but for what the command is there to write; and nothing half-made is left.
What would take seconds (torch, a search for speeds) is never reached: no checkpoint here has weights.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from argparse import Action
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import export.__main__ as exporting
import export.certify.__main__ as certifying
import export.reading.__main__ as reading
import export.sign as signing
import export.triton.__main__ as triton
import export.tune.__main__ as tuning
import export.tune.options as tuning_options
from export.report.write import reports_in
from runtime.bundle.signature import SIGNATURE
from runtime.bundle.store import MANIFEST, open_bundle, seal
from runtime.command_line import Parser
from runtime.errors import storage_error
from tests.fuzz.kind import Case, check
from tests.fuzz.kinds.bundles import WORDS
from tests.lookup import lookup_bundle

_VALUES = (
    *("0", "1", "-1", "2", "1e9", "1_000", "nan", "inf", "x", "", " ", "auto", "cpu", "cuda", "int8", "fp32", "bio"),
    *("9" * 400, "\udcff", "-", "--", "@file", "\u0661", "words", "latency", "100/s", "5ms", "1GiB", "6", "..", "/"),
    *("onnxruntime", "openvino", "tensorrt", "org/model", "org/model@main", "/dev/zero", "/proc"),
)
# What somebody may have: names of the folder below, some of which are not there.
_PATHS = (
    *("bundle", "bare", "cut", "web", "notes.txt", "link", "dangling", "loop", "empty", "pipe", "model", "corpus"),
    *("corpus/valid.txt", "broken", "key.pem", "rsa.pem", "new", "new/deep/er", "bundle/manifest.json", "repository"),
    *("bundle/new", "x" * 300, "notes.txt/x", ".", "key.pub", "corpus/train.txt", "broken/valid.txt", "bundle/../web"),
)
_KEY = b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----
"""


def open_case(folder: Path) -> Case:
    """See the module."""
    intact, place = folder / "intact", folder / "place"
    _make(intact)
    commands: dict[str, tuple[Callable[[Sequence[str]], int], Parser]] = {
        "export": (exporting.main, exporting._parser()),
        "certify": (certifying.main, certifying._parser()),
        "tune": (tuning.main, tuning_options._parser()),
        "reading": (reading.main, reading._parser()),
        "triton": (triton.main, triton._parser()),
        "sign": (signing.main, signing._parser()),
    }

    def case(chance: random.Random) -> None:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(intact, place, symlinks=True, copy_function=_copy)
        before = _held(place)
        name = chance.choice(list(commands))
        main, parser = commands[name]
        arguments = _arguments(name, parser, chance)
        os.chdir(place)
        try:
            ended = _run(main, arguments)
        finally:
            os.chdir(folder)
            _check_kept(name, arguments, before, place)
        if ended == 0 and name == "sign":
            signed = next(each for each in arguments if not each.startswith("-"))
            open_bundle(place / signed, public_key=intact / "key.pub")

    return case


def _run(main: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    try:
        return main(arguments)
    except SystemExit as end:
        if end.code:
            raise
        return -1  # the help that was asked for
    except OSError as error:  # as runtime.command_line.run does
        raise storage_error(error) from error


def _arguments(name: str, parser: Parser, chance: random.Random) -> list[str]:
    """What has to be given, mostly with what fits; and a few more."""
    given: list[str] = []
    optional = [each for each in parser._actions if each.option_strings and not each.required]
    for action in parser._actions:
        if (action.required or not action.option_strings) and chance.random() < 0.95:
            given += _option(name, action, chance)
    for action in chance.sample(optional, k=min(len(optional), chance.choice((0, 0, 1, 2, 4)))):
        given += _option(name, action, chance)
    if chance.random() < 0.05:
        given.insert(chance.randrange(len(given) + 1), chance.choice(_VALUES))
    return given


def _option(name: str, action: Action, chance: random.Random) -> list[str]:
    spelled = [chance.choice(action.option_strings)] if action.option_strings else []
    if action.nargs == 0 and chance.random() < 0.95:
        return spelled
    value = chance.choice(_VALUES)
    takes_path = action.type is Path or action.dest in ("bundle", "model", "output", "corpus", "key")
    if takes_path and chance.random() < 0.9:
        # Where there is a bundle that can be used, tuning it would take seconds.
        fitting = {"key": "key.pem", "corpus": "corpus", "bundle": "bundle" if name != "tune" else "bare"}
        value = chance.choice(_PATHS) if chance.random() < 0.5 else fitting.get(action.dest, "new")
    elif action.choices and chance.random() < 0.8:
        value = str(chance.choice(list(action.choices)))
    if name == "tune" and os.path.normpath(value) in ("bundle", "link"):
        value = "bare"
    return [*spelled, value]


def _check_kept(name: str, arguments: Sequence[str], before: dict[str, str], place: Path) -> None:
    after = _held(place)
    writes = {"sign": (SIGNATURE,), "reading": (MANIFEST, *reports_in(place / "bundle"))}.get(name, ())
    for path, digest in before.items():
        own = path.startswith("repository") and name == "triton"
        own = own or (Path(path).name in writes and "bundle" in path)
        check(own or after.get(path) == digest, f"changed or lost: {path}", name, arguments, after.get(path))
    halves = [path for path in after if Path(path).name.startswith(".") or ".tmp" in path or ".staging" in path]
    check(not halves, "half-made things are left", name, arguments, halves)


def _held(place: Path) -> dict[str, str]:
    """What is where: bytes of files, targets of links."""
    held = {}
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place).as_posix()
        if path.is_symlink():
            held[name] = f"link to {path.readlink()}"
        elif path.is_file():
            held[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            held[name] = "folder" if path.is_dir() else "pipe"
    return held


def _copy(source: str, target: str) -> None:
    if Path(source).is_file():
        shutil.copyfile(source, target)
    else:
        os.mkfifo(target)


def _make(place: Path) -> None:
    bundle = lookup_bundle(place / "bundle", WORDS)
    bare = lookup_bundle(place / "bare", WORDS)
    seal(bare, replace(open_bundle(bare).manifest, certificates=()))
    cut = lookup_bundle(place / "cut", WORDS)
    (cut / MANIFEST).write_bytes((bundle / MANIFEST).read_bytes()[:-40])
    for name in ("web", "empty", "model", "corpus", "broken", "repository/ner/1/bundle"):
        (place / name).mkdir(parents=True)
    (place / "web" / MANIFEST).write_text('{"name": "app", "icons": []}')
    (place / "web" / "app.js").write_text("run()")
    (place / "notes.txt").write_text("mine\n")
    (place / "link").symlink_to("bundle")
    (place / "dangling").symlink_to("nowhere")
    (place / "loop").symlink_to("loop")
    os.mkfifo(place / "pipe")
    (place / "model" / "config.json").write_text('{"model_type": "bert", "id2label": {"0": "O", "1": "B-PER"}}')
    rows = "Angela B-PER\nMerkel I-PER\nin O\nParis B-LOC\n\n" * 3
    (place / "corpus" / "train.txt").write_text("-DOCSTART- O\n\n" + rows)
    (place / "corpus" / "valid.txt").write_text(rows)
    (place / "broken" / "valid.txt").write_bytes(b"Paris\nx y z\n\xff O\n")
    (place / "broken" / "train.txt").write_bytes(b"")
    (place / "repository" / "ner" / "1" / "bundle" / MANIFEST).write_text("older")
    _write_keys(place)


def _write_keys(place: Path) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    (place / "key.pem").write_bytes(_KEY)
    public = load_pem_private_key(_KEY, password=None).public_key()
    (place / "key.pub").write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    (place / "rsa.pem").write_text("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n")
