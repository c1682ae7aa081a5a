"""Servers that nobody stated become lines of the rack file."""

import shutil

import pytest
import yaml

from scs_rack.design import make_design
from scs_rack.model.load import load_rack
from scs_rack.provision import candidates
from scs_rack.provision.facts import parse
from tests.provision.test_hardware import REPORT
from tests.provision.test_netboot import DESIGN, METAL

NEW = REPORT.replace(":95:01:", ":95:09:").replace("product_serial\tS1", "product_serial\tS-9 / x")
FRAME = "0180c200000e02000000000188cc" + "020406" + "6c6561"
MAC = "02:5c:05:95:09:01"


def merged(tmp_path, text):
    """The rack of tests/metal with a stanza in it."""
    whole, lines = yaml.safe_load((METAL / "rack.yml").read_text()), yaml.safe_load(text)
    for part in ("servers", "server_models"):
        whole[part] |= lines.get(part, {})
    whole["cables"] += [cable for cable in lines.get("cables") or [] if cable]
    shutil.copytree(METAL, tmp_path / "rack", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (tmp_path / "rack/rack.yml").write_text(yaml.safe_dump(whole))
    return load_rack(tmp_path / "rack")


@pytest.mark.parametrize(
    ("report", "model"),
    [
        (NEW, "legacy"),
        (NEW.replace("cpus\t1", "cpus\t64").replace("990148", "527000000"), "new-model"),
        (NEW.replace("cpus\t1", "cpus\t64\nproduct_name\tPowerBox 9000"), "powerbox-9000"),
    ],
)
def test_a_stanza_is_valid_but_for_the_cables_that_nobody_heard(tmp_path, report, model):
    text = candidates.stanza(DESIGN, candidates.Candidate(MAC, parse(report)))
    with pytest.raises(Exception, match="server-s-9-x") as caught:
        merged(tmp_path, text)
    faults = str(caught.value)
    assert "cable" in faults
    assert "unknown" not in faults
    server = yaml.safe_load(text)["servers"]["server-s-9-x"]
    assert server["model"] == model
    assert server["serial"] == "S-9 / x"
    assert sorted(server["macs"].values()) == [f"02:5c:05:95:09:0{n}" for n in range(1, 5)]
    assert server["macs"]["mgmt0"] == MAC


def test_strangers_get_addresses_that_nobody_has():
    first, last = candidates.pool(DESIGN)
    taken = {node.mgmt.ip for node in DESIGN.nodes.values()} | {node.bmc.address for node in DESIGN.nodes.values()}
    taken |= {switch.mgmt.ip for switch in DESIGN.switches.values()} | {DESIGN.manager.mgmt.ip}
    assert int(last) - int(first) == candidates.POOL - 1
    assert not any(first <= address <= last for address in taken)


def test_who_is_stated_meanwhile_is_no_candidate_any_more(tmp_path):
    candidates.keep(tmp_path, MAC, parse(NEW))
    candidates.keep(tmp_path, "02:5c:05:95:01:01", parse(REPORT))
    assert [one.mac for one in candidates.kept(tmp_path, DESIGN)] == [MAC]
    assert candidates.kept(tmp_path, make_design(load_rack(METAL)))[0].facts == parse(NEW)
