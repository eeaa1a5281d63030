"""Stage 1: a corpus becomes a checkpoint. It needs torch and transformers.

python -m train --base ENCODER --corpus CORPUS --output CHECKPOINT

corpus/         sentences with labels: from files, from the hub, or generated
base, notices   the encoder that a run starts from, and what stays with it
recipe          every hyper-parameter of a run, and the presets
finetune        recipe, corpus and base -> a model (model, align, examples, epoch_order, callbacks)
score_table, model_card, work_folder    what a run tells, and what it leaves behind
"""
