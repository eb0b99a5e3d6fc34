"""Random numbers that anybody can recompute: HMAC-SHA256 in counter mode, rejection sampling, digests of JSON."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence

from stepped_wedge.refusals import CaseRefused, refuse_unless


def canonical(value: object) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sha256(value: object) -> str:
    return hashlib.sha256(value if isinstance(value, bytes) else canonical(value)).hexdigest()


class Stream:
    """Uniform whole numbers from HMAC-SHA256(key, label and counter)."""

    def __init__(self, key: bytes, label: str) -> None:
        self._key, self._label, self._counter = key, label.encode(), 0

    def _block(self) -> int:
        message = self._label + b":" + self._counter.to_bytes(8, "big")
        self._counter += 1
        return int.from_bytes(hmac.digest(self._key, message, "sha256"), "big")

    def below(self, bound: int) -> int:
        """A whole number from 0 to bound - 1, every one equally likely."""
        refuse_unless(0 < bound < 2**200, "draw", "the bound must be a whole number above 0")
        width = (bound - 1).bit_length()
        if width == 0:
            return 0
        while True:
            value = self._block() >> (256 - width)
            if value < bound:
                return value

    def shuffled(self, values: Sequence[int]) -> list[int]:
        """Fisher-Yates."""
        row = list(values)
        for last in range(len(row) - 1, 0, -1):
            other = self.below(last + 1)
            row[last], row[other] = row[other], row[last]
        return row


def combine_secrets(first: str, second: str) -> str:
    """The XOR of two people's contributions (64 hexadecimal digits each): neither alone decides."""
    return bytes(a ^ b for a, b in zip(secret_bytes(first), secret_bytes(second), strict=True)).hex()


def secret_bytes(secret: str) -> bytes:
    try:
        raw = bytes.fromhex(secret)
    except ValueError as problem:
        raise CaseRefused("secret", "must be hexadecimal digits") from problem
    refuse_unless(len(raw) == 32, "secret", "must be 256 bits: 64 hexadecimal digits")
    return raw
