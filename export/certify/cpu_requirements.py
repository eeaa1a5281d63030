"""What a candidate's certificate asks of the CPU: that it does what this one did when it was measured."""

from __future__ import annotations

from collections.abc import Collection

from runtime.bundle.store import Bundle, Candidate
from runtime.system.cpu import ANY_SUMS, CpuFeature


def cpu_requirements_of(bundle: Bundle, candidate: Candidate, here: Collection[CpuFeature]) -> tuple[CpuFeature, ...]:
    """The abilities that the candidate's answers come from; only int8 on a CPU has any.

    Floating point differs from CPU to CPU by the order of sums alone, which every gate has room for.

    Args:
        bundle: whose candidate; a narrow graph answers alike everywhere.
        candidate: whose certificate it is.
        here: abilities of this CPU. Where how it adds int8 is not known, the certificate holds nowhere.
    """
    if candidate.precision != "int8" or candidate.device != "cpu" or bundle.graph_in(candidate.file).seven_bit:
        return ()
    sums = [each for each in ANY_SUMS if each in here] or ANY_SUMS
    return (*sums, "bf16") if "bf16" in here else (*sums,)
