"""python docs/compare_elsewhere.py BUNDLE --output FILE ...: labels that change on text far away from the corpus.

    python docs/compare_elsewhere.py BUNDLE --corpus valid.txt wikigold.txt --alter wikigold.txt \
        --files "documentation=/usr/share/doc/**/README*" --output FILE.json

Every candidate of lower precision, opened as it is served, is held against the bundle's fp32 graph, which changes no
label of the checkpoint's. No gold labels are needed. Written for each candidate and kind of text:

    words, changed, per_10k     compared words, changed labels, changed labels in 10,000 words
    low, high                   95% interval of that rate (Clopper and Pearson 1934), as if words were independent
    sure, sure_changed          words whose label has a probability of 0.95 or more by the checkpoint; of them changed
    surest                      the largest probability of the checkpoint's label where it changed
    lead_lost                   of the sure words: the largest share of the first label's lead (in logits) that was
                                lost; from 1 on, the label changes
    agreement                   F1 of entities against the checkpoint's
    moved                       mean movement of the gap between the first two logits where it is below 1
    doubtful                    share of words at which the first label leads by less than 0.1 of probability
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, softmax

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent))
import far_texts

from export.certify.elsewhere import SEED, SENTENCES
from runtime.bundle.gate import SURE
from runtime.bundle.store import TOKENIZER, Bundle, Candidate, read_bundle
from runtime.encode.tokenizer import Encoder
from runtime.selection import runnable
from runtime.tagger import Tagger
from runtime.text.agreement import per_10k
from runtime.text.conll import read_conll
from runtime.text.label_schemes import LabelSet, bio_from_labels
from runtime.text.scores import score_labels
from train.corpus.sample import sample_corpus

Logits = NDArray[np.float32]
Results = dict[str, dict[str, dict[str, Any]]]
# Gaps below this tell how far they move; leads below that are doubt.
_IN_DOUBT, _LEAD = 1.0, 0.1


def kinds(options: argparse.Namespace, encoder: Encoder, max_length: int) -> dict[str, far_texts.Sentences]:
    """All kinds of text."""
    found: dict[str, far_texts.Sentences] = {}
    for path in options.corpus:
        found[path.stem] = [sentence.words for sentence in read_conll(path)]
        found[f"{path.stem}, full rows"] = far_texts.full_rows(found[path.stem], encoder, max_length)
    news = [sentence.words for sentence in sample_corpus(seed=SEED, train=0, valid=SENTENCES)[1]]
    found["generated news"] = news
    for path in options.alter:
        corpus = [sentence.words for sentence in read_conll(path)]
        for name, text in far_texts.altered(path.stem, corpus).items():
            one, other = encoder.encode_words(text), encoder.encode_words(corpus)
            # An uncased tokenizer makes the same tokens of other letters: nothing to measure.
            if np.array_equal(one.ids, other.ids) and np.array_equal(one.text_start, other.text_start):
                print(f"{name}: the same tokens as {path.stem}", file=sys.stderr)
            else:
                found[name] = text
    capitalized = sorted({word for sentence in news for word in sentence if word.istitle()})
    found["log lines"] = far_texts.logs(options.words // 25)
    found["tables"] = far_texts.tables(options.words // 15, capitalized)
    for given in options.files:
        name, _, pattern = given.partition("=")
        found[name] = far_texts.from_files(pattern, options.words)
    return found


def figures(expected: Logits, found: Logits, sentences: far_texts.Sentences, labels: LabelSet) -> dict[str, Any]:
    """The figures of one candidate on one kind; see above. Both logits: [words, labels]"""
    words = np.arange(len(expected))
    order = np.argsort(expected, axis=1)
    first, second = order[:, -1], order[:, -2]
    gap = expected[words, first] - expected[words, second]
    moved = found[words, first] - found[words, second] - gap
    # The nearest of all other labels decides, not the one that was second.
    others = found - found[words, first][:, None]
    others[words, first] = -np.inf
    changed = found.argmax(axis=1) != first
    probability = softmax(expected.astype(np.float64), axis=1)
    best = probability[words, first]
    sure = best >= SURE
    count, number = int(changed.sum()), len(words)
    lost = 1 + others.max(axis=1) / gap
    return {
        "words": number,
        "changed": count,
        "per_10k": per_10k(count, number),
        "low": 1e4 * float(betaincinv(count, number - count + 1, 0.025)) if count else 0.0,
        "high": 1e4 * float(betaincinv(count + 1, number - count, 0.975)),
        "sure": int(sure.sum()),
        "sure_changed": int((sure & changed).sum()),
        "surest": float(best[changed].max()) if count else None,
        "lead_lost": float(lost[sure].max()),
        "agreement": _agreement(first, found.argmax(axis=1), sentences, labels),
        "moved": float(np.abs(moved)[gap < _IN_DOUBT].mean()),
        "doubtful": float(np.mean(best - probability[words, second] < _LEAD)),
    }


def _agreement(told: NDArray[Any], said: NDArray[Any], sentences: far_texts.Sentences, labels: LabelSet) -> float:
    ends = [0, *itertools.accumulate(map(len, sentences))]

    def in_bio(found: NDArray[Any]) -> list[list[str]]:
        names = [labels.labels[index] for index in found.tolist()]
        return [bio_from_labels(names[start:end], labels) for start, end in itertools.pairwise(ends)]

    score = score_labels(in_bio(told), in_bio(said)).overall
    return score.f1 if score.gold or score.found else 1.0


def logits_of(bundle: Bundle, candidate: Candidate, texts: dict[str, far_texts.Sentences], threads: int) -> Any:
    """Kind -> logits of its words, by a candidate as it is served."""
    with Tagger.open(bundle.path, candidate=candidate, threads=threads, allow_uncertified=True) as tagger:
        return {kind: tagger.word_logits(sentences) for kind, sentences in texts.items()}, tagger.labels


def reference(bundle: Bundle, texts: dict[str, far_texts.Sentences], options: argparse.Namespace) -> Any:
    """What the fp32 graph says, kept in a file for the next candidate if one is given."""
    fp32 = next(each for each in runnable(bundle) if (each.backend, each.precision) == ("openvino", "fp32"))
    digest = hashlib.sha256(json.dumps([bundle.manifest.files[fp32.file].sha256, texts]).encode()).hexdigest()
    kept = options.keep / f"{digest}.npz" if options.keep else None
    if kept and kept.is_file():
        with np.load(kept) as arrays:
            return dict(arrays), LabelSet(bundle.manifest.labels, bundle.manifest.label_scheme)
    found, labels = logits_of(bundle, fp32, texts, options.threads)
    if kept:
        np.savez(kept, **found)
    return found, labels


def tables(results: Results, before: Results) -> str:
    """The results as a page has them, and what another bundle had before: a row a kind of text."""
    # What only the other was asked for (bf16 of the same fp32 graph) is shown as it is.
    shown = {**before, **results}
    was_of = {name: before.get(name, {}) if name in results else {} for name in shown}
    changed = [f"| text | words | in doubt | {' | '.join(shown)} |", "|---" * (3 + len(shown)) + "|"]
    details = [f"| text | moved: {'; '.join(shown)} | sure ones changed | surest changed | lead lost | agreement |"]
    details.append("|---" * 6 + "|")
    for kind, first in next(iter(results.values())).items():
        of = {name: by_kind[kind] for name, by_kind in shown.items()}
        was = {name: by_kind.get(kind) for name, by_kind in was_of.items()}
        rates = [_then(_rate(each), was[name], lambda old: f"{old['per_10k']:.1f}") for name, each in of.items()]
        changed.append(f"| {kind} | {first['words']:,} | {first['doubtful']:.1%} | {' | '.join(rates)} |")
        moved = [
            _then(f"{each['moved']:.3f}", was[name], lambda old: f"{old['moved']:.3f}") for name, each in of.items()
        ]
        details.append(f"| {kind} | {'; '.join(moved)} | {' | '.join(_worst(list(of.values())))} |")
    return "\n".join([*changed, "", *details])


def _then(now: str, old: dict[str, Any] | None, said: Callable[[dict[str, Any]], str]) -> str:
    return now if old is None else f"{now}, before {said(old)}"


def _moved(each: dict[str, Any]) -> str:
    return f"{each['moved']:.3f}"


def _rate(each: dict[str, Any]) -> str:
    return f"{each['per_10k']:.1f} ({each['low']:.1f} to {each['high']:.1f})"


def _worst(of: Sequence[dict[str, Any]]) -> Sequence[str]:
    """Of all candidates the worst."""
    surest = max((each["surest"] or 0.0 for each in of), default=0.0)
    sure = f"{max(each['sure_changed'] for each in of)} of {of[0]['sure']:,}"
    lost, agreement = max(each["lead_lost"] for each in of), min(each["agreement"] for each in of)
    return sure, f"{surest:.2f}" if surest else "-", f"{lost:.0%}", f"{agreement:.3f}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--corpus", type=Path, nargs="*", default=[], help="CoNLL files, taken as they are")
    parser.add_argument("--alter", type=Path, nargs="*", default=[], help="CoNLL files to alter")
    parser.add_argument("--files", nargs="*", default=[], metavar="KIND=PATTERN", help="files of any sort")
    parser.add_argument("--words", type=int, default=40_000, help="of each kind from files or by chance (%(default)s)")
    parser.add_argument("--precisions", nargs="*", default=["bf16", "int8"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder that keeps what the fp32 graph says")
    parser.add_argument("--before", type=Path, help="JSON of another bundle, to show beside")
    parser.add_argument("--output", type=Path, required=True, help="JSON to write; the tables are printed")
    return parser.parse_args()


def main() -> None:
    """Compare, write the figures and print the tables."""
    options = _options()
    bundle = read_bundle(options.bundle)
    texts = kinds(options, Encoder(options.bundle / TOKENIZER), bundle.manifest.max_length)
    expected, labels = reference(bundle, texts, options)
    results: Results = {}
    for candidate in runnable(bundle):
        if candidate.precision in options.precisions and candidate.backend != "pytorch":
            found, _ = logits_of(bundle, candidate, texts, options.threads)
            results[f"{candidate.precision}, {candidate.backend}"] = {
                kind: figures(expected[kind], found[kind], sentences, labels) for kind, sentences in texts.items()
            }
    digest = {name: each.sha256 for name, each in bundle.manifest.files.items() if name.endswith(".onnx")}
    options.output.write_text(json.dumps({"graphs": digest, "results": results}, indent=1) + "\n", encoding="utf-8")
    before = json.loads(options.before.read_text(encoding="utf-8"))["results"] if options.before else {}
    print(tables(results, before))


if __name__ == "__main__":
    main()
