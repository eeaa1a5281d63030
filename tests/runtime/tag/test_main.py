"""python -m runtime.tag as a process: what it prints, how it ends, what it takes. Its formats: test_job.py."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.errors import UsageError
from runtime.tag.__main__ import main
from tests.conftest import BUFFERED, ROOT
from tests.runtime.tag.stand_in import opener
from tests.waiting import PATIENCE

Result = subprocess.CompletedProcess[bytes]


def _process(*arguments: object, stdin: bytes = b"", path: Path = ROOT, stdout: int | None = subprocess.PIPE) -> Result:
    return subprocess.run(
        [sys.executable, "-m", "runtime.tag", *(a if isinstance(a, bytes) else str(a) for a in arguments)],
        cwd=ROOT,
        input=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{path}{os.pathsep}{ROOT}"},
        timeout=PATIENCE,
        check=False,
    )


def _refused(result: Result, *parts: str) -> None:
    """Exit status 2 and one line that says these things."""
    error = result.stderr.decode()
    assert result.returncode == 2, error
    assert error.count("\n") == 1, error
    assert error.startswith("python -m runtime.tag: error: ")
    for part in parts:
        assert part in error


def _lines(raw: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in raw.splitlines()]


def test_a_sentence_and_lines_on_a_real_bundle(tiny_bundle: Path) -> None:
    text = "Maria Keller flew to Zürich 👩‍🚀 ."
    given = _process("--bundle", tiny_bundle, text, "Oslo")
    piped = _process("--bundle", tiny_bundle, stdin=f"{text}\r\nOslo\n".encode())
    assert given.stdout == piped.stdout
    assert (given.stderr, piped.stderr) == (b"", b"")
    first, second = _lines(given.stdout)
    assert (first["text"], second["text"]) == (text, "Oslo")
    assert isinstance(first["entities"], list)
    for entity in first["entities"]:
        assert list(entity) == ["label", "text", "start", "end", "score"]
        assert text[entity["start"] : entity["end"]] == entity["text"]


def test_help_loads_no_arrays() -> None:
    code = "import sys; from runtime.tag.__main__ import main\n"
    code += "try: main(['--help'])\nfinally: print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert done.stdout.startswith(b"usage: python -m runtime.tag")
    assert done.stdout.endswith(b"False\n")


def test_one_text_loads_nothing_that_it_can_do_without(tiny_bundle: Path) -> None:
    code = "import atexit, sys; from runtime.command_line import leave_at_once, run\n"
    code += "from runtime.tag.__main__ import main\n"
    code += "atexit.register(lambda: print(*sys.modules)); run(main, 'tag', leave=leave_at_once)"
    line = [
        sys.executable,
        "-c",
        code,
        "--bundle",
        str(tiny_bundle),
        "--backend",
        "onnxruntime",
        "Keller flew to Oslo.",
    ]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, check=True, env=BUFFERED)
    answer, loaded = done.stdout.decode().splitlines()
    assert json.loads(answer)["text"] == "Keller flew to Oslo."
    assert "onnxruntime" in loaded.split()
    unused = {"numpy.ma", "importlib.metadata", "email", "http", "ssl", "asyncio", "openvino", "torch", "tensorrt"}
    assert not unused & {*loaded.split()}


def test_verifying_begins_before_arrays_are_loaded(tiny_bundle: Path) -> None:
    code = "import sys, pathlib; from runtime.bundle.third_party import read_folder\n"
    code += "read_folder(pathlib.Path(sys.argv[1]), allow_uncertified=False); print('numpy' in sys.modules)"
    line = [sys.executable, "-c", code, str(tiny_bundle)]
    assert subprocess.run(line, cwd=ROOT, capture_output=True, check=True).stdout == b"False\n"


def test_a_first_answer_imports_no_part_of_numpy_that_it_does_not_need(tiny_bundle: Path) -> None:
    code = "import sys; from runtime import Tagger; from runtime.bundle.certificate import Wanted\n"
    code += "tagger = Tagger.open(sys.argv[1], candidate=Wanted(backend='onnxruntime'))\n"
    code += "tagger.tag(['Oslo is there. Lund is here. Who is it?', 'Oslo', 'in Lund now'])\n"
    code += "print('numpy.ma' in sys.modules)"
    line = [sys.executable, "-c", code, str(tiny_bundle)]
    assert subprocess.run(line, cwd=ROOT, capture_output=True, check=True).stdout == b"False\n"


def test_a_reader_that_goes_away_is_no_error(tiny_bundle: Path) -> None:
    command = f"{sys.executable} -m runtime.tag --bundle {tiny_bundle} | head -n 1"
    text = b"Maria Keller flew to Oslo .\n" * 3000
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, input=text, capture_output=True, check=False)
    assert (len(done.stdout.splitlines()), done.stderr) == (1, b"")


def test_each_line_is_answered_at_once_if_asked(tiny_bundle: Path) -> None:
    command = [sys.executable, "-m", "runtime.tag", "--bundle", str(tiny_bundle), "--chunk", "1"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for text in (b"Oslo", b"Bergen"):
            process.stdin.write(text + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["text"] == text.decode()
        process.stdin.close()
        assert process.wait() == 0


def test_a_missing_bundle(tmp_path: Path) -> None:
    _refused(_process("--bundle", tmp_path / "none", "Oslo"), "none: there is no such folder; run `make export`")


def test_a_damaged_bundle(tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(tiny_bundle, bundle)
    with (bundle / "tokenizer.json").open("r+b") as file:
        file.seek(100)
        file.write(b"#")
    _refused(_process("--bundle", bundle, "Oslo"), "tokenizer.json: sha256", "so it was changed")


def test_an_unknown_backend(tiny_bundle: Path) -> None:
    _refused(_process("--bundle", tiny_bundle, "--backend", "none", "Oslo"), "backend 'none': unknown; choose one of")


def test_a_backend_that_is_not_installed(tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "onnxruntime.py").write_text("raise ModuleNotFoundError(name='onnxruntime')\n")
    result = _process("--bundle", tiny_bundle, "--backend", "onnxruntime", "Oslo", path=tmp_path)
    _refused(result, "'onnxruntime' is not installed; pip install 'nerve-ner[onnxruntime]'")


def test_an_unknown_precision(tiny_bundle: Path) -> None:
    _refused(_process("--bundle", tiny_bundle, "--precision", "fp8", "Oslo"), "fp8", "fp32")


def test_a_text_longer_than_the_model(tiny_bundle: Path) -> None:
    result = _process("--bundle", tiny_bundle, "--long", "error", "Oslo", "Oslo " * 100)
    _refused(result, "text 2: ", "tokens, this model takes")
    assert _lines(result.stdout)[0]["text"] == "Oslo"


def test_what_is_not_utf_8(tiny_bundle: Path) -> None:
    _refused(_process(b"Oslo \xff"), "text 1: the text is not UTF-8; convert it to UTF-8")
    result = _process("--bundle", tiny_bundle, stdin=b"Oslo\n\xff\n")
    _refused(result, "standard input:2: byte 0xff is not UTF-8")
    assert _lines(result.stdout)[0]["text"] == "Oslo"


def test_an_empty_text_has_no_entities(tiny_bundle: Path) -> None:
    given = _process("--bundle", tiny_bundle, "", " \t")
    assert _lines(given.stdout) == [{"text": "", "entities": []}, {"text": " \t", "entities": []}]


def test_what_is_piped_in_is_recognized(tiny_bundle: Path) -> None:
    """JSONL, an array and CoNLL on standard input are read as in files."""
    jsonl = _process("--bundle", tiny_bundle, stdin=b'{"id": 7, "text": "Oslo"}\n')
    array = _process("--bundle", tiny_bundle, stdin=b'[{"id": 7, "text": "Oslo"}]')
    assert jsonl.stdout == array.stdout
    assert list(_lines(jsonl.stdout)[0]) == ["id", "text", "entities"]
    conll = _process("--bundle", tiny_bundle, stdin=b"Oslo NNP B-LOC\nflew VBD O\n")
    assert [line.split()[:3] for line in conll.stdout.decode().splitlines()] == [
        ["Oslo", "NNP", "B-LOC"],
        ["flew", "VBD", "O"],
    ]


def test_an_input_that_is_not_there(tmp_path: Path) -> None:
    _refused(_process("--input", tmp_path / "none.txt"), "none.txt: No such file or directory")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk(tiny_bundle: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        _refused(_process("--bundle", tiny_bundle, "Oslo", stdout=full.fileno()), "standard output: no space left")
    _refused(_process("--bundle", tiny_bundle, "Oslo", "-o", "/dev/full"), "/dev/full: no space left")


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    _refused(_process("Oslo", "-o", tmp_path / "file" / "o"), "file/o.partial: Not a directory")


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    out = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m tests.runtime.tag.flood {tmp_path} -i <(echo Oslo) -"],
        cwd=ROOT,
        input=b"Maria\n",
        capture_output=True,
        check=True,
    ).stdout
    assert [line["text"] for line in _lines(out)[:2] if isinstance(line, dict)] == ["Oslo", "Maria"]


@pytest.mark.parametrize("count", [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_memory_does_not_grow_and_order_is_kept(count: int, tmp_path: Path) -> None:
    with (tmp_path / "i").open("w") as file:
        file.writelines(f"Maria Keller flew to Oslo number {n} .\n" for n in range(count))
    done = subprocess.run(
        [sys.executable, "-m", "tests.runtime.tag.flood", tmp_path, "-i", tmp_path / "i", "-o", tmp_path / "o"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    with (tmp_path / "o").open() as file:
        for number, line in enumerate(file):
            assert f" number {number} ." in line
    assert number == count - 1
    assert int(done.stdout) < 50 * 1024


def test_usage_errors_are_the_users() -> None:
    with pytest.raises(UsageError, match="unrecognized arguments: --none"):
        main(["--none"])


def test_repeats_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log.txt"
    log.write_text("Maria flew to Oslo . Lund .\n" * 4)
    arguments = ["--input", str(log), "--format", "lines", "--output", str(tmp_path / "out.jsonl")]
    assert main([*arguments, "--remember", "10"], begin_tagger=opener(tmp_path)) == 0
    assert "6 of 8 sentences came again (75.0%)" in capsys.readouterr().err
    with_memory = (tmp_path / "out.jsonl").read_bytes()
    assert main(arguments, begin_tagger=opener(tmp_path)) == 0
    assert "came again" not in capsys.readouterr().err
    assert (tmp_path / "out.jsonl").read_bytes() == with_memory
