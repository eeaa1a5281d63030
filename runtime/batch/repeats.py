"""Windows that are the same, token for token: each is run once, and its logits are kept for when it comes again.

Text of machines repeats itself: logs, forms, headers, disclaimers. It knows nothing of backends; all of it may be used
from several threads at once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from runtime.batch.windows import Windows

Run = Callable[[Windows], NDArray[np.float32]]
"""Windows -> logits of every token, of which those that the windows answer for are filled. [tokens, labels]"""


class Repeats:
    """Logits of the windows that came last.

    Args:
        most: windows that are kept; 0 keeps none, and then none is looked for.

    Attributes:
        asked: windows that were asked for.
        repeated: those among them that were not run.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.asked = self.repeated = 0
        self._kept: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    def logits(self, ids: NDArray[np.int64], windows: Windows, run: Run) -> NDArray[np.float32]:
        """Logits of every token, each window run once. [tokens, labels]

        Args:
            ids: tokens of all texts, flat. [tokens]
            windows: cut from them.
            run: runs those that did not come before.
        """
        if not self.most:
            return run(windows)
        # A window that answers for a part of its tokens alone belongs to a long text, and hardly comes again.
        whole = (windows.keep == windows.count).tolist()
        places = list(zip(windows.start.tolist(), (windows.start + windows.count).tolist()))
        keys = [ids[start:end].tobytes() if is_whole else b"" for (start, end), is_whole in zip(places, whole)]
        kept = self._look_up(keys)
        first: dict[bytes, int] = {}
        for number, key in enumerate(keys):
            if key and key not in kept:
                first.setdefault(key, number)
        fresh = np.array([not key or first.get(key) == number for number, key in enumerate(keys)], np.bool_)
        logits = run(Windows(*(column[fresh] for column in windows.columns)))
        for number in np.flatnonzero(~fresh).tolist():
            start, end = places[number]
            known = kept.get(keys[number])
            logits[start:end] = logits[slice(*places[first[keys[number]]])] if known is None else known
        self._keep({key: logits[slice(*places[number])].copy() for key, number in first.items()})
        with self._lock:
            self.asked, self.repeated = self.asked + len(keys), self.repeated + int((~fresh).sum())
        return logits

    def _look_up(self, keys: list[bytes]) -> dict[bytes, NDArray[np.float32]]:
        with self._lock:
            found = {key: self._kept[key] for key in keys if key in self._kept}
            for key in found:
                self._kept.move_to_end(key)
        return found

    def _keep(self, fresh: dict[bytes, NDArray[np.float32]]) -> None:
        with self._lock:
            self._kept.update(fresh)
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)
