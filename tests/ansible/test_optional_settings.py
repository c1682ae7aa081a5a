"""What roles of optional services write: rendered by Ansible, read as the services read it."""

import base64
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
import yaml

from scs_rack import pki, vault
from scs_rack.design import make_design
from scs_rack.model.load import load_rack
from tests.ansible.test_cloud_settings import PROJECT, RENDER, settings

ROLES = ("barbican", "octavia", "designate", "cinder", "nova", "neutron")
SERVICES = {"all": "[barbican, octavia, designate]", "none": "[]"}

OUTSIDE6 = "ipv6: {prefix: fd5c:100::/64, gateway: fd5c:100::1, routers: [{address: fd5c:9::1, asn: 64500}]}"


@pytest.fixture(scope="module", params=SERVICES)
def rendered(request, tmp_path_factory):
    """Folder with the files of node2, of a rack with all these services and of one with none; which one, and where."""
    top = tmp_path_factory.mktemp("optional")
    here = top / "lab"
    for role in ROLES:
        shutil.copytree(PROJECT / "roles" / role, top / "roles" / role)
        (top / "roles" / role / "tasks/main.yml").write_text(RENDER.replace("ROLE", role))
        shutil.rmtree(top / "roles" / role / "meta")
    groups = [role for role in ROLES[:3] if request.param == "all"]
    play = {
        "hosts": "node2",
        "gather_facts": False,
        "connection": "local",
        "vars": {
            "ansible_python_interpreter": sys.executable,
            "top": str(top),
            "owner": getpass.getuser(),
            "group": grp.getgrgid(os.getgid()).gr_name,
        },
        "roles": [*groups, *ROLES[3:]],
    }
    (top / "play.yml").write_text(json.dumps([play]))
    here.mkdir()
    text = (PROJECT / "inventory/lab/rack.yml").read_text()
    text = text.replace("\ncloud:\n", f"\ncloud:\n  services: {SERVICES[request.param]}\n")
    text = re.sub(r"\n    ipv6:.*(\n      .*)*", "", text)
    if request.param == "all":
        text = text.replace("    prefix: 10.92.0.0/24\n", f"    prefix: 10.92.0.0/24\n    {OUTSIDE6}\n")
    (here / "rack.yml").write_text(text)
    pki.ensure(top / "state/lab", make_design(load_rack(here / "rack.yml")))
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
        "ANSIBLE_ROLES_PATH": str(top / "roles"),
        "SCS_RACK_STATE": str(top / "state"),
        vault.PLANNING: "1",
    }
    playbook = Path(sys.executable).with_name("ansible-playbook")
    command = [playbook, "-i", here / "rack.yml", top / "play.yml"]
    seen = subprocess.run(command, cwd=top, env=environment, capture_output=True, text=True, check=False)
    assert seen.returncode == 0, seen.stdout[-3000:] + seen.stderr[-1000:]
    return request.param, top


def only(rendered, which):
    """The folder, where the rack is the one that a test is about."""
    if rendered[0] != which:
        pytest.skip(f"is about the rack with {which} of these services")
    return rendered[1]


def test_the_master_key_stands_in_one_file_of_barbican_alone(rendered):
    top = only(rendered, "all")
    key = "barbican_kek, to be generated"
    holders = [file for file in top.glob("lab/node2/etc/**/*") if file.is_file() and key in file.read_text()]
    assert [file.name for file in holders] == ["master-key.conf"]
    assert holders[0].stat().st_mode & 0o777 == 0o640
    assert holders[0].parent.name == "barbican.conf.d"  # oslo.config reads it beside barbican.conf


def test_a_master_key_is_one_that_fernet_takes(tmp_path):
    made = vault.ensure(tmp_path, make_design(load_rack(PROJECT / "inventory/lab")))
    assert len(base64.urlsafe_b64decode(made["barbican_kek"])) == 32


def test_scope_and_new_defaults_are_enforced_everywhere(rendered):
    files = ["cinder/cinder.conf", "nova/nova.conf", "neutron/neutron.conf"]
    if rendered[0] == "all":
        files += ["barbican/barbican.conf", "octavia/octavia.conf", "designate/designate.conf"]
    for file in files:
        policy = settings(rendered[1], "node2", f"etc/{file}")["oslo_policy"]
        assert (policy["enforce_scope"], policy["enforce_new_defaults"]) == ("true", "true"), file


