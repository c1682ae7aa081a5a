"""The same deployment by the scripts in `shell`: raw commands over SSH, side by side where they may be."""

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cpu
from racks import Failed, Rack
from rendered import PLAYBOOKS, Rendered, render

from scs_rack import ssh, vault
from scs_rack.clouds import TEST_NAME, clouds_file
from scs_rack.paths import state_root
from scs_rack.provision.guest import built_guest
from scs_rack.resources.wanted import wanted

SCRIPTS = Path(__file__).with_name("shell")
LAYERS = (("base",), ("ceph", "platform"), ("cloud",), ("resources",))
"""Stages one after the other; those of a layer side by side, as scs-rack runs them."""


def measure(rack: Rack) -> dict[str, Any]:
    """Bring the rack up by scripts; BMCs and switches are prepared by scs-rack, outside of the measurement.

    Raises:
        Failed: a script failed, or the gates of scs-rack don't accept what the scripts made; or the rack has more than
            one controller, which the scripts don't know.
    """
    if len(rack.design.groups["controller"]) > 1:
        raise Failed("the scripts know one controller: no lower bound for a highly available control plane yet")
    for stage in ("bmc", "switches"):
        rack.scs_rack("up", "--to", stage)
    with tempfile.TemporaryDirectory(prefix="scs-rack-bench-") as name:
        work = Path(name)
        prepare(rack, work)
        stages: dict[str, float] = {}
        with cpu.Watch(rack.name) as watch:
            begin = time.time()
            try:
                for layer in LAYERS:
                    stages |= _layer(rack, work, layer)
                end = time.time()
                steps = (work / "steps").read_text(encoding="utf-8").splitlines()
            finally:
                _disconnect(rack, work)
    # the same gates judge both ways
    rack.scs_rack("check", *(stage for layer in LAYERS for stage in layer))
    return {
        "lab_start": rack.lab_start,
        "stages": stages,
        "total": end - begin,
        "cpu_nodes": watch.nodes(begin, end),
        "cpu_manager": watch.manager(),
        "steps": steps,
    }


def prepare(rack: Rack, work: Path) -> None:
    """Write what the scripts need: facts, files of the stages, an SSH configuration, and contents for the APIs."""
    secrets = vault.load(rack.folder)
    rendered = render(rack.folder, state_root(), work)
    for stage in PLAYBOOKS:
        rendered.pack(stage, work)
    facts = _facts(rack, rendered) | {f"SECRET_{name}": value for name, value in secrets.items()}
    (work / "facts").write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in facts.items()))
    (work / "ssh_config").write_text(_ssh_config(rack, work))
    (work / "catalog.json").write_text(json.dumps(_catalog(rack, rendered)))
    offered = asdict(wanted(rack.design, built_guest().path, rack.folder))
    for image in offered["images"]:
        image |= {"path": image["content"]().path, "sha512": image["digest"].removeprefix("sha512:"), "min_disk": 1}
    offered["test"] = {"name": TEST_NAME, "password": secrets["test_user_password"]}
    (work / "wanted.json").write_text(json.dumps(offered, default=str))


def _layer(rack: Rack, work: Path, layer: tuple[str, ...]) -> dict[str, float]:
    """Run the scripts of a layer side by side; returns how long each took."""
    environment = {
        **os.environ,
        "BENCH": str(work),
        "PYTHON": sys.executable,
        "OS_CLIENT_CONFIG_FILE": str(clouds_file(rack.state)),
    }
    begin = time.monotonic()
    running: dict[str, subprocess.Popen[bytes]] = {}
    seconds: dict[str, float] = {}
    try:
        for stage in layer:
            script = SCRIPTS / f"{stage}.sh"
            command = ["bash", str(script)] if script.exists() else [sys.executable, str(script.with_suffix(".py"))]
            log = (work / f"{stage}.log").open("wb")
            running[stage] = subprocess.Popen(
                rack.inside(command), env=environment, stdout=log, stderr=log, start_new_session=True
            )
        while len(seconds) < len(running):
            for stage, process in running.items():
                if stage not in seconds and process.poll() is not None:
                    seconds[stage] = time.monotonic() - begin
                    if process.returncode:
                        text = (work / f"{stage}.log").read_text(errors="replace")
                        raise Failed(f"the script of stage {stage} ended with {process.returncode}\n{text[-4000:]}")
            time.sleep(0.02)
    finally:
        for process in running.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
    return seconds


