"""The bill of materials of a root file system, from dpkg's own records (CycloneDX 1.6, JSON)."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

_SPDX = {
    "GPL-2": "GPL-2.0-only", "GPL-2+": "GPL-2.0-or-later", "GPL-3": "GPL-3.0-only", "GPL-3+": "GPL-3.0-or-later",
    "LGPL-2": "LGPL-2.0-only", "LGPL-2+": "LGPL-2.0-or-later", "LGPL-2.1": "LGPL-2.1-only",
    "LGPL-2.1+": "LGPL-2.1-or-later", "LGPL-3": "LGPL-3.0-only", "LGPL-3+": "LGPL-3.0-or-later",
    "Apache-2.0": "Apache-2.0", "Apache-2": "Apache-2.0", "Expat": "MIT", "MIT": "MIT", "BSD-2-clause": "BSD-2-Clause",
    "BSD-3-clause": "BSD-3-Clause", "ISC": "ISC", "Zlib": "Zlib", "MPL-2.0": "MPL-2.0", "Artistic-2.0": "Artistic-2.0",
    "GPL-1+": "GPL-1.0-or-later", "AGPL-3": "AGPL-3.0-only", "AGPL-3+": "AGPL-3.0-or-later", "CC0-1.0": "CC0-1.0",
}  # fmt: skip
"""Short names of Debian's copyright format (1.0) that mean one SPDX licence."""
_LICENSE = re.compile(r"^License:[ \t]*(\S.*)$", re.MULTILINE)
_NAME = re.compile(r"^[A-Za-z0-9.+_-]+$")


def of(root: Path, digest: str, carried: Path | None = None) -> str:
    """The bill of materials of a root folder as JSON; the same folder gives the same bytes.

    Args:
        root: the folder.
        digest: of the artefact, which is the version of the whole.
        carried: file with packages that are carried and not installed: name and version on each line; their copyright
            files lie beside it, as in a root folder.
    """
    components = [_component(root, one) for one in installed(root)]
    if carried is not None and carried.is_file():
        for line in carried.read_text(encoding="utf-8").splitlines():
            name, version, *_ = line.split()
            components.append(
                _component(carried.parent, {"Package": name, "Version": version, "Architecture": "amd64"})
            )
    components.sort(key=lambda one: (one["name"], one["version"]))
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "operating-system", "name": "scs-rack node image", "version": digest}},
        "components": components,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def installed(root: Path) -> list[dict[str, str]]:
    """Installed packages of a root folder: the fields of dpkg's status file (deb-control(5))."""
    found = []
    for stanza in (root / "var/lib/dpkg/status").read_text(encoding="utf-8").split("\n\n"):
        fields: dict[str, str] = {}
        for line in stanza.splitlines():
            name, colon, value = line.partition(":")
            if colon and not line[:1].isspace():
                fields[name] = value.strip()
        if fields.get("Status", "").endswith(" installed"):
            found.append(fields)
    return found


def licenses(copyright_file: Path) -> list[str]:
    """Short names of all licences in a copyright file of Debian's format 1.0; none where it is free text."""
    try:
        text = copyright_file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    if "packaging-manuals/copyright-format/1.0" not in text[:400]:
        return []
    names: set[str] = set()
    for stated in _LICENSE.findall(text):
        for part in re.split(r"\s+(?:and|or)\s+|,\s*|\s+with\s+.*$", stated):
            if part and _NAME.match(part):
                names.add(part)
    return sorted(names)


def _component(root: Path, fields: dict[str, str]) -> dict[str, Any]:
    name, version, architecture = fields["Package"], fields["Version"], fields.get("Architecture", "all")
    purl = f"pkg:deb/debian/{quote(name)}@{quote(version, safe='.-~')}?arch={architecture}"
    found: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    source = fields.get("Source", "").split()
    if source:
        found["properties"] = [{"name": "debian:source", "value": source[0]}]
    stated = licenses(root / "usr/share/doc" / name / "copyright")
    if stated:
        found["licenses"] = [{"license": {"id": _SPDX[one]} if one in _SPDX else {"name": one}} for one in stated]
    return found
