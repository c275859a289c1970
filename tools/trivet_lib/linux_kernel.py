# SPDX-License-Identifier: MIT
"""Debian's Linux kernel for clouds, with its modules and the headers to build others for it."""

import re
from dataclasses import dataclass
from pathlib import Path

from trivet_lib import debian_package
from trivet_lib.errors import CallError

# The packages that stand for the newest kernel of each version.
METAPACKAGES = {"6.1": "linux-image-cloud-amd64", "6.12": "linux-image-6.12-cloud-amd64"}
VERSION = "6.1"


@dataclass(frozen=True)
class LinuxKernel:
    """A kernel's image, and the folders of its modules and of its headers."""

    release: str
    image: Path
    modules: Path
    headers: Path


def get(version: str = VERSION) -> LinuxKernel:
    """The kernel of this version, kept under build/packages/. Raises CallError if it cannot be had.
    """
    if version not in METAPACKAGES:
        raise CallError(f"Linux {version}: there is {' and '.join(METAPACKAGES)}")
    tree = debian_package.fetch(f"linux-{version}", lambda apt: packages(apt, version))
    image, = (tree / "boot").glob("vmlinuz-*")
    release = image.name.removeprefix("vmlinuz-")
    return LinuxKernel(release, image, tree / "lib" / "modules" / release,
                       tree / "usr" / "src" / f"linux-headers-{release}")


def packages(apt: debian_package.Apt, version: str) -> list[str]:
    """The kernel and all that its headers refer to, of one release."""
    image = apt.dependency(METAPACKAGES[version],
                           rf"linux-image-{re.escape(version)}\.[0-9].*-cloud-amd64")
    headers = image.replace("linux-image-", "linux-headers-")
    return [image, headers, apt.dependency(headers, "linux-headers-.*-common"),
            apt.dependency(headers, "linux-kbuild-.*")]
