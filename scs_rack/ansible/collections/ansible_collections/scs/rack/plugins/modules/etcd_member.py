#!/usr/bin/python
"""Let a server join the cluster of etcd that runs without it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_member
short_description: Join a cluster of etcd that runs already
description:
  - A server that has etcd's data, or whose cluster nobody runs yet, needs nothing; the daemon's own settings found a
    new cluster.
  - A server without data is added as a member where others run a cluster, and its daemon is run once so that it joins;
    afterwards its usual settings do.
  - A member that has worked before and lost its data is refused. etcd would count it twice; it has to be removed by
    order of the operator (C(scs-rack node replace)).
author: the scs-rack founders
options:
  name: {description: Name of this member., type: str, required: true}
  config: {description: Settings of the daemon; those for joining follow from them., type: path, required: true}
  data: {description: Folder of its data., type: path, required: true}
  members:
    description: All members with C(name) and C(loopback4).
    type: list
    elements: dict
    required: true
  token: {description: What tells this cluster from others., type: str, required: true}
  ca_file: {description: Who vouches for the others., type: path, required: true}
  cert_file: {description: Certificate of this node., type: path, required: true}
  key_file: {description: Its key., type: path, required: true}
attributes:
  check_mode: {support: full, description: Says what would change.}
"""

EXAMPLES = r"""
- name: Join
  scs.rack.etcd_member:
    name: node3
    config: /etc/etcd/scs-rack.yml
    data: /var/lib/etcd/scs-rack
    members: [{name: node1, loopback4: 192.0.2.1}, {name: node3, loopback4: 192.0.2.3}]
    token: "{{ rack.fsid }}"
    ca_file: /usr/local/share/ca-certificates/scs-rack.crt
    cert_file: /etc/etcd/node.crt
    key_file: /etc/etcd/node.key
"""

RETURN = r"""
changes: {description: What was done (in check mode would be done)., type: list, elements: str, returned: always}
"""

import hashlib
import http.client
import json
import re
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

JOINING = Path("/run/scs-rack-etcd-join.yml")
UNIT = "scs-rack-etcd-join"
TIMEOUT = 10.0
START = 120
SETTLE = 60.0


class Failed(Exception):
    """The server can't join; says why."""


def peer(address: str) -> str:
    """Where a member is reached by the others."""
    return f"https://{address}:2380"


def first_id(url: str, token: str) -> int:
    """ID of a member since the cluster was founded; one that was added later has another (`computeMemberID`)."""
    return int.from_bytes(hashlib.sha1(f"{url}{token}".encode()).digest()[:8], "big")  # noqa: S324 (etcd's own rule)


def decide(rows: list[dict[str, Any]], url: str, token: str) -> str:
    """What a server without data has to do: `found` (with the others), `add` itself, or `join` as it was added.

    A member that was there at the founding is listed with its name before it ever ran; what it is reached at by clients
    it tells itself (`publish`), once it runs.

    Args:
        rows: members, as the cluster that runs lists them.
        url: where this server is reached by the others.
        token: of the cluster.

    Raises:
        Failed: it was a member that worked, and has lost its data.
    """
    mine = next((row for row in rows if url in (row.get("peerURLs") or [])), None)
    if mine is None:
        return "add"
    if mine.get("clientURLs"):
        raise Failed(
            f"etcd has {mine['name']} as a member that has worked, but its data are gone from this server: "
            f"`scs-rack node replace {mine['name']}` removes it from all clusters and lets it join anew"
        )
    return "found" if int(mine["ID"]) == first_id(url, token) else "join"