def test_keys_of_volumes_come_from_barbican_where_there_is_one(rendered):
    for file in ("cinder/cinder.conf", "nova/nova-compute.conf"):
        found = settings(rendered[1], "node2", f"etc/{file}")
        if rendered[0] == "none":
            assert not {"key_manager", "barbican"} & set(found), file
            continue
        assert found["key_manager"]["backend"] == "barbican", file
        assert found["barbican"]["verify_ssl"] == "true"
        assert found["barbican"]["auth_endpoint"].startswith("https://")


def test_guests_have_names_and_resolvers(rendered):
    neutron = settings(rendered[1], "node2", "etc/neutron/neutron.conf")
    ml2 = settings(rendered[1], "node2", "etc/neutron/plugins/ml2/ml2_conf.ini")
    assert neutron["DEFAULT"]["dns_domain"] == "guests.lab.internal."
    assert ml2["ovn"]["dns_servers"] == "10.92.0.1"
    drivers = ml2["ml2"]["extension_drivers"].split(",")
    if rendered[0] == "all":
        assert neutron["DEFAULT"]["external_dns_driver"] == "designate"
        assert neutron["designate"]["url"].startswith("https://")
        assert drivers == ["port_security", "subnet_dns_publish_fixed_ip"]
    else:
        assert "external_dns_driver" not in neutron["DEFAULT"]
        assert drivers == ["port_security", "dns_domain_ports"]


def test_guests_prefixes_are_announced_where_a_router_is_named(rendered):
    which, top = rendered
    neutron = settings(top, "node2", "etc/neutron/neutron.conf")
    agent = top / "lab/node2/etc/neutron/bgp_dragent.ini"
    unit = top / "lab/node2/etc/systemd/system/neutron-bgp-dragent.service"
    if which == "none":
        assert neutron["DEFAULT"]["service_plugins"] == "ovn-router"
        assert not agent.exists()
        assert not unit.exists()
        return
    assert neutron["DEFAULT"]["service_plugins"] == "ovn-router,bgp"
    assert neutron["DEFAULT"]["bgp_drscheduler_driver"].endswith(".StaticScheduler")
    assert settings(top, "node2", "etc/neutron/bgp_dragent.ini")["bgp"]["bgp_router_id"] == "10.91.0.2"
    assert "neutron-bgp-dragent" in unit.read_text()


def test_customers_share_nothing_with_each_other(rendered):
    rules = yaml.safe_load((rendered[1] / "lab/node2/etc/neutron/policy.d/scs-rack.yaml").read_text())
    assert rules == {"create_rbac_policy": "rule:admin_only"}


def test_octavia_asks_every_server_of_ovn_by_verified_tls(rendered):
    octavia = settings(only(rendered, "all"), "node2", "etc/octavia/octavia.conf")
    assert octavia["api_settings"]["default_provider_driver"] == "ovn"
    for database, port in (("nb", 6641), ("sb", 6642)):
        wanted = ",".join(f"ssl:10.91.0.{number}:{port}" for number in (1, 2, 3))
        assert octavia["ovn"][f"ovn_{database}_connection"] == wanted
        assert octavia["ovn"][f"ovn_{database}_ca_cert"].startswith("/usr/local/share/ca-certificates/")


def test_services_listen_behind_haproxy_only(rendered):
    top = only(rendered, "all")
    for name, port in (("barbican", 9311), ("octavia", 9876), ("designate", 9001)):
        uwsgi = settings(top, "node2", f"etc/{name}/{name}-api-uwsgi.ini")["uwsgi"]
        assert uwsgi["http-socket"] == f"127.0.0.1:{port}"


def test_every_controller_has_zones_from_every_controller(rendered):
    top = only(rendered, "all")
    (pool,) = yaml.safe_load((top / "lab/node2/etc/designate/pools.yaml").read_text())
    addresses = [f"10.91.0.{number}" for number in (1, 2, 3)]
    assert [target["options"]["host"] for target in pool["targets"]] == addresses
    assert all([one["host"] for one in target["masters"]] == addresses for target in pool["targets"])
    assert [one["host"] for one in pool["nameservers"]] == addresses


def test_bind_resolves_nothing_and_hears_orders_with_a_key_only(rendered):
    named = (only(rendered, "all") / "lab/node2/etc/bind/named.conf").read_text()
    assert "recursion no;" in named
    assert re.search(r'inet 10\.91\.0\.2 port 953 allow { controllers; } keys { "designate"; };', named)
    assert "allow-transfer { none; };" in named
