"""What the roles radosgw and horizon write: rendered by Ansible, read as the services read it."""

import configparser
import getpass
import grp
import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from scs_rack import vault
from tests.ansible.test_cloud_settings import PROJECT, RENDER

ROLES = ("radosgw", "horizon")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Folder with the files of node2 of the lab."""
    top = tmp_path_factory.mktemp("faces")
    for role in ROLES:
        shutil.copytree(PROJECT / "roles" / role, top / "roles" / role)
        (top / "roles" / role / "tasks/main.yml").write_text(RENDER.replace("ROLE", role))
        shutil.rmtree(top / "roles" / role / "meta")
    variables = {
        "ansible_python_interpreter": sys.executable,
        "top": str(top),
        "owner": getpass.getuser(),
        "group": grp.getgrgid(os.getgid()).gr_name,
    }
    play = {"hosts": "node2", "gather_facts": False, "connection": "local", "vars": variables, "roles": list(ROLES)}
    (top / "play.yml").write_text(json.dumps([play]))
    (top / "lab").mkdir()
    shutil.copy(PROJECT / "inventory/lab/rack.yml", top / "lab/rack.yml")
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
        "ANSIBLE_ROLES_PATH": str(top / "roles"),
        "SCS_RACK_STATE": str(top / "state"),
        vault.PLANNING: "1",
    }
    command = [Path(sys.executable).with_name("ansible-playbook"), "-i", top / "lab/rack.yml", top / "play.yml"]
    seen = subprocess.run(command, cwd=top, env=environment, capture_output=True, text=True, check=False)
    assert seen.returncode == 0, seen.stdout[-3000:] + seen.stderr[-1000:]
    return top / "lab/node2"


def test_the_gateway_asks_keystone_over_verified_tls_and_serves_the_node_alone(files):
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string((files / "etc/scs-rack/radosgw/radosgw.conf").read_text())
    gateway = parser["client.rgw"]
    assert gateway["rgw_keystone_url"] == "https://10.91.0.254:5000"
    assert gateway["rgw_keystone_verify_ssl"] == "true"
    assert gateway["rgw_frontends"] == "beast endpoint=127.0.0.1:8080"
    assert gateway["rgw_enable_apis"] == "s3, swift"
    assert parser["global"]["ms_mon_client_mode"] == "secure"
    assert parser["global"]["mon_host"].count("v2:") == 3


def test_the_gateways_password_stands_in_one_file_of_its_own(files):
    word = "service_swift, to be generated"
    holders = [file for file in files.rglob("*") if file.is_file() and word in file.read_text()]
    assert [str(file.relative_to(files)) for file in holders] == ["etc/scs-rack/radosgw/keystone-password"]
    assert holders[0].stat().st_mode & 0o777 == 0o640
    assert not holders[0].read_text().endswith("\n")


def test_keystone_gives_secret_keys_to_owners_administrators_and_the_gateway(files):
    (rule,) = yaml.safe_load((files / "etc/keystone/policy.d/radosgw.yaml").read_text()).items()
    assert rule[0] == "identity:ec2_get_credential"
    assert rule[1].endswith(" or (role:ec2_secret_reader and role:service)")


@pytest.fixture
def dashboard(files, monkeypatch):
    """The settings, as Python reads them."""
    theirs = ModuleType("openstack_dashboard.settings")
    theirs.MIDDLEWARE = ("theirs",)
    monkeypatch.setitem(sys.modules, "openstack_dashboard", ModuleType("openstack_dashboard"))
    monkeypatch.setitem(sys.modules, "openstack_dashboard.settings", theirs)
    return runpy.run_path(str(files / "etc/openstack-dashboard/local_settings.py"))


def test_cookies_of_the_dashboard_go_over_tls_only(dashboard):
    for name in ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "DISALLOW_IFRAME_EMBED"):
        assert dashboard[name] is True, name
    assert dashboard["MIDDLEWARE"] == ("django.middleware.security.SecurityMiddleware", "theirs")
    assert dashboard["SECURE_HSTS_SECONDS"] >= 31536000
    assert dashboard["DEBUG"] is False
    assert dashboard["ALLOWED_HOSTS"] == ["10.91.0.254", "[fd5c:5::fe]"]


def test_sessions_lie_in_memcached_of_all_controllers(dashboard):
    assert dashboard["SESSION_ENGINE"].endswith(".cache")
    assert len(dashboard["CACHES"]["default"]["LOCATION"]) == 3
    assert dashboard["CACHES"]["default"]["OPTIONS"]["ignore_exc"]


def test_the_dashboard_trusts_the_racks_ca_and_asks_for_the_domain(dashboard):
    assert dashboard["OPENSTACK_KEYSTONE_URL"] == "https://10.91.0.254:5000/v3"
    assert dashboard["OPENSTACK_SSL_CACERT"] == "/etc/ssl/certs/ca-certificates.crt"
    assert dashboard["OPENSTACK_SSL_NO_VERIFY"] is False
    assert dashboard["OPENSTACK_KEYSTONE_MULTIDOMAIN_SUPPORT"] is True


def test_settings_of_the_dashboard_are_for_it_alone(files):
    assert (files / "etc/openstack-dashboard/local_settings.py").stat().st_mode & 0o777 == 0o640
