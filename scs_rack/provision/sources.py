"""Where packages of the node image come from: the rack file's mirror, or what the host's own apt uses."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

APT = Path("/etc/apt")
OS_RELEASE = Path("/etc/os-release")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_PASSED_ON = re.compile(r"Acquire::(https?|Check|Retries|ForceIPv)", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """One place that apt fetches from, in one suite (sources.list(5))."""

    uri: str
    suite: str


def is_debian(os_release: Path = OS_RELEASE) -> bool:
    """True on Debian itself; derived systems have other archives."""
    return any(line.strip() == "ID=debian" for line in os_release.read_text(encoding="utf-8").splitlines())


def _one_line(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        found = re.match(r"\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+\S", line)
        if found:
            yield Source(found[1], found[2])


def _deb822(text: str) -> Iterator[Source]:
    text = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", text):
        unfolded = re.sub(r"\n[ \t]+", " ", stanza)
        lines = (line.partition(":") for line in unfolded.splitlines() if ":" in line)
        fields = {name.strip().lower(): value.split() for name, _, value in lines}
        if "deb" in fields.get("types", []) and fields.get("enabled", ["yes"]) != ["no"]:
            for uri in fields.get("uris", []):
                yield from (Source(uri, suite) for suite in fields.get("suites", []))


def host_sources(apt: Path = APT) -> list[Source]:
    """All sources of binary packages that the host's apt is configured with."""
    found: list[Source] = []
    for path in sorted([apt / "sources.list", *apt.glob("sources.list.d/*")]):
        if path.is_file() and path.suffix in {".list", ".sources"}:
            read = _deb822 if path.suffix == ".sources" else _one_line
            found += read(path.read_text(encoding="utf-8"))
    return found


def _codename(os_release: Path) -> str:
    found = re.search(r"^VERSION_CODENAME=(\w+)", os_release.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else ""


def lines_for(suite: str, mirror: str | None, apt: Path = APT, os_release: Path = OS_RELEASE) -> list[str]:
    """Lines of sources.list for a suite; none when the image builder's own default is to be used.

    The URIs of the host's archive are kept and its release is replaced by the suite, pockets included
    (`bookworm-security` becomes `trixie-security`).
    """
    if mirror:
        return [f"deb {mirror} {suite} main"]
    release = _codename(os_release) if is_debian(os_release) else ""
    if not release:
        return []
    lines = [
        f"deb {source.uri} {suite}{source.suite.removeprefix(release)} main"
        for source in host_sources(apt)
        if source.suite == release or source.suite in {f"{release}-updates", f"{release}-security"}
    ]
    return list(dict.fromkeys(lines))


def apt_options() -> list[str]:
    """The host's apt settings about fetching (proxy, certificates, checks of dates), as lines of apt.conf."""
    done = subprocess.run(["apt-config", "dump"], check=False, capture_output=True, text=True)
    lines = (line for line in done.stdout.splitlines() if _PASSED_ON.match(line))
    return [line for line in lines if not line.endswith('"";')]