def _disconnect(rack: Rack, work: Path) -> None:
    """End the SSH connections that the scripts share."""
    for name in rack.design.in_service:
        leave = ["ssh", "-F", str(work / "ssh_config"), "-O", "exit", name]
        subprocess.run(rack.inside(leave), capture_output=True, check=False)


def _facts(rack: Rack, rendered: Rendered) -> dict[str, str]:
    """What the scripts know of the rack, as shell variables."""
    design, groups = rack.design, rack.design.groups
    nodes = list(design.in_service.values())
    controller = design.nodes[groups["controller"][0]]
    devices = [*nodes, *(one for one in design.switches.values() if one.role != "oob"), design.manager]
    cluster = next(call for call in rendered.calls[controller.name] if call["module"] == "ceph_cluster")["arguments"]
    osds = [(disk["host"], disk["name"]) for disk in cluster["disks"]]
    physnets = dict.fromkeys(net.physnet for net in design.rack.networks.values() if net.purpose == "external")
    config = "\n".join(
        "\n".join([f"[{section}]", *(f"{key} = {value}" for key, value in settings.items())])
        for section, settings in cluster["config"].items()
    )
    facts = {
        "NODES": " ".join(node.name for node in nodes),
        "CONTROLLER": controller.name,
        "CONTROLLER4": str(controller.loopback4),
        "COMPUTES": " ".join(groups["compute"]),
        "STORAGE": " ".join(groups["storage"]),
        "MONS": " ".join(groups["ceph_mon"]),
        "MGRS": " ".join(groups["ceph_mgr"]),
        "OSDS": " ".join(
            f"{number},{host},/srv/disks/{disk},{uuid.uuid5(uuid.UUID(design.fsid), f'{host}/{disk}')}"
            for number, (host, disk) in enumerate(osds)
        ),
        "FSID": design.fsid,
        "POOLS": " ".join(f"{pool.name},{pool.pg_num},{pool.application}" for pool in design.storage.pools),
        "REPLICAS": str(design.rack.cloud.ceph.replicas),
        "CEPH_CONFIG": config,
        "URL": f"https://{design.api.host}",
        "REGION": design.rack.region,
        "SESSIONS": str(2 * len(nodes[0].uplinks)),
        "EXTERNAL": " ".join(port.port for port in nodes[0].external),
        "BRIDGE_MAPPINGS": ",".join(f"{physnet}:br-ex" for physnet in physnets),
        "LOOPBACKS4": " ".join(str(one.loopback4) for one in devices),
        "LOOPBACKS6": " ".join(str(one.loopback6) for one in devices),
    }
    for node in nodes:
        masked = [unit["name"] for unit in rendered.units(node.name, "base") if unit.get("masked")]
        facts |= {
            f"LOOPBACK4_{node.name}": str(node.loopback4),
            f"LOOPBACK6_{node.name}": str(node.loopback6),
            f"MASK_{node.name}": " ".join(masked),
        }
    return facts


def _catalog(rack: Rack, rendered: Rendered) -> dict[str, Any]:
    calls = rendered.calls[rack.design.groups["controller"][0]]
    asked = next(call for call in calls if call["module"] == "identity")["arguments"]
    computes = list(rack.design.groups["compute"])
    return {"region": asked["region"], "users": asked["users"], "services": asked["services"], "computes": computes}


def _ssh_config(rack: Rack, work: Path) -> str:
    lines = [f"Host {node.name}\n HostName {node.mgmt.ip}\n" for node in rack.design.in_service.values()]
    options = ssh.options(rack.state) | {
        "User": rack.design.rack.access.user,
        "IdentityFile": str(ssh.files(rack.state).key),
        "ControlMaster": "auto",
        "ControlPath": f"{work}/%C",
        "ControlPersist": "60",
    }
    return "".join([*lines, "Host *\n", *(f" {name} {value}\n" for name, value in options.items())])
