"""Waiting for what is bound to come: an event, never so many seconds; only what would hang fails, after PATIENCE."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 600.0
"""Seconds after which a test says that it hangs. Far more than a busy machine takes for anything that tests do."""


def wait_until(come: Callable[[], object]) -> None:
    """Wait until that is true."""
    end = time.monotonic() + PATIENCE
    while not come():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)
