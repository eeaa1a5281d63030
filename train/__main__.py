"""python -m train: corpus -> checkpoint.

The last line on standard output is JSON, unless that is a terminal: the checkpoint, its scores, steps and seconds; with
--plan the counts, wherever it goes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime import command_line as cli
from runtime.errors import UsageError
from runtime.screen.display import note, stage
from runtime.screen.opening import add_verbose, on_terminal, screen
from runtime.system.libraries import available_threads, yield_cores
from train.base import Base, find_base
from train.corpus.load import Corpus, open_corpus
from train.joined import with_joined
from train.notices import NOTICE
from train.recipe import Recipe, add_recipe_options, as_typed, recipe_from_options
from train.score_table import Row, heading, line, ruler
from train.work_folder import SCORES, WorkFolder, open_work, storage_checked

if TYPE_CHECKING:
    from train.finetune import Trained

PROG = "python -m train"


def main(arguments: Sequence[str]) -> int:
    """Train as the options say; the exit status."""
    options = _parser().parse_args(arguments)
    try:
        with screen(verbose=options.verbose):
            return _run(options)
    except UsageError as error:
        raise as_typed(error) from error


def _run(options: argparse.Namespace) -> int:
    recipe = recipe_from_options(options)
    corpus = open_corpus(recipe.corpus)
    if options.plan:
        return _plan(recipe, corpus)
    base = find_base(recipe.base)
    # What a resumed run must have in common with the one that was interrupted.
    run = {**asdict(recipe), "corpus_sha256": corpus.sha256}
    with open_work(options.output, run, resume=options.resume) as work:
        try:
            result = _train(recipe, corpus, base, work, options)
        except KeyboardInterrupt:
            if work.last_checkpoint():
                print("interrupted: the same command with --resume goes on from the last checkpoint", file=sys.stderr)
            raise
    if on_terminal():
        note(f"checkpoint: {result['checkpoint']}, F1 {result['f1']:.4f}")
    else:
        print(json.dumps(result))
    return 0


def _parser() -> cli.Parser:
    parser = cli.Parser(prog=PROG, description="Fine-tune a checkpoint for named-entity recognition.")
    parser.add_argument("--output", type=Path, default=Path("build/checkpoint"), help="folder to make (%(default)s)")
    parser.add_argument("--plan", action="store_true", help="print sentences and steps, and train nothing")
    parser.add_argument("--resume", action="store_true", help="go on with the interrupted run towards --output")
    parser.add_argument("--threads", type=cli.count, default=available_threads(), help="threads for a CPU (all)")
    parser.add_argument(
        "--save-every", type=cli.count, default=1000, metavar="STEPS", help="between checkpoints (%(default)s)"
    )
    add_verbose(parser)
    add_recipe_options(parser)
    return parser


def _plan(recipe: Recipe, corpus: Corpus) -> int:
    texts = with_joined(corpus.train, share=recipe.joined, seed=recipe.seed, max_length=recipe.max_length)
    steps = recipe.steps_per_epoch(len(texts))
    print(f"corpus            {corpus.name}: {', '.join(corpus.types)}")
    print(f"sentences         {len(corpus.train)} to train on, {len(corpus.valid)} to validate on")
    print(f"steps an epoch    {steps} of {recipe.train_batch} {'texts' if recipe.joined else 'sentences'}")
    print(f"steps in all      {steps * recipe.epochs} in {recipe.epochs} epochs")
    print(
        json.dumps(
            {
                "sentences": len(corpus.train),
                "valid_sentences": len(corpus.valid),
                "steps_per_epoch": steps,
                "steps": steps * recipe.epochs,
            }
        )
    )
    return 0


def _train(recipe: Recipe, corpus: Corpus, base: Base, work: WorkFolder, options: argparse.Namespace) -> dict[str, Any]:
    """Train in the work folder, publish the checkpoint, and return what the last line says."""
    began = time.monotonic()
    yield_cores()
    # torch takes seconds to load: only once all that can be checked without it has been.
    with stage("libraries"):
        import torch

        from train.finetune import finetune
    torch.set_num_threads(options.threads)
    if options.resume:
        checkpoint = work.last_checkpoint()
        print(f"going on from {checkpoint.name if checkpoint else 'the beginning: no checkpoint yet'}", file=sys.stderr)
    # It seeds all that is random before anything else, so that nothing up to here can change the table.
    trained = finetune(
        recipe,
        corpus,
        base,
        work=work,
        save_every=options.save_every,
        report=_print_row,
    )
    _save(recipe, corpus, base, work, trained)
    last = trained.rows[-1]
    scores = {"precision": last.precision, "recall": last.recall, "f1": last.f1, "accuracy": last.accuracy}
    seconds = round(time.monotonic() - began, 1)
    return {"checkpoint": str(options.output), **scores, "steps": last.step, "seconds": seconds}


def _print_row(row: Row) -> None:
    # A resumed run shows its rows from the first one on.
    for each in (heading(), ruler()) if row.epoch == 1 else ():
        note(each)
    note(line(row))


def _save(recipe: Recipe, corpus: Corpus, base: Base, work: WorkFolder, trained: Trained) -> None:
    from train.model_card import CardFacts, model_card

    with storage_checked(work.folder):
        trained.model.save_pretrained(work.final, safe_serialization=True)
        trained.tokenizer.save_pretrained(str(work.final))
    facts = CardFacts(
        name=work.output.name,
        base=base.name,
        license=base.license,
        labels=trained.labels,
        longest=base.longest,
        device=trained.device,
    )
    (work.final / "README.md").write_text(model_card(recipe, corpus, trained.rows, facts), encoding="utf-8")
    (work.final / NOTICE).write_text(_notice(base), encoding="utf-8")
    # Names, not the paths of this machine.
    named = {**asdict(recipe), "base": base.name, "corpus": corpus.name}
    record = {"recipe": named, "corpus_sha256": corpus.sha256, "rows": [asdict(row) for row in trained.rows]}
    # What else is in the folder later is somebody's own, and is not replaced.
    record["files"] = sorted({SCORES, *(path.relative_to(work.final).as_posix() for path in work.final.rglob("*"))})
    (work.final / SCORES).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    work.publish()


def _notice(base: Base) -> str:
    """What the license of the base asks of who passes on something that was made of it."""
    said = f"Made by fine-tuning {base.name}: its weights were changed. The license of {base.name}: {base.license}.\n"
    return f"{said}\n{base.notices}\n" if base.notices else said


if __name__ == "__main__":
    cli.run(main, PROG)
