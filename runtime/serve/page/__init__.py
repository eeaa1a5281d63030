"""The page for a browser."""

from __future__ import annotations

from runtime.serve.http.endpoint import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = ()
