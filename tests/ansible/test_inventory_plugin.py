"""The inventory plugin, seen through Ansible's own ansible-inventory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scs_rack import vault
from scs_rack.design import make_design
from scs_rack.model.load import load_rack
from scs_rack.prepare import prepare

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = Path(sys.executable).with_name("ansible-inventory")


@pytest.fixture
def rack(tmp_path, monkeypatch):
    monkeypatch.setenv("SCS_RACK_STATE", str(tmp_path / "state"))
    folder = tmp_path / "rack"
    folder.mkdir()
    (folder / "rack.yml").write_bytes((REPOSITORY / "inventory/lab/rack.yml").read_bytes())
    return folder


def ask(rack, *arguments, code=0, **environment):
    done = subprocess.run(
        [PROGRAM, "-i", rack / "rack.yml", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def listed(rack, **environment):
    return json.loads(ask(rack, "--list", **environment).stdout)


def plain(secrets):
    """Secrets are never templates; ansible-inventory marks that."""
    return {name: value["__ansible_unsafe"] for name, value in secrets.items()}


def test_graph_works_without_secrets_and_warns(rack):
    done = ask(rack, "--graph")
    assert "--@servers:" in done.stdout
    assert "node4" in done.stdout.split("@spares:")[1]
    assert "no secrets yet" in done.stderr.replace("\n", " ")


def test_hosts_get_rack_node_secrets_pki_and_ssh(rack, tmp_path):
    made = prepare(rack, tmp_path / "state/lab", make_design(load_rack(rack)))
    host = listed(rack)["_meta"]["hostvars"]["node2"]
    assert host["rack"]["name"] == "lab"
    assert host["node"]["loopback4"] == "10.91.0.2"
    assert plain(host["secrets"]) == made
    assert Path(host["pki"]["api_key_file"]).is_file()
    assert Path(host["pki"]["ca_file"]).is_file()
    assert host["pki"]["node_cert_file"].endswith("/node-node2.crt")
    assert Path(host["pki"]["node_cert_file"]).is_file()
    assert Path(host["pki"]["node_key_file"]).is_file()
    assert host["ansible_ssh_private_key_file"] == str(tmp_path / "state/lab/ssh/id_ed25519")
    assert f"UserKnownHostsFile={tmp_path}/state/lab/ssh/known_hosts" in host["ansible_ssh_common_args"]
    assert "StrictHostKeyChecking=yes" in host["ansible_ssh_common_args"]
    assert host["ansible_control_path_dir"] == str(tmp_path / "state/lab/ssh/cp"), "racks must not share connections"


def test_groups_are_those_of_the_design(rack):
    content = listed(rack)
    assert content["ceph_mgr"]["hosts"] == ["node1", "node2"]
    assert content["controller"]["hosts"] == ["node1", "node2", "node3"]
    assert content["switches"]["hosts"] == ["leaf1", "leaf2", "oob1"]


def test_group_vars_and_host_vars_beside_the_rack_file_override(rack):
    for folder, name, text in (
        ("group_vars", "servers.yml", "ansible_user: operator\nkeystone_workers: 7\n"),
        ("host_vars", "node3.yml", "keystone_workers: 9\nansible_host: 192.0.2.3\n"),
        ("group_vars", "all.yml", "ansible_ssh_common_args: -v\n"),
    ):
        (rack / folder).mkdir(exist_ok=True)
        (rack / folder / name).write_text(text)
    hosts = listed(rack)["_meta"]["hostvars"]
    assert hosts["node1"]["keystone_workers"] == 7
    assert (hosts["node3"]["keystone_workers"], hosts["node3"]["ansible_host"]) == (9, "192.0.2.3")
    assert hosts["node1"]["ansible_ssh_common_args"] == "-v"


def test_a_wrong_vault_password_leaves_secrets_out_and_says_why(rack, tmp_path):
    vault.ensure(rack, make_design(load_rack(rack)))
    wrong = tmp_path / "wrong"
    wrong.write_text("not it\n")
    done = ask(rack, "--list", SCS_RACK_VAULT_PASSWORD_FILE=str(wrong))
    assert "secrets" not in json.loads(done.stdout)["_meta"]["hostvars"]["node1"]
    assert "does not open" in done.stderr.replace("\n", " ")


def test_a_rack_file_with_a_fault_is_refused_with_the_fault(rack):
    text = (rack / "rack.yml").read_text()
    (rack / "rack.yml").write_text(text.replace("region: lab", "regoin: lab"))
    done = ask(rack, "--list", code=1)
    assert "regoin" in done.stderr


def test_while_planning_missing_secrets_have_placeholders(rack):
    host = listed(rack, SCS_RACK_PLANNING="1")["_meta"]["hostvars"]["node1"]
    assert plain(host["secrets"])["admin_password"] == "<admin_password, to be generated>"


def test_the_folder_of_the_rack_file_is_an_inventory_too(rack):
    vault.ensure(rack, make_design(load_rack(rack)))
    done = subprocess.run(
        [PROGRAM, "-i", rack, "--graph"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "--@controller:" in done.stdout
