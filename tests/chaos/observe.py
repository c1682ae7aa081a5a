"""The state of a whole rack as its devices tell it: what two runs that did the same have in common, to the last key."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from scs_rack.clouds import clouds_file
from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError
from scs_rack.remote import run_many, run_one
from scs_rack.resources.ensure import connect
from scs_rack.sonic.plan import read
from scs_rack.sonic.transport import on_all, switches

State = dict[str, Any]
PROBE = Path(__file__).with_name("node_probe.py")
CEPH = """
import json, subprocess
def ask(words):
    command = ["timeout", "30", "ceph", *words.split(), "--format", "json"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
tree = ask("osd tree")["nodes"]
names = {one["id"]: one["name"] for one in tree}
said = ask("osd dump")
print(json.dumps({
    "quorum": sorted(ask("quorum_status")["quorum_names"]),
    "tree": {one["name"]: sorted(names[child] for child in one.get("children", []))
             for one in tree if one["type"] != "osd"},
    "osds": {one["name"]: [one["status"], round(one["crush_weight"], 3), one["reweight"]] for one in tree
             if one["type"] == "osd"},
    "flags": sorted(said["flags_set"]),
    "pools": {one["pool_name"]: [
              one["size"], one["min_size"], one["pg_num_target"], sorted(one["application_metadata"])]
              for one in said["pools"]},
    "clients": {one["entity"]: one["caps"] for one in ask("auth ls")["auth_dump"]},
    "settings": {f"{one['section']} {one['name']}": one["value"] for one in ask("config dump")},
    "health": ask("status")["health"]["status"],
}))
"""


def observe(ctx: Context) -> State:
    """Ask every device; what does not answer stands there as the reason."""
    hosts = list(ctx.design.in_service)
    state: State = {}
    program = PROBE.read_text(encoding="utf-8")
    for name, answer in run_many(ctx, hosts, ["python3", "-c", program], timeout=180).items():
        state[name] = json.loads(answer.out) if answer.ok else f"silent: {answer.why}"
    for name, tables in on_all(switches(ctx), read).items():
        state[name] = tables.message if isinstance(tables, ScsRackError) else {k: dict(v) for k, v in tables.items()}
    mons = ctx.design.groups["ceph_mon"]
    if mons:
        answer = run_one(ctx, mons[0], ["python3", "-c", CEPH], timeout=120)
        state["ceph"] = json.loads(answer.out) if answer.ok else f"silent: {answer.why}"
    if clouds_file(ctx.state_dir).is_file():
        state["cloud"] = cloud(connect(clouds_file(ctx.state_dir), "admin"))
    return state


def cloud(sdk: Any) -> State:
    """What the APIs list, by names: IDs differ from cloud to cloud."""
    try:
        projects = {one.id: one.name for one in sdk.identity.projects()}
        users = {one.id: one.name for one in sdk.identity.users()}
        roles = {one.id: one.name for one in sdk.identity.roles()}
        services = {one.id: one.type for one in sdk.identity.services()}
    except Exception as error:  # noqa: BLE001 (without it no API answers; a rack may have no cloud yet)
        return {"identity": f"silent: {type(error).__name__}"}

    def grants() -> Iterator[str]:
        for one in sdk.identity.role_assignments():
            where = json.dumps(one.scope or {}, sort_keys=True)
            for known in (projects, users):
                for key, name in known.items():
                    where = where.replace(key, name)
            yield f"{users.get((one.user or {}).get('id'), '?')} {roles.get(one.role['id'], '?')} {where}"

    def lists() -> dict[str, Callable[[], Any]]:
        return {
            "projects": lambda: sorted(projects.values()),
            "users": lambda: sorted(users.values()),
            "roles": lambda: sorted(roles.values()),
            "grants": lambda: sorted(grants()),
            "endpoints": lambda: sorted(
                f"{services.get(one.service_id)} {one.interface} {_no_ids(one.url)}" for one in sdk.identity.endpoints()
            ),
            "compute": lambda: sorted(
                f"{one.binary} {one.host} {one.status} {one.state}" for one in sdk.compute.services()
            ),
            "agents": lambda: sorted(f"{one.binary} {one.host} {one.is_alive}" for one in sdk.network.agents()),
            "volumes": lambda: sorted(
                f"{one.binary} {one.host} {one.status} {one.state}" for one in sdk.block_storage.services()
            ),
            "flavors": lambda: {
                one.name: [one.vcpus, one.ram, one.disk, one.is_public, dict(sorted(one.extra_specs.items()))]
                for one in sdk.compute.flavors(is_public=None)
            },
            "networks": lambda: sorted(
                f"{one.name} {one.is_router_external} {one.provider_physical_network}" for one in sdk.network.networks()
            ),
            "volume types": lambda: {one.name: one.description for one in sdk.block_storage.types(is_public="None")},
            "images": lambda: {one.name: [one.status, one.visibility, one.hash_value] for one in sdk.image.images()},
        }

    found: State = {}
    for name, question in lists().items():
        try:
            found[name] = question()
        except Exception as error:  # noqa: BLE001 (an API that is not there yet differs from one that is)
            found[name] = f"silent: {type(error).__name__}"
    return found


def _no_ids(url: str) -> str:
    return url.split("$(", maxsplit=1)[0].split("%(", maxsplit=1)[0]


def differences(one: Any, other: Any, where: str = "") -> Iterator[str]:
    """What two states don't have in common, a line each: first as it should be, then as it is."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            if key not in other:
                yield f"{where}/{key}: missing"
            elif key not in one:
                yield f"{where}/{key}: one more: {str(other[key])[:120]}"
            else:
                yield from differences(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, list) and isinstance(other, list) and all(isinstance(x, str) for x in (*one, *other)):
        yield from (f"{where}: missing: {line}" for line in sorted(set(one) - set(other)))
        yield from (f"{where}: one more: {line}" for line in sorted(set(other) - set(one)))
    elif one != other:
        yield f"{where}: {str(one)[:120]} expected, {str(other)[:120]} seen"
