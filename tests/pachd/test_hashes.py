"""Hashes and chunks: known values, and a chunker that rolls one byte at a time."""

from __future__ import annotations

import hashlib
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tycokit.pachd.pfs import hashes
from tycokit.pachd.pfs.hashes import MAX_CHUNK, MIN_CHUNK, Chunker, dir_hash, file_hash
from tycokit.pachd.store.packs import chunk_hash

DATA = "b5923dfb0198c466f376e2e32ed0a99773247e9a5f6d4edf7e436dc844f2e7d1"
EMPTY = "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"
DIRECTORY_OF_DATA = "c146dbc6ea30fc202aa87a98d9ccbc4f8fb43987f68ecc3e445d1714b75d3e6f"


def content_hash(content: bytes) -> bytes:
    chunker = Chunker()
    return file_hash(map(chunk_hash, [*chunker.feed(content), *chunker.finish()]))


def rotated(word: int, by: int) -> int:
    return ((word << by) | (word >> (64 - by))) & (2**64 - 1)


def byte_by_byte(content: bytes) -> list[int]:
    """Lengths of the chunks, by the rule as it is written down."""
    table = [int(word) for word in hashes._TABLE]
    lengths: list[int] = []
    window, at, total, length = bytearray(64), 0, 0, 0

    def empty_window() -> int:
        return int(hashes.rolling_hashes(bytes(64))[0])

    total = empty_window()
    for byte in content:
        length += 1
        total = rotated(total, 1) ^ table[window[at]] ^ table[byte]
        window[at] = byte
        at = (at + 1) % 64
        if length >= MIN_CHUNK and total & (2**23 - 1) == 0:
            lengths.append(length)
            window, at, total, length = bytearray(64), 0, empty_window(), 0
    return [*lengths, length]


def lengths(content: bytes, piece: int | None = None) -> list[int]:
    chunker = Chunker()
    chunks = []
    for start in range(0, len(content), piece or max(len(content), 1)):
        chunks += chunker.feed(content[start : start + (piece or len(content))])
    chunks += chunker.finish()
    assert b"".join(chunks) == content
    return [len(chunk) for chunk in chunks]


def noise(size: int) -> bytes:
    return np.random.default_rng(5).integers(0, 256, size, dtype=np.uint8).tobytes()


NOISE = noise(9_000_000)


def test_known_hashes() -> None:
    assert content_hash(b"DATA").hex() == DATA
    assert content_hash(b"").hex() == EMPTY
    assert dir_hash([content_hash(b"DATA")]).hex() == DIRECTORY_OF_DATA


def test_the_hash_of_a_small_file_is_that_of_its_hash() -> None:
    inner = hashlib.blake2b(b"x" * 999_999, digest_size=32).digest()
    outer = hashlib.blake2b(inner, digest_size=32).digest()
    assert content_hash(b"x" * 999_999) == outer


def test_the_rolling_hash_is_the_sum_over_the_window() -> None:
    data = noise(100)
    expected = 0
    for byte in data[-64:]:
        expected = rotated(expected, 1) ^ int(hashes._TABLE[byte])
    found = hashes.rolling_hashes(data)
    assert found.shape == (37,)
    assert int(found[-1]) == expected


def test_the_table_is_that_of_the_go_package() -> None:
    # As printed by buzhash64.GenerateHashes(1).
    assert int(hashes._TABLE[0]) == 0x4D65822107FCFD52
    assert len(set(hashes._TABLE.tolist())) == 256


# The lengths were printed by the Go package under Pachyderm's rule.
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"z", [1]),
        (bytes(MIN_CHUNK), [MIN_CHUNK]),
        (bytes(MAX_CHUNK - 1), [MAX_CHUNK - 1]),
        (bytes(MAX_CHUNK), [MAX_CHUNK, 0]),
        (bytes(45_000_000), [MAX_CHUNK, MAX_CHUNK, 5_000_000]),
        (noise(4_000_000), [3_082_267, 917_733]),
        (noise(3_082_267), [3_082_267, 0]),
        (noise(3_082_266), [3_082_266]),
    ],
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else None,
)
def test_where_chunks_end(content: bytes, expected: list[int]) -> None:
    assert lengths(content) == expected


def test_a_constant_file_of_cuts() -> None:
    # 64 equal bytes hash to 0 when their word has an even number of bits: a cut at every minimum.
    even = next(byte for byte in range(256) if int(hashes._TABLE[byte]).bit_count() % 2 == 0)
    content = bytes([even]) * 2_500_000
    assert lengths(content) == [MIN_CHUNK, MIN_CHUNK, 500_000]
    assert byte_by_byte(content[:1_100_000]) == [MIN_CHUNK, 100_000]


def test_like_one_byte_at_a_time() -> None:
    content = NOISE[:3_082_300]
    assert lengths(content) == byte_by_byte(content) == [3_082_267, 33]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from([1, 7, 40_000, 999_999, 1_500_000]), min_size=1, max_size=6))
def test_pieces_do_not_matter(pieces: list[int]) -> None:
    content = NOISE[: sum(pieces)]
    chunker, chunks, at = Chunker(), [], 0
    for piece in pieces:
        chunks += chunker.feed(content[at : at + piece])
        at += piece
    chunks += chunker.finish()
    assert [len(chunk) for chunk in chunks] == lengths(content)


def test_tiny_pieces_are_linear() -> None:
    started = time.process_time()
    chunker = Chunker()
    for _ in range(100_000):
        chunker.feed(b"a line of a text file\n")
    assert sum(map(len, chunker.finish())) == 2_200_000
    assert time.process_time() - started < 2


def test_a_chunker_may_be_used_again() -> None:
    chunker = Chunker()
    chunker.feed(b"a")
    assert chunker.finish() == [b"a"]
    assert chunker.finish() == []


def test_a_directory_has_its_children_in_order() -> None:
    a, b = content_hash(b"a"), content_hash(b"b")
    assert dir_hash([a, b]) != dir_hash([b, a])
