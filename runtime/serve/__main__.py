"""python -m runtime.serve: a bundle over HTTP.

runtime.serve.options    the command line
runtime.serve.opening    bundle, backend and shadow
runtime.serve.server     socket, signals, drain
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from runtime.command_line import run
from runtime.errors import UsageError
from runtime.serve.options import PROG, parse
from runtime.system.libraries import too_many_threads

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def main(arguments: Sequence[str]) -> int:
    """Serve until a signal; see --help."""
    asked = parse(arguments)
    try:
        from runtime.serve.http.access import VARIABLE, read_key
        from runtime.serve.http.app import make_app
        from runtime.serve.http.openapi import openapi_endpoint
        from runtime.serve.observe.tracing import NO_TRACES, Otlp
        from runtime.serve.opening import open_service
        from runtime.serve.page import ENDPOINTS as PAGE
        from runtime.serve.protocols import all_endpoints
        from runtime.serve.server import listen, serve
    except ModuleNotFoundError as error:
        problem = f"the library {error.name!r} is not installed"
        raise UsageError("server", problem, "pip install 'nerve-ner[serve]'") from error
    key = read_key(asked.api_key_file)
    if not key and asked.host not in _LOOPBACK:
        print(f"{PROG}: warning: {asked.host} is open to others, and no key is set; see {VARIABLE}", file=sys.stderr)
    on = listen(asked.host, asked.port)  # before the bundle: a taken port is soon said
    if told := too_many_threads(asked.threads):
        print(f"{PROG}: warning: {told}", file=sys.stderr)
    service, about = open_service(asked)
    print(f"{PROG}: took {about}", file=sys.stderr)
    traces = Otlp(asked.otlp) if asked.otlp else NO_TRACES
    endpoints = (*all_endpoints(), *PAGE)
    app = make_app(service, (*endpoints, openapi_endpoint(endpoints)), key=key, keyed=asked.key_for, traces=traces)
    serve(
        app,
        service,
        on,
        idle_seconds=asked.idle_seconds,
        drain_notice=asked.drain_notice,
        drain_seconds=asked.drain_seconds,
    )
    traces.close()
    return 0


if __name__ == "__main__":
    run(main, PROG)
