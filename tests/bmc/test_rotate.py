"""A password is changed without a moment in which nobody knows it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from scs_rack import vault
from scs_rack.bmc import Fleet
from scs_rack.bmc.errors import WrongPassword
from scs_rack.bmc.rotate import LENGTH, new_password, rotate

from .emulators import PASSWORD, QUICK, emulated

BOTH = pytest.mark.parametrize("protocol", ["ipmi", "redfish"])


class Vault:
    """What was written, in order."""

    def __init__(self, **known: str) -> None:
        self.known = {"bmc_node1": PASSWORD, **known}
        self.written: list[dict[str, str | None]] = []

    def keep(self, changes: Mapping[str, str | None]) -> None:
        self.written.append(dict(changes))
        self.known = {name: value for name, value in {**self.known, **changes}.items() if value is not None}


@BOTH
async def test_the_new_password_is_in_the_vault_before_it_is_set(protocol: str, tls_files: tuple[Path, Path]) -> None:
    store = Vault()
    async with (
        emulated(protocol, cert=tls_files[0], key=tls_files[1]) as it,
        Fleet.open(tls_files[0], QUICK) as fleet,
    ):
        result = await rotate(fleet, it.target, None, store.keep)
        assert (result.changed, result.error) == (True, None)
        assert list(store.written[0]) == ["bmc_node1_next"]
        assert list(store.known) == ["bmc_node1"]
        async with fleet.bmc(replace(it.target, password=store.known["bmc_node1"])) as bmc:
            await bmc.power_state()
        with pytest.raises(WrongPassword):
            async with fleet.bmc(it.target) as bmc:
                await bmc.power_state()


@BOTH
async def test_a_bmc_that_does_not_take_it_keeps_the_old_one(protocol: str, tls_files: tuple[Path, Path]) -> None:
    store = Vault()
    async with (
        emulated(protocol, cert=tls_files[0], key=tls_files[1], faults=["lies"]) as it,
        Fleet.open(tls_files[0], QUICK) as fleet,
    ):
        result = await rotate(fleet, it.target, None, store.keep)
    assert result.error
    assert [finding.type for finding in result.findings] == ["password-not-taken"]
    assert store.known == {"bmc_node1": PASSWORD}


@BOTH
@pytest.mark.parametrize("was_set", [True, False])
async def test_a_rotation_that_died_goes_on(protocol: str, was_set: bool, tls_files: tuple[Path, Path]) -> None:
    pending = new_password()
    store = Vault(bmc_node1_next=pending)
    async with (
        emulated(protocol, cert=tls_files[0], key=tls_files[1], password=pending if was_set else PASSWORD) as it,
        Fleet.open(tls_files[0], QUICK) as fleet,
    ):
        result = await rotate(fleet, replace(it.target, password=PASSWORD), pending, store.keep)
    assert (result.changed, result.error) == (True, None)
    assert store.known == {"bmc_node1": pending}


@BOTH
async def test_when_none_is_taken_the_vault_keeps_both(protocol: str, tls_files: tuple[Path, Path]) -> None:
    store = Vault(bmc_node1_next="Another-Passw0rd")
    async with (
        emulated(protocol, cert=tls_files[0], key=tls_files[1], password="Somebody-Else5") as it,
        Fleet.open(tls_files[0], QUICK) as fleet,
    ):
        with pytest.raises(WrongPassword):
            await rotate(fleet, replace(it.target, password=PASSWORD), "Another-Passw0rd", store.keep)
    assert store.known == {"bmc_node1": PASSWORD, "bmc_node1_next": "Another-Passw0rd"}


def test_passwords_please_every_policy_and_differ() -> None:
    found = {new_password() for _ in range(50)}
    assert len(found) == 50
    assert all(len(one) == LENGTH and one.isascii() and one[0].isalpha() for one in found)


def test_the_vault_changes_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / ".vault-password").write_text("secret")
    vault.change(tmp_path, {"bmc_node1": "old", "other": "stays"})
    vault.change(tmp_path, {"bmc_node1": "new", "bmc_node1_next": None})
    assert vault.load(tmp_path) == {"bmc_node1": "new", "other": "stays"}
