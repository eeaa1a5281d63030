"""BYTES tensors as the Open Inference Protocol packs them: each element is 4 bytes of length and its data."""

from __future__ import annotations

from runtime.serve.http.refused import bad_request

_LENGTH = 4


def texts_of_bytes(raw: bytes) -> list[str]:
    """The elements as texts.

    Raises:
        RefusedError: the data is cut off, or an element is not UTF-8 (400).
    """
    texts: list[str] = []
    place = 0
    while place < len(raw):
        begin = place + _LENGTH
        end = begin + int.from_bytes(raw[place:begin], "little")
        if end > len(raw) or begin > len(raw):
            raise bad_request(f"element {len(texts)} of the binary data is cut off")
        try:
            texts.append(raw[begin:end].decode("utf-8"))
        except UnicodeDecodeError as error:
            raise bad_request(f"element {len(texts)} of the binary data is not UTF-8 ({error})") from None
        place = end
    return texts
