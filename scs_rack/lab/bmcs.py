"""One virtual BMC for each server: a process in a namespace of its own, which switches the server's power."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from scs_rack import pki
from scs_rack.design import Design, NodeDesign
from scs_rack.design.ports import BMC_PORT
from scs_rack.errors import UsageError
from scs_rack.lab import cables, cgroup, netns, nodes
from scs_rack.lab.bmc.faults import Fault
from scs_rack.lab.bmc.tls import write_expired
from scs_rack.lab.layout import Lab
from scs_rack.paths import state_dir

_SERVICE = {"redfish": (443, ("tcp", "tcp6")), "ipmi": (623, ("udp", "udp6"))}


_WRAPPER = 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"'


def group(lab: Lab, server: str) -> Path:
    """Control group of a server's BMC."""
    return cgroup.of(lab.name, f"bmc-{server}")


def running(lab: Lab, server: str) -> bool:
    """True while the BMC's process lives."""
    return cgroup.populated(group(lab, server))


def ready(lab: Lab, node: NodeDesign) -> bool:
    """True once the BMC's protocol can be spoken to."""
    pids = cgroup.processes(group(lab, node.name))
    port, kinds = _SERVICE[node.bmc.protocol]
    return bool(pids) and nodes.listens(pids[0], port, kinds)


def _config(lab: Lab, design: Design, node: NodeDesign, rack_dir: Path, password: str) -> Path:
    """Write what the BMC is told; only root may read it."""
    server = design.rack.servers[node.name]
    model = design.rack.server_models[server.model]
    disks = model.disks | server.disks
    state = state_dir(lab.name)
    folder = lab.home / "bmc"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{node.name}.json"
    stated = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    config: dict[str, Any] = {
        "rack": lab.name,
        "rack_dir": str(rack_dir),
        "server": node.name,
        "address": str(node.bmc.address),
        "prefixlen": node.mgmt.network.prefixlen,
        "protocol": node.bmc.protocol,
        "user": node.bmc.user,
        "password": password,
        "mac": cables.mac_of(design, node.name, BMC_PORT),
        "nics": node.macs,
        "vendor": model.vendor,
        "model": server.model,
        "serial": server.serial or f"{lab.name}-{node.name}",
        "cpus": model.cpus,
        "memory_gib": model.memory_gib,
        "disks": {name: {"size_gb": one.size_gb, "kind": one.kind} for name, one in disks.items()},
        "power_w": server.power_w or model.power_w,
        "psus": min(6, len(server.feeds) or 1),
        "both": True,
        "state_dir": str(lab.home),
        "faults": stated.get("faults", []),
        "slow_seconds": stated.get("slow_seconds", 3.0),
    }
    pki.issue(state, f"bmc-{node.name}", [f"{node.name}-bmc"], [node.bmc.address])
    config |= {"cert": str(state / f"ca/bmc-{node.name}.crt"), "key": str(state / f"ca/bmc-{node.name}.key")}
    expired = folder / f"{node.name}-expired.crt"
    write_expired(Path(config["cert"]), state / "ca/ca.crt", state / "ca/ca.key", expired)
    config["expired_cert"] = str(expired)
    text = json.dumps(config, indent=1)
    if stated != config:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    return path


def set_fault(lab: Lab, server: str, fault: Fault | None, seconds: float | None = None) -> None:
    """Give a server's BMC one more fault, or (None) heal all; the BMC reads it while it runs.

    Raises:
        UsageError: the lab was never brought up.
    """
    path = lab.home / "bmc" / f"{server}.json"
    if not path.is_file():
        raise UsageError(f"the lab {lab.name} has no BMC of {server} yet", "`scs-rack lab up` makes it")
    config = json.loads(path.read_text(encoding="utf-8"))
    config["faults"] = sorted({*config["faults"], fault}) if fault else []
    if seconds is not None:
        config["slow_seconds"] = seconds
    path.write_text(json.dumps(config, indent=1), encoding="utf-8")


def start(lab: Lab, design: Design, node: NodeDesign, rack_dir: Path, password: str) -> bool:
    """Start a server's BMC; False if it runs already."""
    config = _config(lab, design, node, rack_dir, password)
    namespace = lab.bmc_namespace(node.name)
    prefix = node.mgmt.network.prefixlen
    netns.ip("-n", namespace, lines=[
        f"address replace {node.bmc.address}/{prefix} dev {BMC_PORT}", f"link set {BMC_PORT} up",
    ])  # fmt: skip
    if running(lab, node.name):
        return False
    own = group(lab, node.name)
    cgroup.create(own)
    with (lab.home / "bmc" / f"{node.name}.log").open("ab") as log:
        subprocess.run(
            ["nsenter", f"--net={netns.path(namespace)}", "setsid", "--fork", "sh", "-c", _WRAPPER,
             "sh", own, sys.executable, "-m", "scs_rack.lab.bmc", "--config", config],
            check=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
        )  # fmt: skip
    return True