def call(address: str, tls: ssl.SSLContext, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask a member (etcd's gRPC gateway).

    Raises:
        OSError, http.client.HTTPException, ValueError: no answer.
        Failed: it refuses.
    """
    connection = http.client.HTTPSConnection(address, 2379, timeout=TIMEOUT, context=tls)
    try:
        connection.request("POST", path, json.dumps(body))
        answer = connection.getresponse()
        said: dict[str, Any] = json.loads(answer.read())
    finally:
        connection.close()
    if answer.status >= 400:
        raise Failed(f"etcd at {address} refuses {path}: {said.get('message') or said.get('error') or answer.status}")
    return said


def listed(others: list[str], tls: ssl.SSLContext) -> tuple[str, list[dict[str, Any]]]:
    """A member that answers, and all members as it lists them; nothing when nobody answers."""
    for address in others:
        try:
            return address, call(address, tls, "/v3/cluster/member/list", {})["members"]
        except (OSError, http.client.HTTPException, ValueError, KeyError, Failed):
            continue
    return "", []


def add(address: str, tls: ssl.SSLContext, url: str) -> list[dict[str, Any]]:
    """Add this server; etcd takes nobody before its members have heard from each other for five seconds.

    Raises:
        Failed: etcd refuses.
    """
    deadline = time.monotonic() + SETTLE
    while True:
        try:
            members: list[dict[str, Any]] = call(address, tls, "/v3/cluster/member/add", {"peerURLs": [url]})["members"]
        except Failed as error:
            if "unhealthy cluster" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(1)
        else:
            return members


def joining(text: str, name: str, url: str, rows: list[dict[str, Any]]) -> str:
    """Settings by which the daemon joins: those it has, but for who is there and that it is not founding."""
    pairs = [f"{row['name']}={one}" for row in rows for one in row["peerURLs"] if row.get("name")]
    text = re.sub(r"(?m)^initial-cluster: .*$", f"initial-cluster: {','.join([*pairs, f'{name}={url}'])}", text)
    return re.sub(r"(?m)^initial-cluster-state: .*$", "initial-cluster-state: existing", text)


def run(*argv: str) -> None:
    """Run a command.

    Raises:
        Failed: with the end of what it said.
    """
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(argv[:2])} ended with {done.returncode}: {done.stdout.strip()[-800:]}")


def start_once() -> None:
    """Run the daemon until it has joined (it says so to systemd), and end it.

    Raises:
        Failed: it has not.
    """
    run("systemctl", "stop", "etcd.service")
    limits = ["--property=Type=notify", f"--property=TimeoutStartSec={START}", "--uid=etcd", "--gid=etcd"]
    run("systemd-run", f"--unit={UNIT}", "--collect", *limits, "/usr/bin/etcd", f"--config-file={JOINING}")
    run("systemctl", "stop", f"{UNIT}.service")


def join(params: dict[str, Any], *, check: bool) -> list[str]:
    """Do what is needed; what was done."""
    if Path(params["data"], "member").exists():
        return []
    addresses = {one["name"]: one["loopback4"] for one in params["members"]}
    url = peer(addresses[params["name"]])
    if not Path(params["cert_file"]).exists():  # in check mode, on a server that never had it
        return []
    tls = ssl.create_default_context(cafile=params["ca_file"])
    tls.load_cert_chain(params["cert_file"], params["key_file"])
    address, rows = listed([one for name, one in addresses.items() if name != params["name"]], tls)
    what = decide(rows, url, params["token"]) if address else "found"
    if what == "found":
        return []
    if not check:
        if what == "add":
            rows = add(address, tls, url)
        text = Path(params["config"]).read_text(encoding="utf-8")
        JOINING.write_text(joining(text, params["name"], url, rows), encoding="utf-8")
        try:
            start_once()
        finally:
            JOINING.unlink(missing_ok=True)
    return [f"join the cluster of etcd at {address}"]


def main() -> None:
    """Entry point."""
    text = {"type": "str", "required": True}
    path = {"type": "path", "required": True}
    module = AnsibleModule(
        argument_spec={
            "name": text,
            "config": path,
            "data": path,
            "members": {"type": "list", "elements": "dict", "required": True},
            "token": {**text, "no_log": False},
            "ca_file": path,
            "cert_file": path,
            "key_file": {**path, "no_log": False},
        },
        supports_check_mode=True,
    )
    try:
        changes = join(module.params, check=module.check_mode)
    except (Failed, OSError, ValueError, http.client.HTTPException) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(changes), changes=changes)


if __name__ == "__main__":
    main()
