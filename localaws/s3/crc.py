"""CRC-32C and CRC-64/NVME, which Python's library lacks, over many lanes at once with NumPy.

A CRC is linear: the CRCs of neighbouring pieces combine by "running" the left one over as many zero bytes as the right
one has. So a block is cut into equal lanes, whose CRCs advance together byte by byte, and are then combined in pairs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

LANE = 256
MAX_LANES = 1 << 13


class Crc:
    """A reflected CRC of the given width in bits, all ones at the start and inverted at the end."""

    def __init__(self, width: int, reflected_polynomial: int) -> None:
        self.bytes = width // 8
        self.ones = (1 << width) - 1
        self.type: Any = {32: np.uint32, 64: np.uint64}[width]
        entries = []
        for value in range(256):
            for _ in range(8):
                value = (value >> 1) ^ (reflected_polynomial if value & 1 else 0)
            entries.append(value)
        self.entries = entries
        self.table = np.array(entries, dtype=self.type)
        self._runs: dict[int, Any] = {}

    def digest(self) -> CrcDigest:
        """A fresh digest."""
        return CrcDigest(self)

    def run_over(self, power: int) -> Any:
        """The operator "over 2**power zero bytes", as one table of 256 entries for each byte of the CRC."""
        if power not in self._runs:
            if power == 0:
                shifts = np.arange(self.bytes, dtype=self.type) * self.type(8)
                every = np.arange(256, dtype=self.type)[None, :] << shifts[:, None]
                self._runs[0] = self.table[every & self.type(255)] ^ (every >> self.type(8))
            else:
                half = self.run_over(power - 1)
                self._runs[power] = self.apply(half, half)
        return self._runs[power]

    def apply(self, operator: Any, values: Any) -> Any:
        """The operator on an array of CRCs."""
        result = operator[0][values & self.type(255)]
        for byte in range(1, self.bytes):
            result ^= operator[byte][(values >> self.type(8 * byte)) & self.type(255)]
        return result

    def of_lanes(self, data: Any, lanes: int) -> Any:
        """The CRC of lanes * LANE bytes, begun from zero and not inverted; lanes is a power of two."""
        columns = np.ascontiguousarray(data.reshape(lanes, LANE).T)
        state = np.zeros(lanes, dtype=self.type)
        for column in columns:
            state = self.table[(state ^ column) & self.type(255)] ^ (state >> self.type(8))
        power = LANE.bit_length() - 1
        while len(state) > 1:
            state = self.apply(self.run_over(power), state[0::2]) ^ state[1::2]
            power += 1
        return state

    def over_zeros(self, state: int, power: int) -> int:
        """The state after 2**power zero bytes."""
        return int(self.apply(self.run_over(power), np.array([state], dtype=self.type))[0])


class CrcDigest:
    """A CRC that is fed piece by piece."""

    def __init__(self, crc: Crc) -> None:
        self._crc = crc
        self._state = crc.ones

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Take in more bytes."""
        array = np.frombuffer(data, dtype=np.uint8)
        while len(array) >= LANE:
            lanes = min(1 << (len(array) // LANE).bit_length() - 1, MAX_LANES)
            size = lanes * LANE
            piece = int(self._crc.of_lanes(array[:size], lanes)[0])
            self._state = self._crc.over_zeros(self._state, size.bit_length() - 1) ^ piece
            array = array[size:]
        state, entries = self._state, self._crc.entries
        for byte in array.tobytes():
            state = entries[(state ^ byte) & 255] ^ (state >> 8)
        self._state = state

    def digest(self) -> bytes:
        """The checksum, big endian."""
        return (self._state ^ self._crc.ones).to_bytes(self._crc.bytes, "big")


CRC32C = Crc(32, 0x82F63B78)
CRC64NVME = Crc(64, 0x9A6C9329AC4BC9B5)
