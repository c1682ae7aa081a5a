"""What the gate says of the API's addresses."""

import json
import ssl
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from types import SimpleNamespace

import pytest

from scs_rack import pki
from scs_rack.design import make_design
from scs_rack.model.load import load_rack
from scs_rack.remote import Answer
from scs_rack.stages import api_address

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def ctx():
    design = make_design(load_rack(REPOSITORY / "inventory/lab/rack.yml"))
    return SimpleNamespace(design=design, selected=lambda _name: True)


def routes(design, *interfaces, six=None, installed=True):
    def table(prefix, names):
        hops = [{"fib": True, "interfaceName": name} for name in names]
        return json.dumps({prefix: [{"installed": installed, "nexthops": hops}]}) if names else "{}\n"

    four = table(f"{design.api.vip4}/32", interfaces)
    return four + "\n" + table(f"{design.api.vip6}/128", interfaces if six is None else six)


def test_each_controller_on_the_leaf_is_a_way(ctx):
    wanted = api_address.expected_ways(ctx, "leaf1")
    assert wanted == {"Ethernet0": "node1", "Ethernet1": "node2", "Ethernet2": "node3"}
    said = routes(ctx.design, *wanted)
    assert list(api_address.missing_ways(ctx.design, "leaf1", said, wanted)) == []


def test_a_way_that_is_missing_names_the_controller(ctx):
    wanted = api_address.expected_ways(ctx, "leaf1")
    said = routes(ctx.design, "Ethernet0", "Ethernet2", six=[])
    four, six = api_address.missing_ways(ctx.design, "leaf1", said, wanted)
    assert four.expected == "ways by Ethernet1 to node2"
    assert four.seen == "ways by Ethernet0, Ethernet2 only"
    assert "node2" in four.hint
    assert six.seen == "no route"


def test_a_route_that_is_not_installed_leads_nowhere(ctx):
    said = routes(ctx.design, "Ethernet0", installed=False)
    assert api_address.ways(said, f"{ctx.design.api.vip4}/32") == set()


def test_a_leaf_that_says_something_else_is_named(ctx):
    (finding,) = api_address.missing_ways(ctx.design, "leaf1", "% Unknown command", {"Ethernet0": "node1"})
    assert finding.type == "switch-refused"


def test_a_controller_without_the_addresses_says_why():
    said = "missing: 10.91.0.254/32\nhaproxy active, ;\nscs-rack-vip active, HAProxy knows no controller\n"
    (finding,) = api_address.withheld("node1", Answer("node1", 1, said, "", 0.1))
    assert finding.type == "api-address-withheld"
    assert "HAProxy knows no controller" in finding.seen
    assert list(api_address.withheld("node1", Answer("node1", 0, "all here", "", 0.1))) == []


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_response(self.server.status)
        self.end_headers()


@pytest.fixture
def server(tmp_path):
    pki.ensure_ca(tmp_path, "test")
    pki.issue(tmp_path, "api", [], ["127.0.0.1"])
    one = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.status = 200
    one.trust = ssl.create_default_context(cafile=str(tmp_path / "ca/ca.crt"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca/api.crt", tmp_path / "ca/api.key")
    one.socket = context.wrap_socket(one.socket, server_side=True)
    threading.Thread(target=one.serve_forever, daemon=True).start()
    yield one
    one.shutdown()
    one.server_close()


def test_an_address_answers_over_verified_tls(server):
    port = server.server_address[1]
    assert api_address.answers("127.0.0.1", port, server.trust) is None
    server.status = 503
    assert api_address.answers("127.0.0.1", port, server.trust).seen == "status 503"
    assert api_address.answers("127.0.0.1", port, ssl.create_default_context()).type == "api-certificate"
    assert api_address.answers("localhost", port, server.trust).type == "api-certificate"


def test_an_address_that_nobody_has():
    context = ssl.create_default_context()
    assert api_address.answers("127.0.0.1", 1, context).type == "api-unreachable"


def said(ok, vip="active"):
    return Answer(
        "node", 0 if ok else 1, "all here" if ok else f"missing: x haproxy active, ; scs-rack-vip {vip}, ;", "", 0
    )


def test_with_keepalived_one_controller_has_the_addresses():
    seen = {"node1": said(False), "node2": said(True), "node3": said(False)}
    assert list(api_address.held_once(seen, complete=True)) == []


def test_addresses_on_two_controllers_or_on_none_are_findings():
    (two,) = api_address.held_once({"node1": said(True), "node2": said(True)}, complete=True)
    assert (two.type, two.seen) == ("api-address-twice", "on node1, node2")
    none = {"node1": said(False), "node2": said(False)}
    (missing,) = api_address.held_once(none, complete=True)
    assert (missing.type, missing.seen) == ("api-address-withheld", "on none")
    assert list(api_address.held_once(none, complete=False)) == []


def test_a_controller_whose_keepalived_is_down_is_a_finding_though_another_has_the_addresses():
    (down,) = api_address.held_once({"node1": said(True), "node2": said(False, "failed")}, complete=True)
    assert down.where.startswith("node2")


def test_with_keepalived_leaves_need_one_way_to_the_ipv6_address_and_none_to_the_other(ctx):
    api = replace(ctx.design.api, vip4=IPv4Address("10.90.0.20"), vrrp_id=20)
    design = replace(ctx.design, api=api)
    wanted = api_address.expected_ways(ctx, "leaf1")
    one = routes(design, six=["Ethernet2"])
    assert list(api_address.missing_ways(design, "leaf1", one, wanted)) == []
    (none,) = api_address.missing_ways(design, "leaf1", routes(design, six=[]), wanted)
    assert str(design.api.vip6) in none.where
