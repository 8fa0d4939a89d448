"""Messages read and written by hand against the generated code."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from google.protobuf.message import DecodeError
from google.protobuf.wrappers_pb2 import BytesValue
from hypothesis import given, settings
from hypothesis import strategies as st
from python_pachyderm.proto.v2.pfs import pfs_pb2

from tycokit.pachd.pfs.values import Commit, FileInfo, Repo
from tycokit.pachd.rpc import values as to
from tycokit.pachd.rpc import wire

TEXTS = st.text(max_size=8) | st.text(min_size=120, max_size=300)
BYTES = st.binary(max_size=300) | st.binary(min_size=16_000, max_size=17_000)
RAW = st.builds(BytesValue, value=BYTES)
COMMITS = st.builds(pfs_pb2.Commit, id=TEXTS)
REQUESTS = st.one_of(
    st.builds(
        pfs_pb2.ModifyFileRequest,
        add_file=st.builds(pfs_pb2.AddFile, path=TEXTS, datum=TEXTS, raw=RAW),
    ),
    st.builds(
        pfs_pb2.ModifyFileRequest,
        add_file=st.builds(
            pfs_pb2.AddFile, path=TEXTS, url=st.builds(pfs_pb2.AddFile.URLSource, URL=TEXTS)
        ),
    ),
    st.builds(
        pfs_pb2.ModifyFileRequest,
        delete_file=st.builds(pfs_pb2.DeleteFile, path=TEXTS, datum=TEXTS),
    ),
    st.builds(
        pfs_pb2.ModifyFileRequest, copy_file=st.builds(pfs_pb2.CopyFile, dst=TEXTS, datum=TEXTS)
    ),
    st.builds(pfs_pb2.ModifyFileRequest, set_commit=COMMITS),
    st.builds(pfs_pb2.ModifyFileRequest),
    st.builds(pfs_pb2.ModifyFileRequest, add_file=st.builds(pfs_pb2.AddFile, path=TEXTS)),
)


def plain(message: Any) -> Any:
    """What ModifyFile acts on, whoever parsed it."""
    if isinstance(message, wire.Add | wire.Delete):
        return message
    kind = message.WhichOneof("body")
    if kind == "delete_file":
        return wire.Delete(message.delete_file.path, message.delete_file.datum)
    if kind == "add_file" and message.add_file.WhichOneof("source") == "raw":
        add = message.add_file
        return wire.Add(add.path, add.datum, add.raw.value)
    return message


@given(REQUESTS)
@settings(deadline=None)
def test_a_request_reads_as_the_generated_code_reads_it(request: Any) -> None:
    data = request.SerializeToString()
    read = wire.modify_request(data)
    assert plain(read) == plain(request)
    if request.WhichOneof("body") == "delete_file":
        assert isinstance(read, wire.Delete)
    if request.WhichOneof("body") == "add_file" and request.add_file.HasField("raw"):
        assert isinstance(read, wire.Add)


@given(REQUESTS, REQUESTS, st.data())
@settings(deadline=None, max_examples=300)
def test_odd_bytes_read_as_the_generated_code_reads_them(a: Any, b: Any, data: Any) -> None:
    """Fields that come twice or are unknown, and messages that are cut or changed."""
    raw = bytearray(a.SerializeToString() + b.SerializeToString())
    for _ in range(data.draw(st.integers(0, 3))):
        if raw:
            at = data.draw(st.integers(0, min(len(raw), 40) - 1))
            raw[at] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw
    try:
        expected = plain(pfs_pb2.ModifyFileRequest.FromString(bytes(raw)))
    except (DecodeError, UnicodeDecodeError, IndexError) as error:
        expected = type(error)
    try:
        read = plain(wire.modify_request(bytes(raw)))
    except (DecodeError, UnicodeDecodeError, IndexError) as error:
        read = type(error)
    assert read == expected


@given(
    st.lists(
        st.builds(
            FileInfo,
            commit=st.builds(
                Commit,
                st.builds(Repo, st.just("default"), st.sampled_from("ab")),
                st.sampled_from(["master", ""]),
                st.sampled_from(["1" * 32, "2" * 32]),
            ),
            path=TEXTS,
            tag=TEXTS,
            committed=st.none(),
            size=st.integers(0, 1 << 62),
            hash=st.binary(max_size=40),
        ),
        max_size=4,
    ),
    st.none() | st.integers(1, 1 << 61),
)
@settings(deadline=None)
def test_a_file_info_is_written_as_the_generated_code_writes_it(
    infos: list[FileInfo], committed: int | None
) -> None:
    infos = [replace(info, committed=committed) for info in infos]
    written = list(wire.file_infos(infos))
    assert written == [to.file_info_message(info).SerializeToString() for info in infos]
