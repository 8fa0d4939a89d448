"""Content hashes and the content-defined chunks they are made of.

H is BLAKE2b-256. The hash of a file is H over the hashes of its chunks, that of a directory H over
the hashes of its children: both depend on content alone, neither on names nor on history. Chunks
are cut where a 64-byte rolling buzhash says so, hence an edit moves only the cuts next to it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from tycokit.pachd.store.packs import chunk_hash

MIN_CHUNK = 1_000_000
"""No chunk but the last is shorter, in bytes; a file below this is one chunk."""
MAX_CHUNK = 20_000_000
_WINDOW = 64
_MASK = np.uint64((1 << 23) - 1)
# Bytes hashed at a time: the few arrays of eight bytes for each of them stay in the CPU's cache.
_BLOCK = 1 << 15
_FEED = 1 << 20

# github.com/chmduquesne/rollinghash/buzhash64, GenerateHashes(1), as big-endian 64-bit words.
_TABLE = np.frombuffer(
    bytes.fromhex(
        """
4d65822107fcfd5278629a0f5f3f164f55104dc76695721d380704bb7b4d7c03365a858149c6e2d157e9d1860d1d68d8
0866cb397916001e1408d2ac22c4d2940c697f48392907a0268447a4189deb9941f27cc6f3875d0468255aaf95e94627
1b6cffa2ba51793630b95ff183c471d428b621587cb3ad0b3c04951aa42655d9243a768b7c4e0b6825845c95d4491d1b
56ec3f25256321861bf98be2a9d78d731a02070f169c11212e3108dabb158644490bd268b68e6a3f6e661e92759805f5
2584c47f2cdf5b8a2606cd2b57d292456054502fc5d6d2681a714cf86b83d0e26ec34c367674cb74592e17f7b068d9db
430c8b35bb9457d8039f6f78a15d523b144419db794209ff4dba7b0f9da1d7eb7cd4b7a55a25e0cb0a2b894cf840ec4b
4c22b02936d4ff9b079143f7f4a5ee3b589442fd5ad145f426984b92f6740304162d968d3f71f8cb4542c29291018d7c
45a6e3cafccae22423a62343b186b51f3629d9f17d9e8fbc43ea3b9393f93f33207403def63a5b6f241b3ae419476c36
64f1017fbc897d062e4fa459169873f570b5a315724c7af12607c649581eeb39727a71f52257bb7d0c7964976f269a28
7d0b9ca8be8e998109825e117039374b1c73fac825416fed572d92faded7e4111ee9f7676678e7aa27dff7ab244fcd36
7767830356aa6b865ef4e81ede4561ad6688f8bd3e99b0a85d78399cbed80a3a176a156ae58348b036d467a4af63e58d
72d0a1e9406aec9d57613082c233f0077d4d8e9fa5ead0bd760b0d22050143a60ba08e4b738b68293f1f46e83699caf3
76a780ea967cd7107a3ba6f606f665a62c89c16725fd3d7f586d68260fd6e4795aff01c926fbf29b4829ee0716de4c35
5322787c2bf3394b46a03cb44af864ba60bed31f1cb9e6c633afd3794143908910b92d0169a391447e34179dc34f182d
72bb5389421657ff293a0c2bf9fc65685c4e91e98b02c917528047936c9c64b70af2560383d1790955b4a4b2ea3d4ca5
4fb58fbeaf635d472f5218587fc787691e503382be14186f44841df33539b1ea17f7ae24e91745481e925507c051e18a
5065855807b73658103970a329ec300c2402a18da250bf343485757ea7ed5d9737ab3641fe3dea7950031d27b8b352f7
466b36dbc9b344e94fd269fd8e5f04755d55cb471941e52a6a4eef7a2694763d0010d6326b40eabc5e377ef58485d68b
3332aafe336eacca3fba24704399a3634d4f278a67149b9c346e5f29ae10a90103cc44bf5a5ffefb003e6306563b26de
005d29286f00f02b7539a2019f06397d4b7fafc3545836c4479a2bf931d6416b685f325712f4128d7062b076752f33ff
3aae3e3e4a3056054cd239ea0c8dc214035ca80d72521a906c443faf8eb3e4a11ff5f26283efc6c65225fcd6090ec04f
1facfc5dc1540864163a5aceec2c8aaa4bdb185b70ab53ba683e14a538d3b49458cfb024878d406303e19bf7a317ae3f
4504d6353cb62f077ce2e98ef360412c601900fb4ffbf3a925a1ffb522d554b4606796b83f1904761352ca320796a710
2d89c820f5c353cf6a7cb5cf04f59bb71dac9b582d230176505ce263e2d6a9ce3fcb626c3f1d74270b7fbfbcafd915bb
03398e40b01aa47d323423cfcde2c2694b70e7ac7417bf3876fd839a1e094f9a493a23eb55ece0ea4b56783ccb94539b
34b4a3c813d346b546baf44754e0c0c13eecfdbc6db30e377a9e3bdcdc02b390660aedf1a6e222f50dbeaa0fe2f8c1fe
643a7d712e166bdf32560c7a67588a7410b166a221898f341852fe624c330f1d5eb29c7719af53ba53b7a0ff70658b94
0c97d70a133c9673429bd23a4efeeadd0cc3f10e0f212551136f9ac7070f091409c09a3e6f241c572858bd10f13e41b7
146f70ff3be70cb011a39040f4b6f47f294b4e8e20f31127450064ce6551cb894911aa87289cbd2c41a2d5288946f23d
57930cf840a79c3b5396d24a03c6d9824322cee10365790c53bf1faf0cf525175bb1f57b0bb131e8517d8ebf3da5475c
01a44786139efcca03ed64e9bcd44eb40c8c4694a54af7472f3f0d6fb73c32ed69c93fb09f6c47ac2c80d58fe8ba8f22
2c1283b654043a6620624c583b0a7f201bb55397b4926431470a4f5ae17c02d533770eb58f0d255840d4e552014fbff2
15974b9d7f8035942a6a467079b76fbe69f98c4033fe265659a30874792c8ee8076a20af6b41292d7fe4754afdff9c32
34ad5ac8820932980e4b5ac05948387063efbff5b2d5a1130bca82a42dd96e5a06d8e96f5b8e56a95b7b2709ebd9dda9
2018fa6e04f9ce926ca000e8cb4409507ca82947a67e52b11b35327a49f6d26102c19e7792417fc378fc24541c3b6bd9
0be67230b027b7e052aaab031f765a4127ebdd8f44c9ab40396747c045d991213e5ddb0efd7a84af0a8eb1ac99b75788
55fe7f03e3abff4a33395eafa88aa67f733c374d736e41cc7995c5dc9cbcbe5e28dfd8d37b3ccebc3febdd25e1b7fa93
33415dbd315ae6af0289172b9cced2e25290a23119ea0f2f36df4331a97707222b77e80684a6bfdc7197e13488f03f07
1e3ffa8aa44a03a461ebca0827a6b88504939bb8b580c8ba5d214064018153da501b6a22b648e60441acd9f551180278
0945fcdd893a310f5cb389ac728f5f4c709ec18437f5198b7d275a873cc0ea9b6c7ae37ae39d02db6a85764813883142
1fb95e8cca59939274ea42afc12d154e099ad1bdc176163d6ae4ae6d5c92e2b8508df0dcf9f95ede60390908b802bdfc
50e57d0f8a9285850c68571ddca6e10b01e5dcfd887953e84abb18c948b9e96208cd00c4e533e9a37fc76fad5e0ce6e5
53189b251dba77ae7e23bc6fc8214b8a6adaea4753b428d72a80d0564cf20a65
"""
    ),
    dtype=">u8",
).astype(np.uint64)


class Chunker:
    """Cuts a stream of bytes into chunks; holds at most one chunk and what was fed last.

    The first bytes of a chunk are no cut, so the window of the rolling hash always lies inside the
    chunk, and bytes that no cut can follow are never hashed.
    """

    def __init__(self) -> None:
        self._alone = b""  # a first piece that may be all of a file: passed on without a copy
        self._chunk = bytearray()
        self._decided = 0  # no cut follows any of these first bytes of the chunk
        self._empty = True

    def feed(self, data: bytes | memoryview) -> list[bytes]:
        """Take in `data`, a piece of any length; the chunks that it completes."""
        if not len(data):
            return []
        if self._empty and len(data) < MIN_CHUNK:
            self._empty = False
            self._alone = bytes(data)
            return []
        self._empty = False
        self._chunk += self._alone
        self._alone = b""
        chunks: list[bytes] = []
        view = memoryview(data).cast("B")
        for start in range(0, view.nbytes, _FEED):
            self._chunk += view[start : start + _FEED]
            # A short piece waits, so that a thousand tiny ones cost one look.
            chunks += self._cut(at_least=_BLOCK)
        return chunks

    def finish(self) -> list[bytes]:
        """The chunks that are left. An empty file has none.

        A file that ends exactly on a cut ends with an empty chunk.
        """
        if self._alone:
            chunks = [self._alone]
        else:
            chunks = self._cut(at_least=1)
            if not self._empty:
                chunks.append(bytes(self._chunk))
        self._alone = b""
        self._chunk.clear()
        self._decided = 0
        self._empty = True
        return chunks

    def _cut(self, at_least: int) -> list[bytes]:
        """The chunks that can be cut off now, looking at no fewer than `at_least` new bytes."""
        chunks: list[bytes] = []
        while True:
            start = max(self._decided, MIN_CHUNK - 1)
            end = min(len(self._chunk), MAX_CHUNK)
            if end - start < at_least and (end < MAX_CHUNK or start == end):
                return chunks
            length = self._first_cut(start, end)
            if length is None and end < MAX_CHUNK:
                self._decided = end
                return chunks
            length = length or MAX_CHUNK
            chunks.append(bytes(self._chunk[:length]))
            del self._chunk[:length]
            self._decided = 0

    def _first_cut(self, start: int, end: int) -> int | None:
        """Length of the chunk if one of its bytes start..end-1 is followed by a cut."""
        for block in range(start, end, _BLOCK):
            window = self._chunk[block - _WINDOW + 1 : min(block + _BLOCK, end)]
            hits = np.flatnonzero((rolling_hashes(window) & _MASK) == 0)
            if hits.size:
                return block + int(hits[0]) + 1
        return None


def rolling_hashes(data: bytes | bytearray) -> NDArray[np.uint64]:
    """Buzhash of each run of 64 bytes in `data`, shape (len(data) - 63,); uint64."""
    # The hash of 2k bytes is that of the k bytes before, rotated by k, xor that of the last k.
    hashes = _TABLE[np.frombuffer(data, dtype=np.uint8)]
    length = 1
    while length < _WINDOW:
        before, last = hashes[:-length], hashes[length:]
        rotated = before << np.uint64(length)
        rotated |= before >> np.uint64(64 - length)
        rotated ^= last
        hashes = rotated
        length *= 2
    return hashes


def file_hash(chunk_hashes: Iterable[bytes]) -> bytes:
    """Hash of a file from the hashes of its chunks in order; of no chunks for an empty file."""
    return chunk_hash(b"".join(chunk_hashes))


def dir_hash(child_hashes: Iterable[bytes]) -> bytes:
    """Hash of a directory from those of its immediate children, in path order."""
    return chunk_hash(b"".join(child_hashes))
