"""The tagger of a request: opened in the background, with every choice of the request, or refused with its option."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.backends.registry import not_needed
from runtime.batch.windowing import Windowing
from runtime.bundle.certificate import Wanted
from runtime.bundle.store import open_bundle, seal
from runtime.decode.options import Decoding
from runtime.errors import BackendError, BundleError, TextError, UncertifiedError
from runtime.system.libraries import available_threads
from runtime.tag.opening import begin_tagger
from runtime.tag.request import JobRequest, ModelRequest, Request


def _request(bundle: Path, *, texts: tuple[str, ...] = (), **model: object) -> Request:
    asked = ModelRequest(bundle=bundle, wanted=Wanted(backend="onnxruntime"), threads=2)
    return Request(job=JobRequest(texts=texts), model=replace(asked, **model))  # type: ignore[arg-type]


def test_the_tagger_is_the_one_that_was_asked_for(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = Wanted(backend="onnxruntime", file="packed-fp32.onnx")
    windowing, decoding = Windowing(policy="windows", long="error"), Decoding(ignore=["PER", "LOC", "ORG"])
    with begin_tagger(_request(tiny_bundle, wanted=asked, windowing=windowing, decoding=decoding))() as tagger:
        assert (tagger.backend.layout, tagger.backend.streams) == ("packed", 2)
        assert tagger.about.startswith("packed-fp32.onnx on onnxruntime in fp32, cpu")
        assert tagger.tag(["Maria Keller flew to Oslo ."]) == [[]]
        with pytest.raises(TextError):
            tagger.tag(["Oslo " * 100])
    assert capsys.readouterr().err == ""


def test_texts_of_a_command_line_are_few(tiny_bundle: Path) -> None:
    with begin_tagger(_request(tiny_bundle, texts=("Oslo",)))() as tagger:
        assert tagger.backend.streams == 1


def test_a_command_with_texts_starts_no_threads_of_blas_and_takes_no_users_choice_away(tiny_bundle: Path) -> None:
    code = (
        "import os, sys; from runtime.tag.__main__ import main\n"
        f"main(['--bundle', {str(tiny_bundle)!r}, '--backend', 'onnxruntime', 'Oslo'])\n"
        "print(os.environ['OPENBLAS_NUM_THREADS'])"
    )
    here = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    for given, used in (({}, "1"), ({"OPENBLAS_NUM_THREADS": "2"}, "2")):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**here, **given}
        )
        assert done.stdout.splitlines()[-1] == used


def test_texts_to_a_file_that_is_in_the_way_end_in_a_line_and_do_not_wait_for_the_model(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "runtime.tag", "--bundle", tiny_bundle, "--verbose", "-o", tmp_path / "there", "Oslo"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_the_choice_is_said_to_who_asks(tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with begin_tagger(_request(tiny_bundle, verbose=True))() as tagger:
        assert capsys.readouterr().err == f"python -m runtime.tag: took {tagger.about}\n"


def test_threads_that_the_machine_does_not_have_are_said(tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They were left out without a word."""
    here = max(os.cpu_count() or 1, available_threads())
    with begin_tagger(_request(tiny_bundle, threads=5000))() as tagger:
        assert tagger.backend.streams == here
    said = f"python -m runtime.tag: warning: threads: 5,000 are asked for, and this machine has {here} CPUs; "
    assert capsys.readouterr().err == f"{said}{here} are used\n"


def test_an_error_comes_when_the_tagger_is_asked_for_and_not_before(tmp_path: Path) -> None:
    end_opening = begin_tagger(_request(tmp_path / "none"))
    with pytest.raises(BundleError, match="there is no such folder"):
        end_opening()


def test_a_library_that_is_missing_is_the_taggers_to_report(tiny_bundle: Path) -> None:
    with pytest.raises(BackendError, match="backend 'none': unknown"):
        begin_tagger(_request(tiny_bundle, wanted=Wanted(backend="none")))()


def test_a_missing_certificate_names_the_option_that_does_without(tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(tiny_bundle, bundle)
    seal(bundle, replace(open_bundle(bundle).manifest, certificates=()))
    with pytest.raises(UncertifiedError, match=r"\(--allow-uncertified\)$"):
        begin_tagger(_request(bundle))()
    with begin_tagger(_request(bundle, allow_uncertified=True))() as tagger:
        assert tagger.backend.device == "cpu"


def test_a_command_does_not_import_what_openvino_brings_along(tiny_bundle: Path) -> None:
    pytest.importorskip("openvino")
    asked = ["--bundle", str(tiny_bundle), "--backend", "openvino", "Maria Keller flew to Oslo ."]
    command = [sys.executable, "-X", "importtime", "-m", "runtime.tag", *asked]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "openvino._pyopenvino" in imported
    assert not_needed() == ("openvino.tools.ovc",)
    assert not {name for name in imported if name.startswith("openvino.tools.ovc.")}


def test_a_program_keeps_what_openvino_brings_along(tiny_bundle: Path) -> None:
    """Opening a tagger leaves no module blocked behind."""
    script = (
        "import sys, openvino; from pathlib import Path; from runtime.tag.__main__ import main; "
        "main(['--bundle', sys.argv[1], '--backend', 'openvino', 'Oslo']); "
        "from openvino.tools.ovc import convert_model; print(openvino.convert_model is convert_model)"
    )
    pytest.importorskip("openvino")
    command = [sys.executable, "-c", script, str(tiny_bundle)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "True"
