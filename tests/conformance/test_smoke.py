"""Guests that hang while they boot: reset once under emulation and told, a failure elsewhere."""

from types import SimpleNamespace

import pytest
from openstack.exceptions import NotFoundException

from scs_rack.conformance import smoke as module
from scs_rack.conformance.proof import Proof, findings, read_proof
from scs_rack.conformance.scs_suite import Verdict
from scs_rack.conformance.smoke import Smoke

KEY = "scs-guest: host key ssh-ed25519 AAAA\n"


class Compute:
    """Consoles of guests: what each says before and after it was reset."""

    absent = 0

    def __init__(self, before, after):
        self.said, self.after, self.reset = dict(before), after, []

    def get_server_console_output(self, server, length):
        assert length == 500
        if self.reset and self.absent:
            self.absent -= 1
            raise NotFoundException("Instance could not be found")
        return {"output": self.said[server.name]}

    def reboot_server(self, server, kind):
        self.reset.append((server.name, kind))
        self.said[server.name] = self.after


@pytest.fixture
def smoke(monkeypatch):
    monkeypatch.setattr(module, "HUNG", 0.0)
    monkeypatch.setattr(module, "BOOT_TIMEOUT", 0.0)

    def make(first, after="", *, emulated):
        test = Smoke(None, pause=lambda _seconds: False, emulated=emulated)
        ready = f"{KEY}{test.token}\nscs-guest: ready after 9 s\n"
        said = {"one": first.format(token=test.token), "two": ready}
        test.cloud = SimpleNamespace(compute=Compute(said, after.format(token=test.token)))
        test.servers = [SimpleNamespace(name=name) for name in said]
        test._attempt("console", test._console)
        return test

    return make


def test_between_two_machines_of_a_reset_a_guest_has_no_console(smoke, monkeypatch):
    """Nova's API says 404 meanwhile: seen in CI."""
    monkeypatch.setattr(module, "BOOT_TIMEOUT", 5.0)
    monkeypatch.setattr(Compute, "absent", 2)
    test = smoke("BUG: soft lockup", KEY + "{token} scs-guest: ready", emulated=True)
    assert test.report.steps[0].error is None
    assert test.cloud.compute.absent == 0


def test_an_emulated_guest_that_hangs_is_reset_once_and_told(smoke, tmp_path):
    test = smoke("BUG: soft lockup", KEY + "{token} scs-guest: ready", emulated=True)
    assert test.cloud.compute.reset == [("one", "HARD")]
    (step,) = test.report.steps
    assert step.error is None
    assert step.warning == "one hung, was reset, and said before: 'BUG: soft lockup'"
    assert test.host_key == "ssh-ed25519 AAAA"
    proof = Proof("now", "x", test.report, Verdict("not run", "v5.1", ""))
    proof.write(tmp_path / "proof.json")
    found = {one.type: one for one in findings(read_proof(tmp_path / "proof.json"))}
    assert found["smoke-step-second-try"].severity == "warning"
    assert "soft lockup" in found["smoke-step-second-try"].seen


def test_user_data_that_ran_before_the_reset_counts(smoke):
    assert smoke("{token}", KEY + "scs-guest: ready", emulated=True).report.steps[0].error is None


def test_one_that_hangs_twice_fails_with_its_last_words(smoke):
    test = smoke("", "Kernel panic", emulated=True)
    assert len(test.cloud.compute.reset) == 1
    assert "it ends with: 'Kernel panic'" in test.report.steps[0].error


def test_on_hardware_there_is_no_second_try(smoke):
    test = smoke("login:", KEY + "{token} scs-guest: ready", emulated=False)
    assert test.cloud.compute.reset == []
    assert "no marker on the console of one in time; it ends with: 'login:'" in test.report.steps[0].error
