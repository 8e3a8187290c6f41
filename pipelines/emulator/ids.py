"""Ids that carry a number: scattered by a seeded permutation, so that none is ever stored."""

from hashlib import blake2b

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PAIRS = [a + b for a in ALPHABET for b in ALPHABET]
PAIR_NUMBERS = {pair: number for number, pair in enumerate(PAIRS)}
CODE_CHARS = 8

_BASE = len(PAIRS)
_BITS = 47  # the most that eight characters of 62 hold
_MASK = (1 << _BITS) - 1
_FOLD = 24  # at least half of the bits, so that folding twice undoes it


class Codes:
    """Turns numbers below 2**47 into eight characters and back, another way for each seed."""

    def __init__(self, seed: bytes) -> None:
        digest = blake2b(seed, digest_size=24).digest()
        a, b, c = (int.from_bytes(digest[k : k + 8], "little") & _MASK for k in (0, 8, 16))
        self._a, self._b, self._c = a | 1, b, c | 1
        self._undo_a = pow(self._a, -1, 1 << _BITS)
        self._undo_c = pow(self._c, -1, 1 << _BITS)

    def code(self, number: int) -> str:
        """The eight characters of a number."""
        x = (number * self._a + self._b) & _MASK
        x = ((x ^ x >> _FOLD) * self._c) & _MASK
        x, first = divmod(x, _BASE)
        x, second = divmod(x, _BASE)
        x, third = divmod(x, _BASE)
        return PAIRS[first] + PAIRS[second] + PAIRS[third] + PAIRS[x]

    def number(self, code: str) -> int | None:
        """The number of eight characters, or None if no number has them."""
        x = 0
        for start in range(CODE_CHARS - 2, -1, -2):
            pair = PAIR_NUMBERS.get(code[start : start + 2])
            if pair is None:
                return None
            x = x * _BASE + pair
        if x > _MASK:
            return None
        x = (x * self._undo_c) & _MASK
        x ^= x >> _FOLD
        return ((x - self._b) * self._undo_a) & _MASK


def token(seed: str, chars: int) -> str:
    """A fixed id's random part: the same characters for the same seed."""
    number = int.from_bytes(blake2b(seed.encode(), digest_size=64).digest(), "little")
    out = ""
    for _ in range(chars):
        number, digit = divmod(number, len(ALPHABET))
        out += ALPHABET[digit]
    return out
