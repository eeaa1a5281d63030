"""A backend that is closed once, while nobody is in it, and is not used after that or in a forked process.

Libraries free memory under a call that still runs, let callers wait for threads that are gone, or crash. It knows
nothing of what is run.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from runtime.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from runtime.backends.base import Backend
    from runtime.batch.batches import Batch


class GuardedBackend:
    """A Backend around another one; see the module.

    Args:
        backend: the other one.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.layout, self.streams, self.device = backend.layout, backend.streams, backend.device
        self.version, self.packing = backend.version, backend.packing
        # By itself a lock takes a fifth of a condition's time.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._inside, self._closed = 0, False
        self._process = os.getpid()

    def check(self) -> None:
        """Refuse a use that could only hang or crash.

        Raises:
            UsageError: it is closed, or was opened in the process that this one was forked from.
        """
        if os.getpid() != self._process:
            problem = "it was opened before this process was forked, and its threads stayed behind"
            raise UsageError("tagger", problem, "open one in each process")
        if self._closed:
            raise UsageError("tagger", "it is closed", "open another one")

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """See Backend.

        Raises:
            UsageError: see check.
        """
        # Before any lock: a thread that is not here any more may have held it when the process was forked.
        if os.getpid() != self._process:
            self.check()
        with self._lock:
            if self._closed:
                self.check()
            self._inside += 1
        try:
            return self._backend.logits(batch)
        finally:
            with self._lock:
                self._inside -= 1
                if self._closed:
                    self._changed.notify_all()

    def close(self) -> None:
        """Wait for the batches that are being run, and close; nothing where it was closed before, or after a fork."""
        if os.getpid() != self._process:
            return  # what there is to close belongs to the other process
        with self._changed:
            first, self._closed = not self._closed, True
            self._changed.wait_for(lambda: not self._inside)
        if first:
            self._backend.close()
