"""What the roles of the cloud write for real racks: rendered by Ansible, read as the services read it."""

import configparser
import getpass
import grp
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import scs_rack
from scs_rack import pki, vault
from scs_rack.design import make_design
from scs_rack.model.load import load_rack

PROJECT = Path(scs_rack.__file__).parent.parent
RENDER = """---
- name: Render
  scs.rack.config_files:
    files: "{{ ROLE_files | zip(elsewhere | map('from_json')) | map('combine') }}"
  vars:
    elsewhere: "{{ ROLE_files | map(attribute='dest') | map('regex_replace', '^', begin) | map('regex_replace', '$', end) }}"
    begin: '{"dest": "{{ top }}/{{ rack.name }}/{{ inventory_hostname }}'
    end: '", "owner": "{{ owner }}", "group": "{{ group }}"}'
"""  # noqa: E501
ROLES = ("nova", "neutron", "cinder")


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """Folder with the files of some hosts of a rack, below rack and host."""
    top = tmp_path_factory.mktemp("settings")
    for role in ROLES:
        shutil.copytree(PROJECT / "roles" / role, top / "roles" / role)
        (top / "roles" / role / "tasks/main.yml").write_text(RENDER.replace("ROLE", role))
        shutil.rmtree(top / "roles" / role / "meta")
    play = {
        "hosts": "all",
        "gather_facts": False,
        "connection": "local",
        "vars": {
            "ansible_python_interpreter": sys.executable,
            "top": str(top),
            "owner": getpass.getuser(),
            "group": grp.getgrgid(os.getgid()).gr_name,
        },
        "roles": list(ROLES),
    }
    (top / "play.yml").write_text(json.dumps([play]))
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
        "ANSIBLE_ROLES_PATH": str(top / "roles"),
        "SCS_RACK_STATE": str(top / "state"),
        vault.PLANNING: "1",
    }
    for rack, hosts in (("lab", "node1,node2,node3"), ("example", "ctl1,cmp1")):
        (top / rack).mkdir()
        shutil.copy(PROJECT / "inventory" / rack / "rack.yml", top / rack / "rack.yml")
        pki.ensure(top / "state" / rack, make_design(load_rack(top / rack / "rack.yml")))
        playbook = Path(sys.executable).with_name("ansible-playbook")
        command = [playbook, "-i", top / rack / "rack.yml", "--limit", hosts, top / "play.yml"]
        seen = subprocess.run(command, cwd=top, env=environment, capture_output=True, text=True, check=False)
        assert seen.returncode == 0, seen.stdout[-3000:] + seen.stderr[-1000:]
    return top


def settings(rendered, host, path):
    """A file of oslo.config; later sections of the same name add to the earlier ones."""
    parser = configparser.ConfigParser(interpolation=None, strict=False, default_section="none")
    (found,) = rendered.glob(f"*/{host}")
    parser.read_string((found / path).read_text())
    return parser


@pytest.mark.parametrize("host", ["node1", "node2", "cmp1"])
def test_nova_compute_has_no_way_to_the_databases(rendered, host):
    compute = settings(rendered, host, "etc/nova/nova-compute.conf")
    assert not {"database", "api_database"} & set(compute)
    assert compute["libvirt"]["images_type"] == "rbd"


def test_guests_are_emulated_in_the_lab_only(rendered):
    lab = settings(rendered, "node2", "etc/nova/nova-compute.conf")["libvirt"]
    metal = settings(rendered, "cmp1", "etc/nova/nova-compute.conf")["libvirt"]
    assert (lab["virt_type"], lab["cpu_mode"]) == ("qemu", "custom")
    assert (lab["cpu_models"], lab["cpu_model_extra_flags"]) == ("qemu64", "+rdrand, +rdseed")  # scs-0101
    assert (metal["virt_type"], metal["cpu_mode"]) == ("kvm", "host-model")
    assert "cpu_models" not in metal


def test_a_host_has_one_name_in_nova_and_neutron(rendered):
    for host in ("node1", "node2", "cmp1"):
        assert settings(rendered, host, "etc/nova/nova-compute.conf")["DEFAULT"]["host"] == host
        assert settings(rendered, host, "etc/neutron/neutron.conf")["DEFAULT"]["host"] == host


def test_compute_nodes_get_no_secrets_of_the_control_plane(rendered):
    for host in ("cmp1",):
        (found,) = rendered.glob(f"*/{host}")
        files = {str(file.relative_to(found)) for file in found.rglob("*") if file.is_file()}
        assert not {"etc/nova/nova.conf", "etc/neutron/plugins/ml2/ml2_conf.ini", "etc/nova/nova-api-uwsgi.ini"} & files
        assert "keystone_authtoken" not in settings(rendered, host, "etc/neutron/neutron.conf")


