"""Contents of files that no parser expects: numbers that are none, damaged archives, text that is no text."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from functools import cache

import numpy as np

DIGITS = "7" * 4400  # more than Python turns into a number
NUMBERS = ("1.2.3", "..", "1e999", "\N{SUPERSCRIPT TWO}", DIGITS, "0", "nan", "1e300", "")
BARE = ("NaN", "1e300", DIGITS, "9" * 400, "0", "[]")  # in JSON, where text may stand
WORDS = ("a\0b.avi", "n" * 5000, "../../x")
TEXTS = (  # a place for a number, or for a word
    "{} {}\n", "x.mp4 {}\n", "x {} {}\n", "{} 1 2 3\n", "C/x.avi {}\n", "0 {}\n1 {}\n",
    "ave_throughputRate: {} samples/s, ave_latency: {} ms\n",
    "[inference] throughputRate: {}, Interface throughputRate: {}, moduleLatency: {}\n",
    "NPU_compute_time (ms): min = {}, max = {}, mean = {}, median = {}\nthroughput 1000*batchsize(1)/NPU_compute_time.mean({}): {}\n",
    "throughput 1000*batchsize/NPU_compute_time: {}\n", "Inference average time without first time: {} ms\n",
    "--shapes=x:{}x3\nGPU Compute Time: min = {} ms, max = {} ms, mean = {} ms, median = 1 ms\n", "GPU Compute\nmin: {}\nmean: {}\n",
    "label,youtube_id,time_start,time_end,split\na,{},{},{},val\n", "video,subset\nv_{},validation\n",
    "label,youtube_id,time_start,time_end,split\na,x,{},1,val\n", "label,youtube_id,time_start,time_end,split\na,{},1,2,val\n",
    "tiny-bs{}-cpu", "tiny-bs4-npu{}", "npu:{}", "top1={}", "top1={}%", "{:0>64}  x.pth\n",
    "| NPU ID | Chip ID | Chip Logic ID |\nNPU ID    Chip ID    Chip Logic ID    Chip Name\n{}  {}  {}  x\n",
    "| {} 310 | OK | {} {} / {} |\n| {} {} | 0000:01:00.0 | {} {} / {} |\n| Process id |\n| {} {} | {} | x | {} |\n",
    'dataset = "x"\n[figures]\nx = {}\n', "[gates]\na = {}\n", "x = {}\n", 'dataset = "{}"\n',
)
JSONS: tuple[object, ...] = (
    {"NPU_compute_time": {"min": 1, "max": "{}", "mean": "{}", "median": "{}"}, "throughput": "{}"},
    {"NPU_compute_time": "{}", "throughput": 1},
    {"NPU_compute_time": {"mean": 1}, "throughput": 10}, {"results": {"a": [{"score": "{}", "segment": [0, "{}"]}]}},
    {"format": 1, "entries": {"{}": "0"}}, {"format": 1, "entries": [[1, 2]]}, {"format": "{}", "entries": {}},
    {"given_up": "", "kernel_faults": "{}"},
    {"kind": "k", "name": "n", "shaped_by": {}, "files": {"{}": "{}"}, "facts": {}},
    {"kind": "k", "name": "n", "shaped_by": {}, "files": {"x": 1}, "facts": {}},
    {"series": ["{}", "{}"], "valid": "{}", "device_series": ["{}"]},
    {"series": [], "valid": 1, "device_series": []}, {"case": "{}"}, {"case": "x", "nodeid": 1}, {"url": "{}", "size": "{}"},
    {"database": {"a": {"subset": "validation", "annotations": [{"segment": ["{}", "{}"]}]}}},
    {"v_a": {"duration_second": "{}", "duration_frame": "{}", "feature_frame": "{}", "annotations": []}},
    {"state": "{}", "seen": "{}", "samples": 1}, [], 1, None, "x", [1, 2],
)
RAW = (
    b"", b"\xff\xfe\0", b"\xef\xbb\xbf", b"PK\x03\x04damaged", b"PK", b"\x80\x04\x95", b"\x93NUMPY",
    b"\x93NUMPY\x01\0\x10\0{'descr': (((((\n",
    b"\x93NUMPY\x09\0\0\0", b"x 0\n\xe9 1\n", b"[" * 100_000, b'{"a":' * 1000, b"[" * 1000 + b"]" * 1000, b"\0" * 100, b"\r\n\r\n",
    b"x = " + b"[" * 5000, b"1 2\n3\n", b"# nothing\n", b'"' + b"x" * 200_000 + b'"', b"label,youtube_id,time_start,time_end\n\"",
    b"label,youtube_id,time_start,time_end\n" + b"x" * 200_000 + b",x,1,2\n", b'{"a": "\\ud800"}',
)


@cache
def contents() -> list[bytes]:
    """All of them."""
    texts = [text.format(*[number] * 20) for text in TEXTS for number in (*NUMBERS, *WORDS)]
    texts += [json.dumps(one).replace('"{}"', json.dumps(word)) for one in JSONS for word in ("1.2.3", DIGITS, WORDS[0])]
    texts += [json.dumps(one).replace('"{}"', bare) for one in JSONS for bare in BARE]
    return sorted({*(text.encode() for text in texts), *RAW, *arrays(), *tars()})


def arrays() -> Iterator[bytes]:
    """NumPy files: whole ones of unexpected arrays, and each cut short or with a byte changed."""
    strange: tuple[np.ndarray, ...] = (np.array("x"), np.zeros((0, 3), np.float32), np.full((2, 3), 1e300), np.zeros((2, 3), np.float32),
                                       np.array([{}], object))
    whole = []
    for one in strange:
        file = io.BytesIO()
        np.save(file, one)
        whole.append(file.getvalue())
        file = io.BytesIO()
        np.savez_compressed(file, ids=np.array(["a", "b"]), scores=one, rows=one)
        whole.append(file.getvalue())
    huge = io.BytesIO()
    np.lib.format.write_array_header_1_0(huge, {"descr": "<f4", "fortran_order": False, "shape": (2**60, 3)})
    with zipfile.ZipFile(nothing := io.BytesIO(), "w") as packed:
        packed.writestr("ids.npy", b"none")
    for content in (*whole, huge.getvalue(), nothing.getvalue()):
        yield content
        for share in (3, 60, 95):
            at = len(content) * share // 100
            yield content[:at]
            yield content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def tars() -> Iterator[bytes]:
    """Archives whose first member, the contents of an archive of entries, is each of the objects above."""
    for one in (*JSONS, "[" * 1000):
        text = one.encode() if isinstance(one, str) else json.dumps(one).encode()
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as tar:
            member = tarfile.TarInfo("clipgate-entries.json")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
        yield file.getvalue()
