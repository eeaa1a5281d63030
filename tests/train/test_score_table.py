"""The score table."""

from __future__ import annotations

from train.score_table import Row, markdown, rows_of

SCORES = {
    "eval_loss": 0.0804,
    "eval_precision": 0.9299,
    "eval_recall": 0.9272,
    "eval_f1": 0.9286,
    "eval_accuracy": 0.982,
}


def test_a_row_joins_the_losses_of_its_epoch_with_its_scores() -> None:
    log = [
        {"loss": 0.5, "step": 10, "epoch": 0.5},
        {"loss": 0.2, "step": 15, "epoch": 1.0},
        {**SCORES, "step": 15, "epoch": 1.0},
        {"loss": 0.1, "step": 30, "epoch": 2.0},
        {**SCORES, "step": 30, "epoch": 2.0},
        {"train_runtime": 3.0, "step": 30, "epoch": 2.0},
    ]
    first, second = rows_of(log)
    assert first == Row(0.4, 1, 15, 0.0804, 0.9299, 0.9272, 0.9286, 0.982)
    assert (second.training_loss, second.epoch, second.step) == (0.1, 2, 30)


def test_the_table_is_markdown_with_columns_that_line_up() -> None:
    lines = markdown([Row(0.1009, 1, 2809, 0.0804, 0.9299, 0.9272, 0.9286, 0.9820)])
    assert lines[0].startswith("| training loss | epoch | step | validation loss | precision |")
    assert "|".join(lines[2].split(" | ")).replace(" ", "") == "|0.1009|1|2809|0.0804|0.9299|0.9272|0.9286|0.9820|"
    assert lines[0].index("| epoch") + len("| epoch") == lines[2].index("| 2809") - 1
