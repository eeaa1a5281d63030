"""What GPUs can do by their data sheets. Published peaks, dense (without sparsity), at boost clocks; nothing measured.

Sources: NVIDIA's data sheets and architecture white papers, named with each GPU. Rates are of matrix units with fp16
input and fp32 sums, which is what TensorRT's kernels use; on GeForce GPUs that is half the rate with fp16 sums. 8
bits: int8, and fp8 where it differs. A GPU that does not multiply in a precision has no rate for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU by its data sheet.

    Attributes:
        name: of the model.
        compute_capability: such as "8.9".
        teraflops: of matrix units in each precision, 10^12 operations a second; a MAC is two operations.
        gigabytes_per_second: of its memory.
        source: the document.
    """

    name: str
    compute_capability: str
    gigabytes_per_second: float
    source: str
    teraflops: dict[str, float] = field(default_factory=dict)


GPUS = (
    Gpu("T4", "7.5", 320, "NVIDIA T4 data sheet", {"fp16": 65, "int8": 130, "fp32": 8.1}),
    Gpu("A10", "8.6", 600, "NVIDIA A10 data sheet", {"fp16": 125, "int8": 250, "fp32": 31.2}),
    Gpu("L4", "8.9", 300, "NVIDIA L4 data sheet", {"fp16": 121, "int8": 242, "fp8": 242, "fp32": 30.3}),
    Gpu("L40S", "8.9", 864, "NVIDIA L40S data sheet", {"fp16": 362, "int8": 733, "fp8": 733, "fp32": 91.6}),
    Gpu("A100 80GB SXM", "8.0", 2039, "NVIDIA A100 data sheet", {"fp16": 312, "int8": 624, "fp32": 19.5}),
    Gpu("H100 SXM", "9.0", 3350, "NVIDIA H100 data sheet", {"fp16": 989, "int8": 1979, "fp8": 1979, "fp32": 67}),
    Gpu(
        "RTX 4090",
        "8.9",
        1008,
        "NVIDIA Ada GPU architecture white paper, appendix A",
        {"fp16": 165.2, "int8": 660.6, "fp8": 330.3, "fp32": 82.6},
    ),
    Gpu(
        "RTX 5090",
        "12.0",
        1792,
        "NVIDIA RTX Blackwell GPU architecture white paper, appendix A",
        {"fp16": 209.5, "int8": 838, "fp8": 419, "fp32": 104.8},
    ),
)
