"""Who may ask: the server's key, read from a file or the environment, where no list of processes shows it."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from pathlib import Path

from runtime.errors import StorageError, UsageError, storage_error
from runtime.serve.http.refused import unauthorized

VARIABLE = "NERVE_API_KEY"
_LEAST = 16


def read_key(path: Path | None, environment: Mapping[str, str] = os.environ) -> str:
    """The key of the file, else of the environment; empty where there is none.

    Raises:
        StorageError: the file cannot be read.
        UsageError: the key is too short to be one, or not ASCII.
    """
    try:
        key = path.read_text(encoding="utf-8").strip() if path else environment.get(VARIABLE, "").strip()
    except OSError as error:
        raise storage_error(error) from error
    except UnicodeDecodeError as error:
        raise StorageError(str(path), "not a text file", "write the key into it, alone on its line") from error
    if (path or key) and (len(key) < _LEAST or not key.isascii()):
        problem = f"{len(key)} characters, or some that are not ASCII"
        raise UsageError("the API key", problem, f"take at least {_LEAST} letters and digits at random")
    return key


def check_key(key: str, headers: Mapping[str, str]) -> None:
    """Refuse a request without the key; how long that takes does not depend on how much of it is right.

    Raises:
        RefusedError: 401.
    """
    scheme, _, given = headers.get("authorization", "").partition(" ")
    right = hmac.compare_digest(given.strip().encode("utf-8", "replace"), key.encode())
    if scheme.lower() != "bearer" or not right:
        raise unauthorized()
