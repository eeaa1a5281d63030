"""runtime.tag's main on files of every format, with a stand-in for the model."""

from __future__ import annotations

import gzip
import json
import lzma
import os
import threading
from pathlib import Path

import pytest

from runtime.errors import NerveError
from runtime.tag.__main__ import main
from runtime.tag.input.jsonl import Fields
from runtime.tag.input.read import Reading
from tests.runtime.tag.reading import read
from tests.runtime.tag.stand_in import opener


class _Run:
    """main with the stand-in, in the test's own folder."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[bytes]) -> None:
        self.folder, self._capture = folder, capture
        self.status = 0
        self.error = ""

    def __call__(self, *arguments: object) -> bytes:
        self.status = main([*map(str, arguments)], begin_tagger=opener(self.folder))
        out, error = self._capture.readouterr()
        self.error = error.decode()
        return out

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        raw = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return path


@pytest.fixture
def run(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> _Run:
    return _Run(tmp_path, capsysbinary)


def _lines(raw: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in raw.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["Oslo", "--input", "FILE"], "TEXT and --input: given together"),
        (["Oslo", "--format", "conll"], "TEXT and --format conll: given together"),
        (["Oslo", "--score"], "TEXT and --score: given together"),
        (["Oslo", "--resume", "--output", "o"], "TEXT and --resume: given together"),
        (["-i", "-", "-i", "-"], "standard input is given twice"),
        (["-i", "FILE", "--resume"], "--resume: given without --output FILE"),
        (["-i", "FILE", "--resume", "-o", "/dev/null"], "/dev/null is not a file that could be cut"),
        (["-i", "FILE", "-o", "FILE"], "it is an input and the output"),
        (["-i", "FILE", "--score"], "lines holds no gold labels"),
        (["-i", "FILE", "--field", "body"], "--field: no input has fields"),
        (["-i", "FILE", "--document-field", "doc"], "--document-field: no input has fields"),
        (["-i", "FILE", "--word-column", "2"], "no input is CoNLL"),
        (["-i", "FILE", "--word-column", "0"], "column: 0; count from 1"),
        (["-i", "FILE", "-f", "jsonl", "--to", "html", "--answer-field", "x"], "--answer-field: the output is html"),
        (["-i", "FILE", "--to", "conll", "--aggregation", "none"], "it labels tokens of words"),
        (["-i", "FILE", "--score-file", "no/such/place", "-f", "conll"], "there is no such folder"),
        (["-i", "FOLDER"], "it is a folder; give the files in it"),
        (["-i", "a\0b"], "embedded null"),
        (["--format", "xml"], "invalid choice: 'xml'"),
        (["--stride", "x"], "'x' is neither a number nor auto"),
        (["--threshold", "PER=2"], "'PER=2' is not LABEL=SCORE"),
    ],
)
def test_options_that_contradict_each_other_or_the_files(arguments: list[str], message: str, run: _Run) -> None:
    names = {"FILE": str(run.file("x.txt", "Oslo\n")), "FOLDER": str(run.folder)}
    with pytest.raises(NerveError) as caught:
        run(*(names.get(argument, argument) for argument in arguments))
    assert message in str(caught.value)


def test_json_lines_keep_their_fields(run: _Run) -> None:
    path = run.file("x.jsonl", '{"id": 7, "text": "Maria Keller", "more": [1.0]}\n{"tokens": ["in", "Oslo"]}\n')
    first, second = _lines(run("-i", path))
    assert list(first) == ["id", "text", "more", "entities"]
    assert second == {"tokens": ["in", "Oslo"], "labels": ["O", "B-LOC"]}


def test_every_word_gets_a_label(run: _Run) -> None:
    path = run.file("x.txt", "Maria Keller\tflew\n\u200b Oslo\n")
    assert _lines(run("-i", path, "-f", "words")) == [
        {"words": ["Maria", "Keller", "flew"], "labels": ["B-PER", "I-PER", "O"]},
        {"words": ["\u200b", "Oslo"], "labels": ["O", "B-LOC"]},
    ]


def test_a_file_is_one_text(run: _Run) -> None:
    one, other = run.file("a.txt", "Maria\r\nOslo\n"), run.file("b.txt.gz", "Bergen")
    first, second = _lines(run("-i", one, other, "-f", "text"))
    assert (first["text"], second["text"]) == ("Maria\r\nOslo\n", "Bergen")


def test_conll_and_its_score(run: _Run) -> None:
    one = run.file("a.conll", "-DOCSTART- O\n\nMaria B-PER\nKeller I-PER\n\nOslo B-PER")
    other = run.file("b.conll.gz", "# c\nOslo\tNNP\tB-LOC\n")
    out = run("-i", one, other, "--score")
    assert out == (
        b"-DOCSTART- O\n\nMaria B-PER B-PER\nKeller I-PER I-PER\n\nOslo B-PER B-LOC\n\n# c\nOslo\tNNP\tB-LOC\tB-LOC\n"
    )
    assert run.error == (
        "processed 4 tokens with 3 phrases; found: 3 phrases; correct: 2.\n"
        "accuracy:  75.00%; precision:  66.67%; recall:  66.67%; FB1:  66.67\n"
        "              LOC: precision:  50.00%; recall: 100.00%; FB1:  66.67  2\n"
        "              PER: precision: 100.00%; recall:  50.00%; FB1:  66.67  1\n"
    )


def test_gold_types_that_the_model_does_not_have_are_named_and_can_be_mapped(run: _Run) -> None:
    path = run.file("a.conll", "Maria B-PERSON\nKeller I-PERSON\n\nOslo B-GPE\n")
    run("-i", path, "--score")
    assert run.error.startswith(
        "python -m runtime.tag: warning: no gold entity is of a type that this model has, so that the score says "
        "nothing: they are GPE (1), PERSON (1), and the model has LOC, PER; name types that are the same with --map "
        "PERSON=PER\nprocessed 3 tokens"
    )
    run("-i", path, "--score", "--map", "PERSON=PER")
    assert "warning: 1 of 2 gold entities are GPE (1), and the model has LOC, PER;" in run.error
    run("-i", path, "--score", "--map", "PERSON=PER", "--map", "GPE=LOC")
    assert run.error.startswith("processed 3 tokens with 2 phrases; found: 2 phrases; correct: 2.\n")
    assert "accuracy: 100.00%" in run.error
    with pytest.raises(NerveError, match=r"--map: GPE=CITY, and there is no entity type 'CITY' in this model; choose"):
        run("-i", path, "--score", "--map", "GPE=CITY")
    with pytest.raises(NerveError, match="--map: there is no score to be made"):
        run("-i", path, "--map", "GPE=LOC")


def test_json_is_scored_too(run: _Run) -> None:
    path = run.file("x.jsonl", '{"words": ["Maria", "in"], "labels": ["B-PER", "O"]}\n')
    (line,) = _lines(run("-i", path, "--score-file", run.folder / "score"))
    assert list(line) == ["words", "labels", "predicted_labels"]
    assert (run.folder / "score").read_text().splitlines()[1].endswith("FB1: 100.00")


def test_other_outputs(run: _Run) -> None:
    path = run.file("x.txt", "Maria flew\n<Oslo>\n")
    assert run("-i", path, "--to", "conll") == b"Maria B-PER\nflew O\n\n< O\nOslo B-LOC\n> O\n\n"
    assert b"Maria\x1b[22m PER\x1b[0m flew\n" in run("-i", path, "--to", "color")
    run("-i", path, "-o", run.folder / "x.html")
    assert "&lt;<mark class" in (run.folder / "x.html").read_text()
    run("-i", path, "-o", run.folder / "x.jsonl.gz")
    assert len(_lines(gzip.decompress((run.folder / "x.jsonl.gz").read_bytes()))) == 2


_BROKEN = b"Maria\n\x80\nOslo \xff\n" + b"Oslo " * 40 + b"\nBergen\n"


@pytest.mark.parametrize("policy", ["skip", "record"])
def test_broken_lines_can_be_passed_over(policy: str, run: _Run) -> None:
    path = run.file("x.txt", _BROKEN)
    out = _lines(run("-i", path, "--long", "error", "--on-error", policy))
    problems = [
        f"{path}:2: byte 0x80 is not UTF-8; convert the text to UTF-8",
        f"{path}:3: byte 0xff is not UTF-8; convert the text to UTF-8",
        f"{path}:4: 40 tokens, this model takes 30 at once; split it into shorter texts, at sentence ends",
    ]
    begin = "python -m runtime.tag: warning: "
    if policy == "skip":
        assert [line["text"] for line in out] == ["Maria", "Bergen"]
        warnings = [f"{begin}{problem}; left out" for problem in problems]
        assert run.error.splitlines() == [*warnings, f"{begin}3 broken lines or sentences were left out"]
    else:
        errors = [{"error": text, "file": str(path), "line": n} for n, text in enumerate(problems, start=2)]
        assert out[1:4] == errors
        assert (out[0]["text"], out[4]["text"]) == ("Maria", "Bergen")
        assert run.error == f"{begin}3 broken lines or sentences are marked in the output\n"
    assert run.status == 0


def test_a_broken_sentence_is_copied_or_left_out(run: _Run) -> None:
    path = run.file("x.conll", "Maria O\n\nflew\nto O\n\nOslo O\n")
    assert run("-i", path, "--on-error", "record") == b"Maria O B-PER\n\nflew\nto O\n\nOslo O B-LOC\n"
    assert run("-i", path, "--on-error", "skip") == b"Maria O B-PER\n\nOslo O B-LOC\n"
    with pytest.raises(NerveError, match=r"x\.conll:3: 1 column"):
        run("-i", path)


def test_a_word_that_conll_cannot_hold_is_broken(run: _Run) -> None:
    path = run.file("x.jsonl", '{"words": ["New York"]}\n')
    with pytest.raises(NerveError, match="'New York' has white space in it"):
        run("-i", path, "--to", "conll")


def test_a_damaged_gzip_is_an_error(run: _Run) -> None:
    path = run.file("x.txt.gz", "Oslo\n" * 1000)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(NerveError, match=r"x\.txt\.gz: Compressed file ended"):
        run("-i", path)
    path.write_bytes(b"Oslo")
    with pytest.raises(NerveError, match="Not a gzipped file"):
        run("-i", path)


def test_empty_lines_are_empty_texts_and_line_up(run: _Run) -> None:
    """One answer a line, whatever is in it (GLiNER#63 and #316, where an empty text is an error)."""
    path = run.file("x.txt", "Maria\n\n \nOslo\n")
    out = _lines(run("-i", path))
    assert [line["text"] for line in out] == ["Maria", "", " ", "Oslo"]
    assert [len(line["entities"]) for line in out if isinstance(line["entities"], list)] == [1, 0, 0, 1]
    words = _lines(run("-i", path, "-f", "words"))
    assert [line["labels"] for line in words] == [["B-PER"], [], [], ["B-LOC"]]
    jsonl = run.file("x.jsonl", '{"text": ""}\n{"words": []}\n\n')
    assert _lines(run("-i", jsonl)) == [{"text": "", "entities": []}, {"words": [], "labels": []}]
    assert _lines(run("", "Oslo"))[0] == {"text": "", "entities": []}
    assert run("-i", path, "--to", "conll").startswith(b"Maria B-PER\n\n\n\nOslo")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.json", '["Maria Keller", {"text": "in Oslo", "id": 7}]'),
        ("x.csv", 'id,text\r\n,"Maria Keller"\r\n7,in Oslo\r\n'),
        ("x.tsv.gz", "id\ttext\n\tMaria Keller\n7\tin Oslo\n"),
    ],
)
def test_arrays_and_tables_are_tagged_as_jsonl(name: str, content: str, run: _Run) -> None:
    first, second = _lines(run("-i", run.file(name, content)))
    assert [line["text"] for line in (first, second)] == ["Maria Keller", "in Oslo"]
    assert [len(line["entities"]) for line in (first, second) if isinstance(line["entities"], list)] == [1, 1]
    assert str(second["id"]) == "7"


