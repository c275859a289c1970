# SPDX-License-Identifier: MIT
"""The archive that Linux takes for its initial file system: cpio's "newc" form.

Source: Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from collections.abc import Mapping

_MAGIC = "070701"
_FILE = 0o100755
_ALIGNMENT = 4
_TRAILER = "TRAILER!!!"


def archive(files: Mapping[str, bytes]) -> bytes:
    """Files in the root directory, by name, all executable; the same bytes for the same input."""
    entries = [_entry(name, _FILE, inode, content)
               for inode, (name, content) in enumerate(files.items(), 1)]
    return b"".join([*entries, _entry(_TRAILER, 0, 0, b"")])


def _entry(name: str, mode: int, inode: int, content: bytes) -> bytes:
    encoded = name.encode() + b"\0"
    links, user, group, time, device = 1, 0, 0, 0, 0
    fields = (inode, mode, user, group, links, time, len(content), device, device, device, device,
              len(encoded), 0)
    header = (_MAGIC + "".join(f"{field:08x}" for field in fields)).encode()
    return _padded(header + encoded) + _padded(content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _ALIGNMENT)
