"""The page for a browser: static files of this package, no build step, nothing from another host."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import Response

from runtime.serve.http.endpoint import Endpoint
from runtime.serve.http.exchange import Exchange

if TYPE_CHECKING:
    from runtime.serve.service import Service

_FOLDER = Path(__file__).parent / "static"
# Nothing but these files is loaded, and nothing is sent but to this server.
_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'"
_FILES = {
    "/": ("index.html", "text/html"),
    "/page/page.css": ("page.css", "text/css"),
    "/page/page.js": ("page.js", "text/javascript"),
    "/page/spans.js": ("spans.js", "text/javascript"),
}


def _file(name: str, media_type: str) -> Callable[[Service, Exchange], Awaitable[Response]]:
    content = (_FOLDER / name).read_bytes()
    headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}

    async def show(service: Service, exchange: Exchange) -> Response:
        return Response(content, media_type=media_type, headers=headers)

    return show


ENDPOINTS = tuple(
    Endpoint(
        method="GET",
        path=path,
        handler=_file(name, media_type),
        summary="The page for a browser",
        gives=f"{media_type}",
        guard="open",
    )
    for path, (name, media_type) in _FILES.items()
)