def test_a_column_of_a_table_is_chosen_by_its_name(run: _Run) -> None:
    path = run.file("x.csv", "body,text\nOslo,x\n")
    (line,) = _lines(run("-i", path, "--field", "body"))
    assert "predicted_entities" not in line
    assert str(line["entities"]).startswith("[{'label': 'LOC', 'text': 'Oslo', 'start': 0, 'end': 4")
    with pytest.raises(NerveError, match=r"x\.csv:2: no field 'title' \(it has: 'body', 'text'\)"):
        run("-i", path, "--field", "title")


def test_pipes_may_be_written_one_after_the_other(run: _Run) -> None:
    """More than a pipe holds, so that the writer of the first waits until it is read."""
    pipes = [run.folder / name for name in ("a.conll", "b.conll")]
    for pipe in pipes:
        os.mkfifo(pipe)

    def write() -> None:
        for pipe in pipes:
            pipe.write_bytes(b"Maria\tB-PER\n\n" * 20_000)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    out = run("--format", "conll", "-i", *pipes)
    writer.join()
    assert out.count(b"\n\n") == 40_000


def test_a_row_that_is_too_long_is_skipped_or_recorded_as_any_broken_line(run: _Run) -> None:
    path = run.file("x.csv", "id,text\n1,Maria\n2,Oslo, Norway\n3,Oslo\n")
    assert [line["id"] for line in _lines(run("-i", path, "--on-error", "skip"))] == ["1", "3"]
    first, broken, last = _lines(run("-i", path, "--on-error", "record"))
    assert (first["id"], last["id"]) == ("1", "3")
    assert "x.csv:3: a list of 3 values" in str(broken["error"])


