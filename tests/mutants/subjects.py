"""The modules that are mutated, and the tests that hold each: quick ones, in one process.

What is computed at import is run by every test, so that a module's tests together should take a second or less.
"""

from __future__ import annotations

_BUNDLE, _CERTIFY = "tests/runtime/bundle", "tests/export/certify"

# Names of files and tests, and options of pytest.
SUBJECTS: dict[str, tuple[str, ...]] = {
    "runtime.bundle.gate": (f"{_BUNDLE}/test_gate.py",),
    "runtime.bundle.doubts": (f"{_BUNDLE}/test_doubts.py",),
    "runtime.bundle.certificate": (f"{_BUNDLE}/test_certificate.py", f"{_BUNDLE}/test_manifest_edges.py"),
    "runtime.bundle.schema": (f"{_BUNDLE}/test_schema.py",),
    "runtime.bundle.manifest": (f"{_BUNDLE}/test_manifest_edges.py",),
    "runtime.bundle.store": (f"{_BUNDLE}/test_sealing.py",),
    "runtime.bundle.profile": (f"{_BUNDLE}/test_profile.py", f"{_BUNDLE}/test_manifest_edges.py"),
    "runtime.bundle.private_files": (f"{_BUNDLE}/test_private_files.py",),
    "runtime.bundle.signature": (f"{_BUNDLE}/test_signature.py",),
    "export.staging": (
        "tests/export/test_staging.py",
        "--deselect=tests/export/test_staging.py::test_one_process_at_a_time_whatever_its_number",
        "--deselect=tests/export/test_staging.py::test_a_killed_one_locks_nobody_out",
    ),
    "export.certify.measure": (f"{_CERTIFY}/test_measure.py",),
    "export.certify.confidence": (f"{_CERTIFY}/test_confidence.py",),
    "export.certify.corpus": (f"{_CERTIFY}/test_corpus.py",),
    "export.certify.outcomes": (f"{_CERTIFY}/test_outcomes.py",),
    "export.certify.certify_bundle": (
        f"{_CERTIFY}/test_certify.py",
        f"{_CERTIFY}/test_certify_bundle.py::test_a_gpu_that_fails_takes_nothing_from_the_cpu",
        f"{_CERTIFY}/test_certify_bundle.py::test_a_backend_that_rounds_badly_is_left_out_where_another_serves_the_file",
        f"{_CERTIFY}/test_certify_bundle.py::test_int8_that_this_cpu_cannot_add_up_takes_nothing_from_the_rest",
    ),
    "export.certify.best_labels": (f"{_CERTIFY}/test_best_labels.py",),
    "export.certify.full_rows": (f"{_CERTIFY}/test_full_rows.py",),
    "export.certify.cpu_requirements": (f"{_CERTIFY}/test_cpu_requirements.py",),
    "runtime.system.files": ("tests/runtime/system/test_files.py",),
    "runtime.selection": ("tests/runtime/test_selection.py",),
    "runtime.tag.output.journal": ("tests/runtime/tag/output/test_journal.py",),
    "runtime.tag.output.resumable_file": ("tests/runtime/tag/output/test_whole.py",),
    "export.quantize.gptq": ("tests/export/quantize/test_gptq.py",),
}