@pytest.mark.parametrize(("host", "tunnel_mtu"), [("node1", 9000), ("ctl1", 9000)])
def test_guests_networks_fit_into_the_underlay(rendered, host, tunnel_mtu):
    ml2 = settings(rendered, host, "etc/neutron/plugins/ml2/ml2_conf.ini")
    physical = int(settings(rendered, host, "etc/neutron/neutron.conf")["DEFAULT"]["global_physnet_mtu"])
    overhead = 40 + int(ml2["ml2_type_geneve"]["max_header_size"])  # an IPv6 header (RFC 8200) and Geneve
    assert ml2["ml2"]["overlay_ip_version"] == "6"
    assert min(physical, int(ml2["ml2"]["path_mtu"])) - overhead == 1500
    assert physical <= tunnel_mtu
    assert all(entry.endswith(":1500") for entry in ml2["ml2"]["physical_network_mtus"].split(","))


def test_floating_addresses_are_distributed_only_where_every_compute_node_has_external_nics(rendered):
    lab = settings(rendered, "node1", "etc/neutron/plugins/ml2/ml2_conf.ini")
    assert lab["ovn"]["enable_distributed_floating_ip"] == "true"
    for section in (lab["ovn"], settings(rendered, "node2", "etc/neutron/neutron_ovn_metadata_agent.ini")["ovn"]):
        assert section["ovn_sb_connection"] == "ssl:10.91.0.1:6642,ssl:10.91.0.2:6642,ssl:10.91.0.3:6642"


def test_services_listen_behind_haproxy_only(rendered):
    for path, port in (("nova/nova-api", 8774), ("neutron/neutron-api", 9696), ("cinder/cinder-api", 8776)):
        uwsgi = settings(rendered, "node1", f"etc/{path}-uwsgi.ini")["uwsgi"]
        assert uwsgi["http-socket"] == f"127.0.0.1:{port}"
        assert uwsgi["processes"] == "1"


def test_no_secret_stands_in_a_unit_or_a_world_readable_file(rendered):
    secret = {"nova-compute.conf", "nova.conf", "neutron.conf", "cinder.conf", "neutron_ovn_metadata_agent.ini"}
    for file in rendered.glob("*/*/etc/**/*"):
        if file.is_file() and file.name in secret:
            assert file.stat().st_mode & 0o007 == 0, file
        elif file.is_file():
            assert "password" not in file.read_text(), file


@pytest.mark.parametrize(
    "path", ["nova/nova.conf", "nova/nova-compute.conf", "neutron/neutron.conf", "cinder/cinder.conf"]
)
def test_brokers_are_reached_by_verified_tls_on_every_controller(rendered, path):
    found = settings(rendered, "node2", f"etc/{path}")
    assert re.findall(r"@([\d.:]+)", found["DEFAULT"]["transport_url"]) == [f"10.91.0.{n}:5671" for n in (1, 2, 3)]
    rabbit = found["oslo_messaging_rabbit"]
    assert (rabbit["ssl"], rabbit["ssl_enforce_hostname_verification"]) == ("true", "true")
    assert rabbit["rabbit_quorum_queue"] == rabbit["rabbit_transient_quorum_queue"] == "true"


def test_processes_of_uwsgi_have_queues_of_their_own(rendered):
    for unit in rendered.glob("*/*/etc/systemd/system/*.service"):
        assert "Environment=OS_OSLO_MESSAGING_RABBIT__PROCESSNAME=%N\n" in unit.read_text(), unit


def test_databases_are_reached_by_verified_tls_through_haproxy(rendered):
    for path, sections in (("nova/nova.conf", ("database", "api_database")), ("cinder/cinder.conf", ("database",))):
        for section in sections:
            url = settings(rendered, "node3", f"etc/{path}")[section]["connection"]
            assert "@127.0.0.1:3306/" in url
            assert "&read_timeout=60&ssl_ca=/usr/local/share/ca-certificates/scs-rack.crt" in url


def test_volumes_belong_to_a_cluster_that_agrees_in_etcd(rendered):
    cinder = settings(rendered, "node2", "etc/cinder/cinder.conf")
    assert (cinder["DEFAULT"]["host"], cinder["DEFAULT"]["cluster"]) == ("node2", "ceph")
    assert "backend_host" not in cinder["rbd"]
    assert cinder["coordination"]["backend_url"].startswith("etcd3+https://127.0.0.1:2379?")


def test_volumes_and_backups_lie_in_ceph(rendered):
    cinder = settings(rendered, "ctl1", "etc/cinder/cinder.conf")
    assert cinder[cinder["DEFAULT"]["enabled_backends"]]["rbd_pool"] == "volumes"
    assert cinder["DEFAULT"]["backup_driver"] == "cinder.backup.drivers.ceph.CephBackupDriver"
    assert cinder["DEFAULT"]["backup_ceph_pool"] == "backups"