def test_a_killed_run_goes_on_in_a_table(run: _Run) -> None:
    path, out = run.file("x.csv", "text\n" + "Maria\n" * 3 + "Oslo,x\n"), run.folder / "o.jsonl"
    with pytest.raises(NerveError, match=r"x\.csv:5: a list of 2 values where an object or a row of a table should be"):
        run("-i", path, "-o", out)
    run.file("x.csv", "text\n" + "Maria\n" * 3 + '"Oslo,x"\n')
    run("-i", path, "-o", out, "--resume")
    assert [line["text"] for line in _lines(out.read_bytes())] == ["Maria"] * 3 + ["Oslo,x"]


def test_conllu_is_given_back_with_a_column_more(run: _Run) -> None:
    """What stands between the words stays (conllu#37); spaces inside a FORM are part of it (udpipe#21)."""
    rest = "\t_" * 8 + "\n"
    sentence = f"# newdoc\n# id = S-2\n1-2\tMaria{rest}1\tMaria{rest}2.1\t_{rest}2\tin Oslo{rest}3\tOslo{rest}\n"
    out = run("-i", run.file("x.conllu", sentence)).decode()
    labels = iter(["B-PER", "O", "B-LOC"])
    expected = [
        f"{line}\t{next(labels)}" if line[:2] in ("1\t", "2\t", "3\t") else line for line in sentence.split("\n")
    ]
    assert out.split("\n") == expected


