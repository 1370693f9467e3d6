"""Does ganbench take or refuse whatever it is given, in one line, in time and in memory?

    python tests/fuzz/fuzzing.py inputs --n 25000 --seed 0      # minutes; --only 1234 repeats one case and shows its traceback

``inputs.py`` lists small valid files and the door through which each is opened. A case is one of them with a few mutations, all of
which follow from the seed and the case's number. A case fails if its door raises anything but a ``GanbenchError`` of one line,
takes longer than ``LIMIT_S`` or lifts the memory of the process above ``LIMIT_BYTES``, or if the process dies. Further lists are
modules beside this one with a ``DOORS``.
"""

import argparse
import importlib
import io
import os
import random
import resource
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ganbench.errors import GanbenchError

LIMIT_S = 10.0
"""Longest time that a case may take, in seconds."""
LIMIT_BYTES = 2 * 2**30
"""Largest memory of the process; numpy and torch take 0.5 GB of it."""
LARGEST_FILE_BYTES = 2**20
"""Largest mutated file: what mutations repeat stays below."""
_CASES_PER_PROCESS = 250
_MAGIC_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
_TOKENS = (b"null", b"NaN", b"-Infinity", b"1e999", b"[" * 2000, b'{"a":' * 2000, b'"', b"\\ud800", b"\0", b"-1", b"9" * 40, b"true", b"[]",
           b"{}", b"'", b"(", b"\xff\xfe", b"\n", b"../", b"|O", b"<f2", b">f8", b"<U9", b"<c8", b"True", b"1" * 5000)  # fmt: skip
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, kw_only=True)
class Door:
    """A valid input, and how it is opened."""

    name: str
    make: Callable[[Path], Path]
    """Writes the input into an empty folder, and returns what is opened: a file, or a folder of which one file is mutated."""
    open: Callable[[Path], object]
    taken: bool = True
    """Whether the valid input is taken; if not, it must be refused like all others."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one case."""

    door: str
    refused: bool
    fault: str = ""
    """What was wrong, on one line; empty if nothing was."""


class Late(BaseException):
    """Raised when a case exceeds ``LIMIT_S``; no handler of exceptions swallows it."""


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A file with one to four mutations, two thirds of them below its checksums."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        deep = _in_zip if data.startswith(b"PK") else _in_png
        data = chance.choice((_raw, deep, deep))(data, chance)[:LARGEST_FILE_BYTES]
    return data


def _raw(data: bytes, chance: random.Random) -> bytes:
    """One mutation of the bytes."""
    found = bytearray(data)
    at = chance.randrange(len(found) + 1) if chance.random() < 0.5 else chance.randrange(min(len(found), 200) + 1)
    length = chance.choice((1, 2, 4, 8, 64, 1000))
    match chance.randrange(9):
        case 0 if found:
            found[min(at, len(found) - 1)] ^= 1 << chance.randrange(8)
        case 1:
            found[at : at + length] = chance.randbytes(length)
        case 2:
            width, order = chance.choice((1, 2, 4, 8)), chance.choice(("little", "big"))
            found[at : at + width] = (chance.choice(_MAGIC_NUMBERS) % 256**width).to_bytes(width, order)
        case 3:
            del found[at : at + length]
        case 4:
            found[at:at] = found[at : at + length] * chance.choice((1, 2, 50))
        case 5:
            del found[at:]
        case 6:
            found[at:at] = chance.choice(_TOKENS)
        case 7:
            digits = [place for place, byte in enumerate(found) if chr(byte).isdigit()]
            if digits:
                place = chance.choice(digits)
                found[place : place + 1] = str(chance.choice((0, -1, 7, 10**6, 10**12, 10**30, 0.5))).encode()
        case _:
            found[at : at + length] = bytes(length)
    return bytes(found)


