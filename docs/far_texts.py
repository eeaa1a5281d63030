"""Texts far away from a corpus of news, for docs/compare_elsewhere.py: kind -> sentences, as words.

Some are made of CoNLL files (other letters, pieces, full rows), some by chance after a pattern (logs, tables), some of
files of any sort that are given. All are always the same, and no one fits anything to them.
"""

from __future__ import annotations

import ast
import gettext
import gzip
import io
import random
import re
import tokenize
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from export.certify.full_rows import full_length_sequences, row_lengths
from runtime.encode.tokenizer import Encoder
from runtime.text.sentences import split_sentences
from runtime.text.words import split_words

Words = tuple[str, ...]
Sentences = list[Words]

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
# Bytes of one file, so that a kind has many files and not one alone.
_OF_A_FILE = 20_000


def altered(name: str, sentences: Sentences) -> dict[str, Sentences]:
    """The kinds that are made of a corpus of that name."""
    chance = random.Random(1)
    return {
        f"{name}, upper case": [tuple(word.upper() for word in sentence) for sentence in sentences],
        f"{name}, lower case": [tuple(word.lower() for word in sentence) for sentence in sentences],
        f"{name}, a typing error in every other word": [
            tuple(_mistyped(word, chance) for word in sentence) for sentence in sentences
        ],
        f"{name}, one to three words": list(_pieces(sentences, chance)),
        f"{name}, words in any order": [tuple(chance.sample(sentence, len(sentence))) for sentence in sentences],
    }


def full_rows(sentences: Sentences, encoder: Encoder, max_length: int) -> Sentences:
    """Running text that fills rows to the last token slot, as certificates have it; see export.certify.full_rows."""
    return full_length_sequences(_Counting(encoder), sentences, row_lengths(max_length))


