"""What firmware boots from."""

from scs_rack.provision.boot_order import judge, parse

GUID = "8be4df61-93ca-11d2-aa0d-00e098032b8c"


def variable(name, data):
    return f"Boot{name}-{GUID} 07000000{data.hex()}\n"


def entry(number, name):
    return variable(number, bytes.fromhex("01000000 5e00") + name.encode("utf-16-le") + bytes(2) + bytes(20))


def text(order, current="0007"):
    numbers = b"".join(int(one, 16).to_bytes(2, "little") for one in order)
    return (
        variable("Current", int(current, 16).to_bytes(2, "little")) + variable("Order", numbers)
        + entry("0007", "scs-rack") + entry("0001", "UEFI PXEv4") + entry("000A", "UEFI Misc Device")
    )  # fmt: skip


def kinds(seen, before=""):
    return [one.type for one in judge("metal1", parse(seen), before)]


def test_an_order_is_read():
    seen = parse(text(["0007", "0001", "000A"]))
    assert seen.current == "scs-rack"
    assert seen.order == ("scs-rack", "UEFI PXEv4", "UEFI Misc Device")


def test_bios_has_none():
    assert parse("bios\n") is None


def test_ours_first_is_well():
    assert kinds(text(["0007", "0001"]), "scs-rack, UEFI PXEv4") == []


def test_the_network_first_is_said_with_the_command_that_mends_it():
    found = list(judge("metal1", parse(text(["0001", "0007", "000A"])), ""))
    assert [one.type for one in found] == ["boot-order"]
    assert "efibootmgr -o 0007,0001,000A" in found[0].hint


def test_an_entry_that_firmware_threw_away_is_said():
    assert kinds(text(["0001"])) == ["boot-entry-lost"]


def test_an_order_that_was_rewritten_is_said():
    assert kinds(text(["0007", "000A", "0001"]), "scs-rack, UEFI PXEv4, UEFI Misc Device") == ["boot-order-changed"]
