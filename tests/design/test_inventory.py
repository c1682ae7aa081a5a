import json
from pathlib import Path

from scs_rack.design import make_design
from scs_rack.design.inventory import inventory
from scs_rack.model.load import load_rack

INVENTORY = Path(__file__).parents[2] / "inventory"
EXAMPLE = inventory(make_design(load_rack(INVENTORY / "example")))


def test_what_all_hosts_share_stands_once():
    assert EXAMPLE["all"]["vars"]["rack"]["name"] == "example"
    assert all("rack" not in variables for variables in EXAMPLE["_meta"]["hostvars"].values())
    assert json.loads(json.dumps(EXAMPLE)) == EXAMPLE


def test_spares_are_in_no_group_of_service():
    assert EXAMPLE["spares"]["hosts"] == ["cmp8"]
    in_service = [group for group, what in EXAMPLE.items() if group != "spares" and "cmp8" in what.get("hosts", ())]
    assert in_service == []
    assert len(EXAMPLE["servers"]["hosts"]) == 20
    assert EXAMPLE["controller"]["hosts"] == ["ctl1", "ctl2", "ctl3"]
    assert EXAMPLE["first_controller"]["hosts"] == ["ctl1"]


def test_a_disk_of_the_server_replaces_that_of_its_model():
    sizes = {disk["name"]: disk["size_gb"] for disk in EXAMPLE["_meta"]["hostvars"]["sto6"]["node"]["osd_disks"]}
    assert sizes == {"osd0": 7680, "osd1": 7680, "osd2": 7680, "osd3": 15360}


def test_external_networks_know_their_floating_addresses_and_whether_they_are_tagged():
    networks = EXAMPLE["all"]["vars"]["rack"]["external_networks"]
    assert (networks["public"]["first"], networks["public"]["tagged"]) == ("198.51.100.32", False)
    assert (networks["partners"]["first"], networks["partners"]["last"]) == ("203.0.113.10", "203.0.113.126")
    assert (networks["partners"]["tagged"], networks["partners"]["default"]) == (True, False)
