"""python -m bench.serve.one_by_one CHECKPOINT PORT THREADS: one forward at a time on the event loop, as KServe does.

Tokenizer and model of transformers, the label of each token out, and its place.
"""

from __future__ import annotations

import json
import sys


def main(checkpoint: str, port: str, threads: str) -> None:
    """Serve until it is killed."""
    import torch
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    torch.set_num_threads(int(threads))
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForTokenClassification.from_pretrained(checkpoint).eval()
    names = model.config.id2label

    async def predict(request: Request) -> Response:
        texts = json.loads(await request.body())["instances"]
        given = tokenizer(texts, return_tensors="pt", truncation=True, padding=True, return_offsets_mapping=True)
        places = given.pop("offset_mapping").tolist()
        with torch.inference_mode():
            labels = model(**given).logits.argmax(-1).tolist()
        found = [
            [[names[label], *place] for label, place in zip(row, where) if place[1] > place[0]]
            for row, where in zip(labels, places)
        ]
        return JSONResponse({"predictions": found})

    app = Starlette(routes=[Route("/v1/models/ner:predict", predict, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="error")


if __name__ == "__main__":
    main(*sys.argv[1:])
