"""Joining a cluster of etcd: what is decided, and that a real etcd takes it."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from scs_rack import pki

TOKEN = "5f0c7f5e-6d0b-5c9b-9f38-5c5ac4000001"
NAMES = {"node1": "127.9.0.1", "node2": "127.9.0.2", "node3": "127.9.0.3"}
URL = "https://127.9.0.3:2380"
SETTINGS = """name: {name}
data-dir: {folder}/{name}/data
listen-client-urls: https://{address}:2379
advertise-client-urls: https://{address}:2379
listen-peer-urls: https://{address}:2380
initial-advertise-peer-urls: https://{address}:2380
initial-cluster: {cluster}
initial-cluster-token: {token}
initial-cluster-state: new
log-level: warn
client-transport-security: &tls
  cert-file: {folder}/{name}/node.crt
  key-file: {folder}/{name}/node.key
  trusted-ca-file: {folder}/ca.crt
  client-cert-auth: true
peer-transport-security: *tls
"""


def binary():
    """etcd of this machine, or of a node image that was built here."""
    built = sorted(Path("/var/cache/scs-rack/images").glob("*/root/usr/bin/etcd"))
    return shutil.which("etcd") or (str(built[-1]) if built else None)


def row(number, name="", url=URL, worked=False):
    """A member as etcd lists it; what was never said is left out."""
    said = {"clientURLs": [url.replace("2380", "2379")]} if worked else {}
    return {"ID": str(number), "peerURLs": [url], **({"name": name} if name else {}), **said}


def test_who_is_no_member_adds_itself(plugin):
    module = plugin("modules.etcd_member")
    others = [row(1, "node1", "https://127.9.0.1:2380")]
    assert module.decide(others, URL, TOKEN) == "add"
    assert module.decide([*others, row(77)], URL, TOKEN) == "join", "added before, and killed then"
    founder = module.first_id(URL, TOKEN)
    assert module.decide([*others, row(founder, "node3")], URL, TOKEN) == "found", "the others are only quicker"


@pytest.mark.parametrize("number", [77, "first"])
def test_a_member_that_lost_its_data_is_not_counted_twice(plugin, number):
    module = plugin("modules.etcd_member")
    number = module.first_id(URL, TOKEN) if number == "first" else number
    with pytest.raises(module.Failed, match="scs-rack node replace node3"):
        module.decide([row(number, "node3", worked=True)], URL, TOKEN)


def test_settings_for_joining(plugin):
    text = SETTINGS.format(name="node3", folder="/x", address="127.9.0.3", cluster="a=b,c=d", token=TOKEN)
    rows = [row(1, "node1", "https://127.9.0.1:2380"), row(77)]
    made = plugin("modules.etcd_member").joining(text, "node3", URL, rows)
    assert f"initial-cluster: node1=https://127.9.0.1:2380,node3={URL}\n" in made
    assert "initial-cluster-state: existing\n" in made
    assert made.count("\n") == text.count("\n")


class Real:
    """Members with TLS on this machine's loopback, and the module on each."""

    def __init__(self, folder, module, monkeypatch):
        self.folder, self.module = folder, module
        self.running = {}
        monkeypatch.setattr(module, "JOINING", folder / "join.yml")
        monkeypatch.setattr(module, "TIMEOUT", 2.0)
        pki.ensure_ca(folder / "state")
        shutil.copy(folder / "state/ca/ca.crt", folder / "ca.crt")
        cluster = ",".join(f"{name}=https://{address}:2380" for name, address in NAMES.items())
        for name, address in NAMES.items():
            (folder / name).mkdir()
            cert, key = pki.issue(folder / "state", f"node-{name}", [name], [address, "127.0.0.1"], peer=True)
            (folder / name / "node.crt").write_text(cert)
            (folder / name / "node.key").write_text(key)
            text = SETTINGS.format(name=name, folder=folder, address=address, cluster=cluster, token=TOKEN)
            (folder / name / "etcd.yml").write_text(text)

    def start(self, name, config=None):
        log = (self.folder / name / "log").open("a")
        argv = [binary(), "--config-file", str(config or self.folder / name / "etcd.yml")]
        self.running[name] = subprocess.Popen(argv, stdout=log, stderr=log)

    def stop(self, name):
        self.running[name].terminate()
        self.running.pop(name).wait(20)

    def params(self, name):
        own = self.folder / name
        return {
            "name": name,
            "config": str(own / "etcd.yml"),
            "data": str(own / "data"),
            "members": [{"name": one, "loopback4": address} for one, address in NAMES.items()],
            "token": TOKEN,
            "ca_file": str(self.folder / "ca.crt"),
            "cert_file": str(own / "node.crt"),
            "key_file": str(own / "node.key"),
        }

    def tls(self):
        made = self.module.ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        made.load_cert_chain(self.folder / "node1/node.crt", self.folder / "node1/node.key")
        return made

    def healthy(self, name):
        """It serves, which takes a leader."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                body = {"key": "YQ=="}
                return bool(self.module.call(NAMES[name], self.tls(), "/v3/kv/range", body))
            except (OSError, ValueError, self.module.Failed, self.module.http.client.HTTPException):
                time.sleep(0.1)
        return False

    def members(self):
        rows = self.module.listed([NAMES["node1"]], self.tls())[1]
        return {row.get("name", ""): row["ID"] for row in rows}


@pytest.fixture
def real(tmp_path, plugin, monkeypatch):
    if binary() is None:
        pytest.skip("no etcd here, and no node image was built")
    found = Real(tmp_path, plugin("modules.etcd_member"), monkeypatch)
    yield found
    for name in list(found.running):
        found.stop(name)


def test_a_real_founder_that_comes_late_founds_with_the_others(real):
    for name in ("node1", "node2"):
        real.start(name)
    assert real.healthy("node1")
    assert set(real.members()) == set(NAMES), "the others list it already"
    assert real.module.join(real.params("node3"), check=False) == []
    real.start("node3")
    assert real.healthy("node3")


def test_a_real_member_is_removed_and_joins_with_empty_disks(real, monkeypatch):
    module = real.module
    assert module.join(real.params("node1"), check=False) == [], "nobody runs it: the daemons found it themselves"
    for name in NAMES:
        real.start(name)
    assert all(real.healthy(name) for name in NAMES)
    before = real.members()
    assert int(before["node3"]) == module.first_id(URL, TOKEN), "the rule that tells founders"
    assert module.join(real.params("node2"), check=False) == [], "it has its data"

    real.stop("node3")
    shutil.rmtree(real.folder / "node3/data")
    with pytest.raises(module.Failed, match="scs-rack node replace node3"):
        module.join(real.params("node3"), check=False)

    module.call(NAMES["node1"], real.tls(), "/v3/cluster/member/remove", {"ID": before["node3"]})
    assert set(real.members()) == {"node1", "node2"}
    assert module.join(real.params("node3"), check=True) == ["join the cluster of etcd at 127.9.0.1"]
    assert set(real.members()) == {"node1", "node2"}, "check mode changes nothing"

    def killed():
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "start_once", killed)
    with pytest.raises(KeyboardInterrupt):
        module.join(real.params("node3"), check=False)
    assert "" in real.members(), "added, and never started"

    def start_once():
        real.start("node3", real.folder / "join.yml")
        assert real.healthy("node3")
        real.stop("node3")

    monkeypatch.setattr(module, "start_once", start_once)
    assert module.join(real.params("node3"), check=False) == ["join the cluster of etcd at 127.9.0.1"]
    real.start("node3")  # with the settings that say `new`
    assert real.healthy("node3")
    after = real.members()
    assert set(after) == set(NAMES)
    assert after["node3"] != before["node3"]
    assert module.join(real.params("node3"), check=False) == []
