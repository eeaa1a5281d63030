"""What is tagged (texts, log_lines), by which checkpoint (subject, bert_large), and how right the answers are
(reference, answers).
"""