def _in_zip(data: bytes, chance: random.Random) -> bytes:
    """A mutation of a member of an archive, or of its name, with fitting checksums; other files are mutated as they are."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(info, archive.read(info)) for info in archive.infolist()]
        chosen = chance.randrange(len(members))
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            for place, (info, content) in enumerate(members):
                if place == chosen and chance.random() < 0.2:
                    if chance.random() < 0.5:
                        continue
                    info.filename = chance.choice(
                        ("a", "../" + info.filename, info.filename * 2, "b/" + info.filename, info.filename + ".png")
                    )
                if place == chosen:
                    content = chance.choice((_raw, _in_png))(content, chance)
                archive.writestr(info, content)
        return target.getvalue()
    except Exception:
        return _raw(data, chance)


def _in_png(data: bytes, chance: random.Random) -> bytes:
    """A mutation of a chunk of a PNG, with a fitting checksum; other files are mutated as they are."""
    if not data.startswith(_PNG):
        return _raw(data, chance)
    chunks, at = list[tuple[bytes, bytes]](), len(_PNG)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        return _raw(data, chance)
    place = chance.randrange(len(chunks))
    kind, content = chunks[place]
    match chance.randrange(4):
        case 0:
            chunks[place] = kind, _raw(content, chance)
        case 1 if kind == b"IDAT":
            chunks[place] = kind, zlib.compress(chance.randbytes(chance.choice((0, 10, 5000))))
        case 2:
            chunks.insert(
                place, (chance.choice((b"tRNS", b"PLTE", b"iTXt", b"zTXt", b"iCCP", b"acTL", b"gAMA", b"eXIf")), chance.randbytes(20))
            )
        case _:
            chunks[place] = chance.choice((kind, b"IDAT", b"IEND", b"abcd")), content
    return _PNG + b"".join(struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks)


def carry_out(doors: Sequence[Door], seed: int, number: int, folder: Path, show: bool = False) -> Outcome:
    """Carries out one case in a folder, which is emptied.

    Args:
        doors: The list to choose from.
        seed: Seed of all cases.
        number: Number of the case.
        folder: Where its files are written.
        show: Whether the traceback of a fault is printed.
    """
    door, chance = doors[number % len(doors)], random.Random(f"{seed}/{number}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    path = door.make(folder)
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    target = chance.choice(files)
    target.write_bytes(mutated(target.read_bytes(), chance))
    start, refused, fault = time.monotonic(), False, ""
    signal.signal(signal.SIGALRM, _late)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            door.open(path)
    except GanbenchError as error:
        refused = True
        fault = f"a message of several lines: {str(error)!r}" if "\n" in str(error) else ""
    except (Exception, Late) as error:
        fault = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        if show:
            traceback.print_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if not fault and peak_bytes > LIMIT_BYTES:
        fault = f"{peak_bytes / 2**30:.1f} GiB of memory"
    if show:
        print(f"{door.name}: {'refused' if refused else 'taken'} in {time.monotonic() - start:.2f} s, {peak_bytes / 2**30:.2f} GiB")
    return Outcome(door=door.name, refused=refused, fault=f"case {number}, {door.name}: {fault}" if fault else "")


def _late(*_: object) -> None:
    raise Late(f"longer than {LIMIT_S:g} s")


def outcomes(doors: Sequence[Door], seed: int, numbers: Sequence[int]) -> Iterator[Outcome]:
    """Carries out cases in forked processes, so that none of them ends the others; a process that dies is a fault of its last case."""
    for start in range(0, len(numbers), _CASES_PER_PROCESS):
        pending = list(numbers[start : start + _CASES_PER_PROCESS])
        while pending:
            done = 0
            for line in _forked(doors, seed, pending):
                name, refused, fault = line.split("\t")
                yield Outcome(door=name, refused=refused == "True", fault=fault)
                done += 1
            if done < len(pending):
                door = doors[pending[done] % len(doors)].name
                yield Outcome(door=door, refused=False, fault=f"case {pending[done]}, {door}: the process died")
            pending = pending[done + 1 :]


def _forked(doors: Sequence[Door], seed: int, numbers: Sequence[int]) -> Iterator[str]:
    """Yields a line for every case that a child finished."""
    receive, send = os.pipe()
    child = os.fork()
    if not child:
        os.close(receive)
        torch.set_num_threads(1)  # threads of the parent do not exist here, and waiting for them would take forever
        with tempfile.TemporaryDirectory(prefix="ganbench-fuzz-") as folder, os.fdopen(send, "w", buffering=1) as lines:
            os.chdir(folder)
            warnings.simplefilter("ignore")
            for number in numbers:
                one = carry_out(doors, seed, number, Path(folder) / "case")
                print(one.door, one.refused, " ".join(one.fault.split()), sep="\t", file=lines)
        os._exit(0)
    os.close(send)
    with os.fdopen(receive) as lines:
        yield from (line.rstrip("\n") for line in lines)
    os.waitpid(child, 0)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("list", help="module with DOORS: inputs")
    parser.add_argument("--n", type=int, default=1000, help="number of cases")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="repeat this case alone, in this process")
    given = parser.parse_args()
    doors: Any = importlib.import_module(given.list).DOORS
    if given.only is not None:
        with tempfile.TemporaryDirectory(prefix="ganbench-fuzz-") as folder:
            print(carry_out(doors, given.seed, given.only, Path(folder) / "case", show=True).fault or "no fault")
        return
    counts, faults, start = Counter[str](), 0, time.monotonic()
    for one in outcomes(doors, given.seed, range(given.n)):
        counts[f"{one.door}: {'refused' if one.refused else 'faulty' if one.fault else 'taken'}"] += 1
        if one.fault:
            faults += 1
            print(one.fault, flush=True)
    print(*(f"{name} {count:,}" for name, count in sorted(counts.items())), sep="\n")
    print(f"{sum(counts.values()):,} cases, {faults} faults, {time.monotonic() - start:.0f} s")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