def test_packed_output_of_other_kinds(run: _Run) -> None:
    path = run.file("x.txt", "Oslo\n")
    run("-i", path, "-o", run.folder / "o.jsonl.xz")
    assert len(_lines(lzma.decompress((run.folder / "o.jsonl.xz").read_bytes()))) == 1
    assert len(_lines(run("-i", run.folder / "o.jsonl.xz"))) == 1


_SENTENCES = "Maria NNP B-PER\n\nin IN O\n\nOslo NNP B-LOC\n\n"


def test_what_begins_a_document(run: _Run) -> None:
    """By -DOCSTART- in CoNLL, # newdoc in CoNLL-U, and the field doc_id in JSONL."""
    marked = _SENTENCES + "-DOCSTART- O\n\n" + _SENTENCES + "-DOCSTART- O\n\n" + _SENTENCES
    assert [item.document for item in read("conll", marked.encode())] == [""] * 3 + ["1"] * 4 + ["2"] * 4
    row = "\t_" * 8 + "\n\n"
    universal = f"# newdoc id = a\n# text = x\n1\tMaria{row}1\tOslo{row}# newdoc\n1\tin{row}"
    assert [item.document for item in read("conllu", universal.encode())] == ["1", "1", "2"]
    lines = b'{"words": ["a"], "doc_id": 7}\n{"words": ["b"], "doc_id": "x"}\n{"words": ["c"]}\n'
    assert [item.document for item in read("jsonl", lines)] == ["7", "x", ""]
    fields = Reading(fields=Fields(document="page"))
    assert [item.document for item in read("jsonl", b'{"words": ["a"], "page": 7, "doc_id": 8}', fields)] == ["7"]


@pytest.mark.parametrize("chunk", ["1", "2", "512"])
@pytest.mark.parametrize("policy", ["sentences", "context"])
def test_documents_are_given_back_whatever_the_reading(policy: str, chunk: str, run: _Run) -> None:
    path = run.file("x.conll", "-DOCSTART- O\n\n" + _SENTENCES * 3 + "-DOCSTART- O\n\n" + _SENTENCES)
    lines = run("-i", path, "--read", policy, "--chunk", chunk).decode().splitlines()
    assert lines[:8] == ["-DOCSTART- O", "", "Maria NNP B-PER B-PER", "", "in IN O O", "", "Oslo NNP B-LOC B-LOC", ""]
    assert len(lines) == 4 + 4 * 6


def test_a_text_that_seems_to_have_no_end_is_refused(run: _Run) -> None:
    path = run.file("x.txt", "Oslo\n" + "Maria " * 100 + "\nLund\n")
    assert len(_lines(run("-i", path, "--max-text", "602"))) == 3
    with pytest.raises(NerveError, match=r"x\.txt: a line of 600 bytes or more, as if it had no end; cut it"):
        run("-i", path, "--max-text", "600")
    with pytest.raises(NerveError, match="a text of 100 bytes or more"):
        run("-i", run.file("y.txt", "Oslo\n" * 40), "-f", "text", "--max-text", "100")
