"""What clients say and expect, one protocol a file. Each gives a tuple of Endpoints; `all_endpoints` is all of them."""

from __future__ import annotations

from importlib import import_module

from runtime.serve.http.endpoint import Endpoint

PROTOCOLS = (
    "native",
    "hugging_face",
    "open_inference",
    "kserve_v1",
    "presidio",
    "vllm",
    "label_studio",
    "nemo",
    "operations",
)


def all_endpoints() -> tuple[Endpoint, ...]:
    """Every route of the server but the page's."""
    modules = [import_module(f"{__name__}.{name}") for name in PROTOCOLS]
    return tuple(endpoint for module in modules for endpoint in module.ENDPOINTS)
