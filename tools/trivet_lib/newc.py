# SPDX-License-Identifier: MIT
"""Archives in cpio's "newc" format, as Linux unpacks them into its first file system."""

import stat
from dataclasses import dataclass

_MAGIC = b"070701"
_ALIGNMENT = 4
_TRAILER = "TRAILER!!!"


@dataclass(frozen=True)
class Entry:
    """A file, folder, link or device of root's; the content is a link's target."""

    path: str
    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


def folder(path: str) -> Entry:
    return Entry(path, stat.S_IFDIR | 0o755)


def file(path: str, content: bytes, permissions: int = 0o644) -> Entry:
    return Entry(path, stat.S_IFREG | permissions, content)


def link(path: str, target: str) -> Entry:
    return Entry(path, stat.S_IFLNK | 0o777, target.encode())


def character_device(path: str, major: int, minor: int) -> Entry:
    return Entry(path, stat.S_IFCHR | 0o600, device=(major, minor))


def archive(entries: list[Entry]) -> bytes:
    """All entries; a folder stands before what lies in it. The same for the same entries."""
    parts = [_member(entry, number) for number, entry in enumerate(entries, 1)]
    return b"".join([*parts, _member(Entry(_TRAILER, 0), 0)])


def _member(entry: Entry, number: int) -> bytes:
    name = entry.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = (number, entry.mode, 0, 0, links, 0, len(entry.content), 0, 0, *entry.device,
              len(name), 0)
    header = _MAGIC + b"".join(b"%08X" % value for value in fields)
    return _padded(header + name) + _padded(entry.content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _ALIGNMENT)
