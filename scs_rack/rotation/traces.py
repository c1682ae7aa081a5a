"""Looks for old secrets in the settings of servers: as long as one stands there, somebody would still use it."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from scs_rack.engine.stage import Context
from scs_rack.results import Result
from scs_rack.rotation.nodes import told

ROOTS = ("/etc", "/root/.config")
AT_ONCE = 8

PROGRAM = r"""
import json, os, stat, sys
one = json.load(sys.stdin)
old = {name: value.encode() for name, value in one["old"].items()}
found = {}
for root in one["roots"]:
    for folder, _, names in os.walk(root):
        for path in (os.path.join(folder, name) for name in names):
            try:
                about = os.lstat(path)
                if not stat.S_ISREG(about.st_mode) or about.st_size > 4 << 20:
                    continue
                with open(path, "rb") as file:
                    text = file.read()
            except OSError:
                continue
            for name, value in old.items():
                if value in text:
                    found.setdefault(name, []).append(path)
print(json.dumps(found))
"""
"""Runs on a server; prints the files that hold each of the secrets."""


def traces(ctx: Context, old: Mapping[str, str], roots: Sequence[str] = ROOTS) -> list[Result]:
    """One failed result for each old secret that stands in a file of a server.

    Args:
        ctx: rack and state.
        old: values by the secret's name.
        roots: folders to look into.

    Raises:
        StageFailed, Unreachable: a server can't be asked.
    """
    if not old:
        return []
    hosts = list(ctx.design.in_service)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda host: told(ctx, host, PROGRAM, {"old": dict(old), "roots": list(roots)}), hosts))
    return [
        Result(
            host,
            f"{name} is not used any more",
            error=f"the old one stands in {', '.join(sorted(files))}; if nobody uses that file, remove it",
        )
        for host, answer in zip(hosts, answers, strict=True)
        for name, files in sorted(answer.items())
    ]
