"""What customers see: objects by S3 and Swift, the dashboard in a browser, consoles; needs test_bring_up.

The clients are others' (boto3, openstacksdk, Chromium) or speak from the standards alone (RFC 6455, RFC 6143). They run
in the manager's namespace: no packet leaves it.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.browser import Browser, chromium, key_hash
from tests.e2e.conftest import NAME, Bench

pytestmark = pytest.mark.lab
API = "10.91.0.254"
HERE = Path(__file__).parent


def customer(bench: Bench, script: str, timeout: float) -> Any:
    """What a script of a customer prints, run with the clouds file and the rack's CA."""
    clouds = f"OS_CLIENT_CONFIG_FILE={bench.state}/clouds.yaml"
    argv = ["env", clouds, sys.executable, str(HERE / script), f"{bench.state}/ca/ca.crt"]
    done = bench.outside(*argv, timeout=timeout)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_a_plain_member_keeps_objects_by_s3_and_swift(bench: Bench) -> None:
    seen = customer(bench, "object_clients.py", 300)
    assert set(seen["roles"]) <= {"member", "reader"}, "this proves little of plain members"
    assert seen["endpoint"], "the catalog's URL is not that of the project"
    assert seen["s3"] == {
        "list": [["a/b ü", 100_000]],
        "same": True,
        "metadata": {"made-by": "test"},
        "buckets": True,
        "presigned": True,
        "presigned, spoilt": 403,
        "presigned put": 200,
        "put by a friend": "by a friend",
        "anonymous": 404,
        "multipart": True,
        "range": True,
        "gone": "404",
    }
    assert seen["swift"] == {"list": ["one"], "same": True, "containers": True, "by S3": True, "gone": True}
    assert (seen["wrong secret"], seen["unknown key"]) == ("SignatureDoesNotMatch", "InvalidAccessKeyId")


def test_the_gateway_may_do_no_more_than_it_needs(bench: Bench) -> None:
    rados = ("rados", "--id", "rgw", "--keyring", "/etc/ceph/ceph.client.rgw.keyring")
    mine = bench.on("node1", *rados, "-p", "default.rgw.meta", "ls", "--all")
    assert mine.strip()
    for pool in ("volumes", "images"):
        done = bench.scs_rack("lab", "shell", "node1", "--", *rados, "-p", pool, "ls", check=False)
        assert done.returncode != 0, f"the gateway's key opens the pool {pool}"


def test_copies_lie_on_three_hosts(bench: Bench) -> None:
    pools = json.loads(bench.on("node1", "ceph", "osd", "pool", "ls", "detail", "--format", "json"))
    rules = json.loads(bench.on("node1", "ceph", "osd", "crush", "rule", "dump", "--format", "json"))
    steps = {
        rule["rule_id"]: [one["type"] for one in rule["steps"] if one["op"].startswith("choose")] for rule in rules
    }
    ours = [pool for pool in pools if pool["pool_name"] != ".mgr"]
    assert {pool["pool_name"] for pool in ours} >= {"volumes", "vms", "images", "backups", "default.rgw.buckets.data"}
    assert {(pool["size"], *steps[pool["crush_rule"]]) for pool in ours} == {(3, "host")}
    assert all(pool["pg_num"] & (pool["pg_num"] - 1) == 0 for pool in ours)


@pytest.fixture(scope="module")
def browser(bench: Bench) -> Iterator[Browser]:
    if chromium() is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with Browser(["ip", "netns", "exec", f"{NAME}-manager"], key_hash(bench.state / "ca/api.crt")) as one:
        yield one


def login(bench: Bench, browser: Browser, password: str | None = None) -> None:
    """Fill in the form and send it as a person does."""
    auth = yaml.safe_load((bench.state / "clouds.yaml").read_text())["clouds"]["test"]["auth"]
    browser.open(f"https://{API}/auth/login/")
    browser.wait("document.getElementById('loginBtn')")
    secret = password or auth["password"]
    browser.fill(id_domain=auth["user_domain_name"], id_username=auth["username"], id_password=secret)
    browser.evaluate("document.getElementById('loginBtn').click()")


def test_the_dashboard_is_for_those_who_log_in(browser: Browser) -> None:
    browser.open(f"http://{API}/project/")
    browser.wait("document.getElementById('loginBtn')")
    assert str(browser.evaluate("location.href")).startswith(f"https://{API}/auth/login/?next=")


def test_a_wrong_password_is_told(bench: Bench, browser: Browser) -> None:
    login(bench, browser, "wrong")
    browser.wait("document.body.innerText.includes('Invalid credentials')")
    browser.open(f"https://{API}/project/instances/")
    browser.wait("document.getElementById('loginBtn')")


def test_a_customer_looks_around_and_leaves(bench: Bench, browser: Browser) -> None:
    login(bench, browser)
    browser.wait("document.title.includes('Overview') && document.body.innerText.includes('Limit Summary')", 180)
    assert "Error" not in browser.text()
    if folder := os.environ.get("SCS_RACK_SCREENSHOTS"):
        browser.screenshot(Path(folder) / "overview.png")
    cookies = {cookie["name"]: cookie for cookie in browser.call("Network.getCookies")["cookies"]}
    assert cookies["sessionid"]["secure"]
    assert cookies["sessionid"]["httpOnly"]
    browser.open(f"https://{API}/project/instances/")
    browser.wait("document.title.includes('Instances') && document.getElementById('instances')", 180)
    browser.open(f"https://{API}/auth/logout/")
    browser.wait("document.getElementById('loginBtn')")
    browser.call("Network.setCookie", name="sessionid", value=cookies["sessionid"]["value"], url=f"https://{API}/")
    browser.open(f"https://{API}/project/instances/")
    browser.wait("document.getElementById('loginBtn')")


def test_a_guests_console_is_seen(bench: Bench) -> None:
    seen = customer(bench, "console_client.py", 900)
    assert seen["url"] == f"https://{API}:6080"
    assert seen["page"], "no page of noVNC"
    assert seen["accepted"], "the websocket was not accepted"
    assert seen["version"] == "RFB 003.008"
    assert min(seen["screen"]) >= 8, seen["screen"]
    assert "instance-" in seen["name"]
    assert seen["update"][0] == 0, "no FramebufferUpdate"
    assert seen["update"][1] >= 1
    assert seen["wrong token"] == "refused"
    assert seen["log"] > 0, "nothing in the log of the serial console"
