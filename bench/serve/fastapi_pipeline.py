"""python -m bench.serve.fastapi_pipeline CHECKPOINT PORT THREADS: transformers' pipeline behind FastAPI.

As tutorials show it: a pydantic model in, the pipeline called in a plain `def`, which FastAPI runs on its thread pool.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any


def main(checkpoint: str, port: str, threads: str) -> None:
    """Serve until it is killed."""
    import torch
    import uvicorn
    from fastapi import Body, FastAPI

    torch.set_num_threads(int(threads))
    transformers: Any = import_module("transformers")  # its types do not know that this task exists
    recognize = transformers.pipeline("ner", model=checkpoint, aggregation_strategy="simple")
    app = FastAPI()

    def ner(text: str = Body(embed=True)) -> list[dict[str, Any]]:
        found = recognize(text)
        return [{**each, "score": float(each["score"])} for each in found]

    app.post("/ner")(ner)
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="error")


if __name__ == "__main__":
    main(*sys.argv[1:])