class _Counting:
    """Of export.certify.reference.Reference, what full rows ask for, without PyTorch."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def tokens(self, sentences: Sequence[Sequence[str]]) -> list[int]:
        """Tokens of each sentence, special ones included."""
        start = self._encoder.encode_words(sentences).text_start
        return [int(size) + len(self._encoder.special_tokens) for size in start[1:] - start[:-1]]


def logs(lines: int) -> Sentences:
    """Lines as programs write them, words divided at blanks and marks as Nerve divides them."""
    chance = random.Random(2)
    hosts, parts = ("web-01", "db2.eu-west.example.com", "gw", "node17"), ("sshd", "kernel", "nginx", "cron", "api")
    said: tuple[Callable[[], str], ...] = (
        lambda: f"Accepted publickey for deploy from {_address(chance)} port {chance.randrange(65536)} ssh2",
        lambda: (
            f'{_address(chance)} - - "GET /api/v{chance.randrange(4)}/users/{chance.randrange(10**6)} HTTP/1.1" 200'
        ),
        lambda: f"[{chance.random() * 1e5:.6f}] eth0: link up, {10 ** chance.randrange(2, 5)} Mbps, full duplex",
        lambda: f"ERROR TimeoutException at com.example.Worker.run(Worker.java:{chance.randrange(900)}) after 3000ms",
        lambda: f"WARN  cache miss ratio={chance.random():.3f} key=user:{chance.getrandbits(64):016x} ttl=300",
        lambda: f"session opened for user root by (uid={chance.randrange(1100)})",
    )
    stamp = "2026-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}.{:03d}Z"
    found = []
    for _ in range(lines):
        when = stamp.format(*(chance.randrange(1, most) for most in (13, 29, 24, 60, 60, 1000)))
        found.append(f"{when} {chance.choice(hosts)} {chance.choice(parts)}[{chance.randrange(30000)}]: ")
        found[-1] += chance.choice(said)()
    return [words_of(line) for line in found]


def tables(rows: int, names: Sequence[str]) -> Sentences:
    """Rows of results and of prices: a name and mostly numbers, a sentence each."""
    chance = random.Random(3)
    found = []
    for place in range(rows):
        name = f"{chance.choice(names)} {chance.choice(names)}"
        times = " ".join(
            f"{chance.randrange(10, 60)}.{chance.randrange(100):02d}" for _ in range(chance.randrange(2, 7))
        )
        kinds = (
            f"{place % 20 + 1}. {name} ({chance.choice(names)}) {times} +{chance.randrange(1, 90)}",
            f"{name} {chance.randrange(7)}-{chance.randrange(7)} {chance.randrange(7)}-{chance.randrange(7)}",
            f"{name} | {chance.randrange(10**6):,} | {chance.random() * 100:.2f}% | {times} | n/a",
            f"{chance.choice(names).upper()[:4]} {chance.random() * 900:.2f} {chance.random() * 9 - 4:+.2f} {times}",
        )
        found.append(chance.choice(kinds))
    return [words_of(row) for row in found]


def from_files(pattern: str, most: int) -> Sentences:
    """Sentences of files of any sort, from all over them: text, Python's comments, manual pages, catalogs (.mo).

    Args:
        pattern: a path with * and **.
        most: words, about.
    """
    path = Path(pattern)
    files = sorted(each for each in Path(path.anchor).glob(str(path.relative_to(path.anchor))) if each.is_file())
    random.Random(4).shuffle(files)
    found: Sentences = []
    count = 0
    for file in files:
        for sentence in _sentences(_text(file)[:_OF_A_FILE]):
            found.append(sentence)
            count += len(sentence)
        if count >= most:
            break
    return found


def words_of(text: str) -> Words:
    """The words of a text as Nerve divides it."""
    return tuple(text[start:end] for start, end in split_words(text))


def _sentences(text: str) -> Iterator[Words]:
    for start, end in split_sentences(text):
        if words := words_of(text[start:end]):
            yield words


def _text(file: Path) -> str:
    raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    if file.suffix == ".mo":
        return _catalog(raw)
    text = raw.decode("utf-8", errors="replace")
    if file.suffix == ".py":
        return _comments(text)
    return _manual(text) if re.search(r"\.\d\w*(\.gz)?$", file.name) else text


def _catalog(raw: bytes) -> str:
    try:
        catalog = gettext.GNUTranslations(io.BytesIO(raw))._catalog
    except (UnicodeDecodeError, ValueError):  # in the encoding of a time before UTF-8
        return ""
    # Translations alone; a paragraph each, so that none runs into the next.
    return "\n\n".join(said for asked, said in catalog.items() if asked and isinstance(said, str))


def _comments(source: str) -> str:
    """Comments and docstrings of a Python file."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
        nodes = [each for each in ast.walk(ast.parse(source)) if isinstance(each, _DOCUMENTED)]
    except (SyntaxError, tokenize.TokenError):
        return ""
    lines = [token.string.lstrip("#! ") for token in tokens if token.type == tokenize.COMMENT]
    return "\n\n".join([*filter(None, map(ast.get_docstring, nodes)), "\n".join(lines)])


_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _manual(source: str) -> str:
    """A manual page without the commands of its layout."""
    lines = (re.sub(r"^\.[A-Z]{1,2} ", "", line) for line in source.splitlines())
    kept = ("" if line.startswith((".", "'")) else line for line in lines)
    return re.sub(r"\\f[A-Z]|\\[&|]|\\", "", "\n".join(kept))


def _mistyped(word: str, chance: random.Random) -> str:
    """Half of the words with two letters swapped, one left out or one more."""
    if len(word) < 3 or not word.isalpha() or chance.random() < 0.5:
        return word
    at = chance.randrange(len(word) - 1)
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return chance.choice((swapped, word[:at] + word[at + 1 :], word[:at] + chance.choice(_LETTERS) + word[at:]))


def _pieces(sentences: Sentences, chance: random.Random) -> Iterator[Words]:
    for sentence in sentences:
        at = 0
        while at < len(sentence):
            size = chance.randrange(1, 4)
            yield sentence[at : at + size]
            at += size


def _address(chance: random.Random) -> str:
    return ".".join(str(chance.randrange(256)) for _ in range(4))
