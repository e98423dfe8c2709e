"""Damage of files: bytes changed, moved and lost, and headers that promise what is not there."""

import io
import json
import random
import re
import struct
import tomllib
import warnings
import zipfile
import zlib

WORDS = (
    b"nan", b"NaN", b"inf", b"-Infinity", b"-1", b"1e400", b"-1e308", b"9" * 25, b"9" * 5000,
    b"1000000000", b"0", b"", b"x", b"\n", b"\r", b"\0", b"[", b"]", b"{", b"}", b"[]", b"null",
    b"true", b'"a"', b"[ " * 3000, b'{"a":' * 3000, b"[" * 100_000, b"#", b":", b"=", b"\xff",
    b"\xef\xbb\xbf", b"1_0", b"0x1p3", b"\xd9\xa3", b"%", b"\xc2\x85", b"\xe2\x80\xae",
    b"\x1b[2J\x1b]0;a\x07", b"../../etc", b"/dev/zero", b"1.5", b"'descr': '|O'", b"complex",
    b"2024-01-01", b"[[a]]\n", b"a" * 300, b"\xf0\x9f\x98\x80", b"\\u0000", b"\\ud800",
)  # fmt: skip
VALUES = (
    None, True, False, 0, 1, -1, 2**31, 2**63, -(2**70), 10**400, 0.5, 1e308, -1e-320, "", "a",
    "\0", "\x1b[2J", "\ud800", "\u202e", "é" * 200, [], {}, [[]], {"": None}, [1] * 3, ["a"],
    [None] * 9, {"a": {"b": [0]}}, "../x", "9" * 30,
)  # fmt: skip
INTEGERS = (0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 2**64 - 1, 2**40)


