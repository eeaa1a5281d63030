"""Who sealed a bundle: an Ed25519 signature over its manifest, and so over the digest of every file.

A digest says that nothing was changed by accident; anybody can compute it anew. A signature that verifies says that
the holder of the private key sealed these very bytes. The library is cryptography, the extra `sign`.
"""

from __future__ import annotations

from pathlib import Path

from runtime.errors import BackendError, BundleError, UsageError
from runtime.system.files import read_regular

SIGNATURE = "manifest.sig"
"""The 64 bytes of the signature, beside the manifest."""

_LARGEST_KEY = 1 << 16
_RESIGN = "sign it again with `python -m export.sign`, or get it from who signed it"


def check_signature(folder: Path, manifest: bytes, public_key: Path) -> None:
    """Refuse a bundle that was not signed with the private key that belongs to a public one.

    Args:
        folder: of the bundle.
        manifest: the bytes that were read of it.
        public_key: a file with an Ed25519 public key in PEM.

    Raises:
        BundleError: there is no signature, or another key's, or the manifest was changed.
        UsageError: the file holds no such key.
        BackendError: cryptography is not installed.
    """
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ModuleNotFoundError as error:
        problem = "the library 'cryptography' is not installed"
        raise BackendError("signature", problem, "pip install 'nerve-ner[sign]'") from error
    try:
        key = load_pem_public_key(read_regular(public_key, most=_LARGEST_KEY))
    except (OSError, ValueError) as error:
        raise UsageError(str(public_key), f"no public key in PEM ({error})", "give the signer's public key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(str(public_key), "not an Ed25519 key", "give the signer's public key")
    try:
        key.verify(read_regular(folder / SIGNATURE, most=_LARGEST_KEY), manifest)
    except OSError as error:
        raise BundleError(str(folder), f"not signed ({error.strerror or error})", _RESIGN) from error
    except InvalidSignature as error:
        raise BundleError(str(folder), f"not signed by the holder of {public_key}", _RESIGN) from error
