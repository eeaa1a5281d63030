"""python -m export.sign BUNDLE --key FILE: sign a bundle, so that others can ask who sealed it.

The key is an Ed25519 private key in PEM, as `openssl genpkey -algorithm ed25519 -out FILE` makes it;
`openssl pkey -in FILE -pubout` gives the public key that `--require-signature` takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from export.staging import exclusive
from runtime.bundle.signature import SIGNATURE
from runtime.bundle.store import MANIFEST, open_bundle
from runtime.command_line import Parser, run
from runtime.errors import BackendError, UsageError, storage_error
from runtime.system.files import read_regular, write_atomically

PROG = "python -m export.sign"
_LARGEST_KEY = 1 << 16


def main(arguments: Sequence[str]) -> int:
    """Verify the bundle, sign its manifest, and put the signature beside it."""
    options = _parser().parse_args(arguments)
    with exclusive(options.bundle) as place:
        open_bundle(place)  # nobody signs what is damaged
        try:
            manifest = (place / MANIFEST).read_bytes()
        except OSError as error:
            raise storage_error(error) from error
        write_atomically(place / SIGNATURE, signed(manifest, options.key))
    print(f"{options.bundle} is signed: {SIGNATURE}")
    return 0


def signed(manifest: bytes, key: Path) -> bytes:
    """The signature of a manifest.

    Args:
        manifest: its bytes.
        key: a file with an Ed25519 private key in PEM.

    Raises:
        UsageError: the file holds no such key.
        BackendError: cryptography is not installed.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ModuleNotFoundError as error:
        problem = "the library 'cryptography' is not installed"
        raise BackendError("signature", problem, "pip install 'nerve-ner[sign]'") from error
    fix = "make one with `openssl genpkey -algorithm ed25519 -out FILE`"
    try:
        private = load_pem_private_key(read_regular(key, most=_LARGEST_KEY), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(str(key), f"no private key in PEM that can be read ({error})", fix) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise UsageError(str(key), "not an Ed25519 key", fix)
    signature: bytes = private.sign(manifest)
    return signature


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Sign a bundle.")
    parser.add_argument("bundle", type=Path, help="folder that export made")
    parser.add_argument("--key", type=Path, required=True, help="Ed25519 private key in PEM, not encrypted")
    return parser


if __name__ == "__main__":
    run(main, PROG)
