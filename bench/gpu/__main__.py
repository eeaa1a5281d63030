"""python -m bench.gpu: the same as python -m bench gpu-check."""

from bench.gpu.command import PROG, main
from runtime.command_line import run

if __name__ == "__main__":
    run(main, PROG)
