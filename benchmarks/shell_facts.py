"""What the scripts know of the rack: shell variables, an SSH configuration, and contents for the APIs."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rendered import PLAYBOOKS, Rendered
from shell_files import osds

from scs_rack import pki, ssh
from scs_rack.clouds import TEST_NAME
from scs_rack.design import Design
from scs_rack.design.inventory import node_vars
from scs_rack.provision.guest import built_guest
from scs_rack.resources.images import DIGEST, NAME
from scs_rack.resources.volume_types import LUKS
from scs_rack.resources.wanted import wanted
from scs_rack.stages.cloud import OPTIONAL, TYPES

SERVICES = ("platform", "cloud", "ovn", "libvirt")
"""Playbooks and roles whose units the scripts don't name."""


def facts(design: Design, rendered: Rendered) -> dict[str, str]:
    """Shell variables by name; none of them is a secret."""
    groups = design.groups
    nodes = list(design.in_service.values())
    first = groups["controller"][0]
    devices = [*nodes, *(one for one in design.switches.values() if one.role != "oob"), design.manager]
    cluster = rendered.calls_of(first, "ceph_cluster")[0]
    (asked,) = (call for call in rendered.calls_of(first, "ovn_cluster") if call["state"] == "present")
    (ready,) = (call for call in rendered.calls_of(first, "ovn_cluster") if call["state"] == "ready")
    found = {
        "NODES": " ".join(node.name for node in nodes),
        "CONTROLLER": first,
        "CONTROLLERS": " ".join(groups["controller"]),
        "CONTROLLER4": str(design.nodes[first].loopback4),
        "MONS": " ".join(groups["ceph_mon"]),
        "MGRS": " ".join(groups["ceph_mgr"]),
        "OSDS": " ".join(
            f"{number},{host},{_disk(design, host, disk)},{uuid}" for number, host, disk, uuid in osds(cluster)
        ),
        "FSID": design.fsid,
        "VIPS": f"{design.api.vip4}/32 {design.api.vip6}/128",
        "SESSIONS": str(2 * len(nodes[0].uplinks)),
        "LOOPBACKS4": " ".join(str(one.loopback4) for one in devices),
        "LOOPBACKS6": " ".join(str(one.loopback6) for one in devices),
        "OVN_ELECTION": str(asked["election_timer"]),
        "OVN_OPTIONS": " ".join(f"options:{name}={value}" for name, value in ready["options"].items()),
        "RBD_SECRET": rendered.calls_of(groups["compute"][0], "libvirt_secret")[0]["uuid"],
        # the first controller's services start before those of the others
        "UNITS_first": _names(rendered.calls_of(first, "services", "cloud")[0]["units"]),
    }
    for node in nodes:
        found |= {
            f"LOOPBACK4_{node.name}": str(node.loopback4),
            f"LOOPBACK6_{node.name}": str(node.loopback6),
            f"MASK_{node.name}": " ".join(
                unit["name"] for unit in rendered.units(node.name, "base") if unit.get("masked")
            ),
        }
        for stage in PLAYBOOKS:
            absent = (file["dest"] for file in rendered.files(node.name, stage) if file.get("state") == "absent")
            found[f"ABSENT_{stage}_{node.name}"] = " ".join(absent)
        for origin in SERVICES:
            units = rendered.units(node.name, origin)
            found[f"UNITS_{origin}_{node.name}"] = _names(units)
            found[f"ENABLED_{origin}_{node.name}"] = _names([unit for unit in units if unit.get("enabled")])
    return found


def _names(units: list[dict[str, Any]]) -> str:
    """Names of units that shall run, each once."""
    return " ".join(dict.fromkeys(unit["name"] for unit in units if unit.get("state") == "started"))


def _disk(design: Design, host: str, disk: str) -> str:
    """Path of a disk; in the lab it is a file."""
    return next(str(one["path"]) for one in node_vars(design, design.nodes[host])["osd_disks"] if one["name"] == disk)


def catalog(design: Design, rendered: Rendered, state: Path) -> dict[str, Any]:
    """What Keystone shall hold, and where it is asked: by HAProxy on the loopback of the first controller."""
    first = design.groups["controller"][0]
    (asked,) = rendered.calls_of(first, "identity")
    where = {"url": f"https://{design.nodes[first].loopback4}:5000/v3", "ca": str(pki.files(state).trust)}
    return where | {key: asked[key] for key in ("admin_password", "region", "projects", "roles", "users", "services")}


def awaited(design: Design) -> dict[str, Any]:
    """Who must be up when the stage cloud is done."""
    groups = design.groups
    optional = [OPTIONAL[name] for name in design.rack.cloud.services if name in OPTIONAL]
    return {
        "controllers": groups["controller"],
        "computes": groups["compute"],
        "chassis": list(dict.fromkeys((*groups["network"], *groups["compute"]))),
        "hosts": [str(design.nodes[name].loopback4) for name in groups["controller"]],
        "types": [*TYPES, *optional],
        "dashboard": f"https://{design.api.host}/auth/login/" if groups["horizon"] else "",
    }


def offered(design: Design, folder: Path, password: str) -> dict[str, Any]:
    """What the stage resources makes; images are raw files on this machine."""
    target = wanted(design, built_guest().path, folder)
    found = asdict(target)
    for entry, image in zip(found["images"], target.images, strict=True):
        content = image.content()
        marks = {NAME: image.name, DIGEST: image.digest, "image_build_date": content.build_date.isoformat()}
        entry |= {"path": content.path, "marks": marks}
        entry["min_disk"] = max(image.min_disk or 1, -(-content.path.stat().st_size // 2**30))
    return found | {"luks": LUKS, "test": {"name": TEST_NAME, "password": password}}


def ssh_config(design: Design, state: Path, work: Path) -> str:
    """One connection a node serves all scripts."""
    lines = [f"Host {node.name}\n HostName {node.mgmt.ip}\n" for node in design.in_service.values()]
    options = ssh.options(state) | {
        "User": design.rack.access.user,
        "IdentityFile": str(ssh.files(state).key),
        "ControlMaster": "auto",
        "ControlPath": f"{work}/%C",
        "ControlPersist": "60",
    }
    return "".join([*lines, "Host *\n", *(f" {name} {value}\n" for name, value in options.items())])
