import json
from types import SimpleNamespace

from scs_rack.stages import cloud
from scs_rack.stages.cloud import TYPES, Service


def kinds(findings):
    return [(finding.type, finding.where, finding.seen) for finding in findings]


def test_all_services_up():
    seen = [Service("nova-compute", "node1", "up"), Service("nova-conductor", "node9", "up")]
    assert cloud.service_findings(seen, [("nova-compute", "node1"), ("nova-conductor", "node9")]) == []


def test_services_that_are_down_disabled_or_absent():
    seen = [
        Service("nova-compute", "node1", "down"),
        Service("nova-compute", "node2", "disabled"),
        Service("nova-conductor", "node1", "down"),
        Service("nova-conductor", "node2", "up"),
    ]
    wanted = [("nova-compute", f"node{n}") for n in (1, 2, 3)] + [("nova-conductor", f"node{n}") for n in (1, 2)]
    assert kinds(cloud.service_findings(seen, wanted)) == [
        ("service-down", "node1 nova-compute", "down on node1"),
        ("service-down", "node2 nova-compute", "disabled on node2"),
        ("service-down", "node3 nova-compute", "not registered"),
        ("service-down", "node1 nova-conductor", "down on node1"),
    ]


def test_a_host_answers_for_each_of_its_backends():
    seen = [Service("cinder-volume", f"node1@{name}", "up") for name in ("rbd", "fast")]
    assert cloud.service_findings(seen, [("cinder-volume", "node1")]) == []
    seen.append(Service("cinder-volume", "node1@slow", "down"))
    (found,) = cloud.service_findings(seen, [("cinder-volume", "node1")])
    assert "down on node1@slow" in found.seen
    assert len(cloud.service_findings(seen, [("cinder-volume", "node10")])) == 1


def test_inventories():
    full = {"VCPU": 2, "MEMORY_MB": 1024, "DISK_GB": 8}
    offered = {"node1": full, "node2": full | {"DISK_GB": 0}}
    assert kinds(cloud.inventory_findings(offered, ["node1", "node2", "node3"])) == [
        ("inventory-missing", "node2 placement", "VCPU 2, MEMORY_MB 1024, DISK_GB 0"),
        ("inventory-missing", "node3 placement", "nothing"),
    ]


def test_chassis():
    text = json.dumps({"headings": ["hostname"], "data": [["node1"], ["node3"]]})
    assert cloud.rows(text) == [{"hostname": "node1"}, {"hostname": "node3"}]
    assert kinds(cloud.chassis_findings(["node3", "node1"], ["node1", "node2", "node3"])) == [
        ("chassis-missing", "node2", "chassis: node1, node3")
    ]


def test_external_wires():
    assert cloud.wire_findings("node1", {}) == []
    assert cloud.wire_findings("node1", {"ext0": "up", "ext1": "up"}) == []
    (half,) = cloud.wire_findings("node1", {"ext0": "up", "ext1": "down"})
    assert (half.severity, half.where) == ("warning", "node1 ext1")
    (none,) = cloud.wire_findings("node1", {"ext0": "down", "ext1": "not in Open vSwitch"})
    assert (none.severity, none.seen) == ("error", "ext0 down, ext1 not in Open vSwitch")


def fake_cloud(catalog, statuses):
    def get(url, **_options):
        status = statuses[url]
        if isinstance(status, Exception):
            raise status
        return SimpleNamespace(status_code=status)

    access = SimpleNamespace(service_catalog=SimpleNamespace(catalog=catalog))
    session = SimpleNamespace(get=get)
    session.auth = SimpleNamespace(get_access=lambda _session: access)
    return SimpleNamespace(session=session)


def catalog_of(url="https://api:{port}/v2", region="lab"):
    ports = dict(zip(cloud.TYPES, range(1000, 2000), strict=False))
    return [
        {"type": kind, "endpoints": [{"region": region, "url": url.format(port=port)}] * 2}
        for kind, port in ports.items()
    ]


def test_every_endpoint_answers():
    fine = {f"https://api:{1000 + n}/": 300 for n in range(len(cloud.TYPES))}
    assert cloud.catalog_findings(fake_cloud(catalog_of(), fine), "lab", TYPES, []) == []


def test_endpoints_that_fail_refuse_tls_or_are_plain():
    statuses = {f"https://api:{1000 + n}/": 200 for n in range(len(cloud.TYPES))}
    statuses |= {"https://api:1001/": 503, "https://api:1002/": ConnectionError("certificate verify failed")}
    found = cloud.catalog_findings(fake_cloud(catalog_of(), statuses), "lab", TYPES, [])
    assert [finding.type for finding in found] == ["endpoint-failed", "api-failed"]
    assert "certificate verify failed" in found[1].seen
    found = cloud.catalog_findings(fake_cloud(catalog_of("http://api:{port}/"), {}), "lab", TYPES, [])
    assert {finding.type for finding in found} == {"endpoint-plain-http"}


def test_services_that_the_catalog_does_not_have_in_this_region():
    found = cloud.catalog_findings(fake_cloud(catalog_of(region="other"), {}), "lab", TYPES, [])
    assert [finding.where for finding in found] == [f"catalog {kind}" for kind in cloud.TYPES]


def test_every_controller_answers_for_itself():
    hosts = ["10.0.0.1", "10.0.0.2"]
    statuses = {f"https://{host}:{1000 + n}/": 200 for n in range(len(TYPES)) for host in ("api", *hosts)}
    assert cloud.catalog_findings(fake_cloud(catalog_of(), statuses), "lab", TYPES, hosts) == []
    statuses["https://10.0.0.2:1003/"] = ConnectionError("reset by peer")
    (found,) = cloud.catalog_findings(fake_cloud(catalog_of(), statuses), "lab", TYPES, hosts)
    assert "https://10.0.0.2:1003/" in found.where


def test_optional_services_need_an_endpoint_where_they_are_wanted():
    statuses = {f"https://api:{1000 + n}/": 200 for n in range(len(TYPES))}
    (found,) = cloud.catalog_findings(fake_cloud(catalog_of(), statuses), "lab", [*TYPES, "key-manager"], [])
    assert (found.type, found.where) == ("endpoint-missing", "catalog key-manager")