def mutated(content: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Return a file with a few changes, most of them inside of what its format can check."""
    raw = content
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        inside = next((change for fits, change in FORMATS if fits(raw)), None)
        if inside is not None and rng.random() < 0.6:
            raw = inside(raw, others, rng)
        else:
            raw = bytes_changed(raw, others, rng)
    return raw


def bytes_changed(content: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Return a file with one change of bits, bytes, blocks, words, numbers or lengths."""
    raw = bytearray(content)
    if not raw:
        return rng.choice(WORDS)
    start = rng.randrange(len(raw))
    if rng.random() < 0.3:  # headers are short, and stand at either end
        start = min(start, rng.randrange(1, 400)) if rng.random() < 0.6 else max(0, len(raw) - 200)
    end = min(len(raw), start + rng.choice((1, 2, 4, 8, 30, 200, 3000)))
    match rng.randrange(15):
        case 0 | 1:
            raw[start] ^= 1 << rng.randrange(8)
        case 2:
            del raw[start:]
        case 3:
            del raw[start:end]
        case 4:  # repeated
            raw[start:start] = raw[start:end] * rng.choice((1, 2, 50))
        case 5:  # moved
            block = raw[start:end]
            del raw[start:end]
            at = rng.randrange(len(raw) + 1)
            raw[at:at] = block
        case 6:
            raw[start:start] = rng.choice(WORDS)
        case 7 | 8:  # a word or a number replaced
            words = list(re.finditer(rb"[^\s,:;=\[\]{}()\"']+", bytes(raw[start : start + 4000])))
            if words:
                word = rng.choice(words)
                raw[start + word.start() : start + word.end()] = rng.choice(WORDS)
        case 9:
            raw[start:end] = rng.randbytes(end - start)
        case 10:
            raw[start:end] = bytes(end - start)
        case 11 | 12:  # a number of a binary header
            size = rng.choice((1, 2, 4, 8))
            number = rng.choice(INTEGERS) % 256**size
            raw[start : start + size] = number.to_bytes(size, rng.choice(("little", "big")))
        case 13:
            other = rng.choice(others)
            raw[start:] = other[rng.randrange(len(other) + 1) :]
        case _:
            whole = rng.choice((b"", bytes(len(raw)), raw * 2, b"[" * 200_000, b"\n" * 5000))
            raw = bytearray(whole)
    return bytes(raw)


def json_changed(content: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Return a JSON text in which a value or a key is another one."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return bytes_changed(content, others, rng)
    return _dumped(_node_changed(value, rng))


def toml_changed(content: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Return a TOML text in which a value is another one, or of lines in another order."""
    try:
        tomllib.loads(content.decode())
    except (ValueError, RecursionError):
        return bytes_changed(content, others, rng)
    lines = content.decode().splitlines()
    at = rng.randrange(len(lines))
    key = lines[at].partition("=")[0].strip() or "a"
    value = rng.choice(VALUES)
    text = "nan" if value is None else _dumped(value).decode("utf-8", "replace")
    match rng.randrange(5):
        case 0:
            lines[at] = f"{key} = {text}"
        case 1:
            lines.insert(at, rng.choice(lines))
        case 2:
            lines[at] = f"{key} = " + rng.choice(("[" * 2000, "{a=" * 500, "inf", "1979-05-27"))
        case 3:
            lines[at] = f"{key}.{key} = {text}"
        case _:
            rng.shuffle(lines)
    return "\n".join(lines).encode()


def zip_changed(content: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Return an archive whose parts are changed, with the right checksums of the changed parts."""
    try:
        with warnings.catch_warnings(), zipfile.ZipFile(io.BytesIO(content)) as archive:
            warnings.simplefilter("ignore")
            parts = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except Exception:
        return bytes_changed(content, others, rng)
    if not parts:
        return bytes_changed(content, others, rng)
    at = rng.randrange(len(parts))
    name, data = parts[at]
    match rng.randrange(9):
        case 0:
            del parts[at]
        case 1:
            parts.append(parts[at])
        case 2:
            parts[at] = rng.choice((name + "x", "/", "../x", "a" * 300, "é\x1b", name[::-1])), data
        case 3:
            parts[at] = name, rng.choice(parts)[1]
        case 4:
            parts[at] = name, bytes(3 << 20)  # a bomb: it is packed into 3 kB
        case _:
            parts[at] = name, mutated(data, [d for _, d in parts], rng)
    stream = io.BytesIO()
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", method) as archive:
        warnings.simplefilter("ignore")  # of names that stand twice
        for name, data in parts:
            archive.writestr(name, data)
    return stream.getvalue()


def npy_changed(content: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Return an array whose header describes another one."""
    end = content.find(b"\n")
    if end < 0 or len(content) < 12:
        return bytes_changed(content, others, rng)
    header = content[10:end].decode("latin-1")
    side = rng.choice((0, 1, 2, -1, 3, 10**6, 10**10, 2**31, 2**63, 10**30))
    kind = rng.choice(
        ("<f8", ">f4", "|O", "<c16", "|u1", "|b1", "<f2", "<U3", "<M8[s]", "|V0", "x")
    )
    change = rng.choice((
        (r"'shape': \([^)]*\)", f"'shape': ({side}, {side})"),
        (r"'shape': \([^)]*\)", f"'shape': ({side},)"),
        (r"'shape': \([^)]*\)", "'shape': ()"),
        (r"\((\d+),", f"({side},"),
        (r"'descr': '[^']*'", f"'descr': '{kind}'"),
        (r"'descr': '[^']*'", "'descr': [('a', '<f4'), ('b', '|O')]"),
        (r"False", rng.choice(("True", "1", "(" * 200))),
    ))  # fmt: skip
    text = re.sub(change[0], change[1], header).rstrip().encode("latin-1")
    length = min(rng.choice((len(text) + 1,) * 6 + (5, 0xFFFF)), 0xFFFF)
    return content[:8] + struct.pack("<H", length) + text + b"\n" + content[end + 1 :]


def safetensors_changed(content: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Return tensors whose header describes others; its length is right."""
    length = int.from_bytes(content[:8], "little")
    header = json_changed(content[8 : 8 + length], others, rng)
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def png_changed(content: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Return a PNG with a changed chunk, whose checksum is right."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        chunks.append([content[at + 4 : at + 8], content[at + 8 : at + 8 + length]])
        at += 12 + length
    if not chunks:
        return bytes_changed(content, others, rng)
    chunk = rng.choice(chunks)
    match rng.randrange(4):
        case 0:
            chunks.insert(rng.randrange(len(chunks)), chunk)
        case 1:
            chunks.remove(chunk)
        case _:
            chunk[1] = bytes_changed(chunk[1], others, rng)[: 1 << 16]
    return content[:8] + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _dumped(value) -> bytes:
    try:
        return json.dumps(value).encode()
    except ValueError:  # more digits than Python writes
        return b"1" * 5000


def _node_changed(value, rng: random.Random):
    """Replace, remove, add or rename a value at any depth, the deep ones as often as others."""
    places = [(None, None)]
    waiting = [value]
    while waiting:
        node = waiting.pop()
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, inner in items:
            places.append((node, key))
            if isinstance(inner, dict | list):
                waiting.append(inner)
            if not isinstance(value, dict | list):
                break
    node, key = rng.choice(places)
    new = rng.choice(VALUES)
    if node is None:
        return new if rng.random() < 0.2 else value
    match rng.randrange(6):
        case 0:
            del node[key]
        case 1 if isinstance(node, dict):
            node[rng.choice(("", "a", "\x1b", "__class__", "index", "h"))] = node.pop(key)
        case 1:
            node.append(node[key])
        case 2:
            other, other_key = rng.choice(places)
            node[key] = (
                value
                if other is None
                else json.loads(
                    json.dumps(
                        other.get(other_key)
                        if isinstance(other, dict)
                        else other[other_key]
                        if other_key < len(other)
                        else 0
                    )
                )
            )
        case _:
            node[key] = new
    return value


def _is_json(raw: bytes) -> bool:
    return raw.lstrip()[:1] in (b"{", b"[") and len(raw) < 200_000


def _is_toml(raw: bytes) -> bool:
    return re.match(rb"\s*(\[\w+\]|\w+ *= |#)", raw) is not None and b"=" in raw


def _is_safetensors(raw: bytes) -> bool:
    return raw[8:9] == b"{" and int.from_bytes(raw[:8], "little") < len(raw)


FORMATS = (
    (lambda raw: raw.startswith(b"PK"), zip_changed),
    (lambda raw: raw.startswith(b"\x93NUMPY"), npy_changed),
    (lambda raw: raw.startswith(b"\x89PNG"), png_changed),
    (_is_safetensors, safetensors_changed),
    (_is_json, json_changed),
    (_is_toml, toml_changed),
)
