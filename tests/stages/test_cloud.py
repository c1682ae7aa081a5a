import json
from types import SimpleNamespace

from scs_rack.stages import cloud
from scs_rack.stages.cloud import ANYWHERE, Service


def kinds(findings):
    return [(finding.type, finding.where, finding.seen) for finding in findings]


def test_all_services_up():
    seen = [Service("nova-compute", "node1", "up"), Service("nova-conductor", "node9", "up")]
    assert cloud.service_findings(seen, [("nova-compute", "node1"), ("nova-conductor", ANYWHERE)]) == []


def test_services_that_are_down_disabled_or_absent():
    seen = [
        Service("nova-compute", "node1", "down"),
        Service("nova-compute", "node2", "disabled"),
        Service("nova-conductor", "node1", "down"),
    ]
    wanted = [("nova-compute", f"node{n}") for n in (1, 2, 3)] + [("nova-conductor", ANYWHERE)]
    assert kinds(cloud.service_findings(seen, wanted)) == [
        ("service-down", "node1 nova-compute", "down on node1"),
        ("service-down", "node2 nova-compute", "disabled on node2"),
        ("service-down", "node3 nova-compute", "not registered"),
        ("service-down", "nova-conductor", "down on node1"),
    ]


def test_a_service_up_elsewhere_is_enough_where_any_host_will_do():
    seen = [Service("cinder-volume", "ceph@rbd", "up"), Service("cinder-volume", "old", "down")]
    assert cloud.service_findings(seen, [("cinder-volume", ANYWHERE)]) == []
    assert len(cloud.service_findings(seen, [("cinder-volume", "old")])) == 1


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
    assert cloud.catalog_findings(fake_cloud(catalog_of(), fine), "lab") == []


def test_endpoints_that_fail_refuse_tls_or_are_plain():
    statuses = {f"https://api:{1000 + n}/": 200 for n in range(len(cloud.TYPES))}
    statuses |= {"https://api:1001/": 503, "https://api:1002/": ConnectionError("certificate verify failed")}
    found = cloud.catalog_findings(fake_cloud(catalog_of(), statuses), "lab")
    assert [finding.type for finding in found] == ["endpoint-failed", "api-failed"]
    assert "certificate verify failed" in found[1].seen
    found = cloud.catalog_findings(fake_cloud(catalog_of("http://api:{port}/"), {}), "lab")
    assert {finding.type for finding in found} == {"endpoint-plain-http"}


def test_services_that_the_catalog_does_not_have_in_this_region():
    found = cloud.catalog_findings(fake_cloud(catalog_of(region="other"), {}), "lab")
    assert [finding.where for finding in found] == [f"catalog {kind}" for kind in cloud.TYPES]
