"""What a candidate's certificate asks of the CPU: that it does what this one did when it was measured."""

from __future__ import annotations

from collections.abc import Collection

from runtime.bundle.store import Bundle, Candidate
from runtime.system.cpu import ANY_SUMS, CpuFeature


def cpu_requirements_of(bundle: Bundle, candidate: Candidate, here: Collection[CpuFeature]) -> tuple[CpuFeature, ...]:
    """The CPU features that the candidate's answers depend on. Only int8 and bf16 on a CPU depend on any.

    Floating point differs from CPU to CPU by the order of sums alone, and every gate has room for that.

    Args:
        bundle: it holds the candidate's graph; one with weights of 7 bits answers alike everywhere.
        candidate: whose certificate it is.
        here: features of this CPU. If it is not known how it adds int8, the certificate holds nowhere.
    """
    if candidate.precision == "bf16" and candidate.device == "cpu":
        return ("bf16",)
    if candidate.precision != "int8" or candidate.device != "cpu" or bundle.graph_in(candidate.file).seven_bit:
        return ()
    sums = [each for each in ANY_SUMS if each in here] or ANY_SUMS
    # OpenVINO computes what is not int8 in bf16 where it can; ONNX Runtime computes it in fp32 everywhere.
    return (*sums, "bf16") if "bf16" in here and candidate.backend == "openvino" else (*sums,)
