import base64
from types import SimpleNamespace

import pytest

KEY = b"sixteen bytes or"
KEYRING = f'[client.other]\n\tkey = AAAA\n[client.cinder]\n\tkey = {base64.b64encode(KEY).decode()}\n\tcaps mon = "x"\n'
UUID = "5f5b5a3c-7a0c-4a38-9a3e-3f2f43b1f7e1"
USAGE = "client.cinder secret"


class LibvirtError(Exception):
    def __init__(self, code):
        super().__init__(f"error {code}")
        self.code = code

    def get_error_code(self):
        return self.code


class Libvirt:
    """As much of libvirt's bindings as the module uses, over a dict of secrets."""

    VIR_ERR_NO_SECRET, VIR_ERR_SYSTEM_ERROR, VIR_FROM_ANY = 66, 38, 0
    libvirtError = LibvirtError  # noqa: N815

    def __init__(self):
        self.secrets = {}
        self.runs = True

    def registerErrorHandler(self, _handler, _context):  # noqa: N802
        pass

    def open(self, _uri):
        if not self.runs:
            raise LibvirtError(self.VIR_ERR_SYSTEM_ERROR)
        return self

    def close(self):
        pass

    def secretLookupByUUIDString(self, uuid):  # noqa: N802
        if uuid not in self.secrets:
            raise LibvirtError(self.VIR_ERR_NO_SECRET)
        return self._secret(uuid)

    def secretDefineXML(self, xml):  # noqa: N802
        uuid = xml.split("<uuid>")[1].split("<")[0]
        self.secrets[uuid] = {"usage": xml.split("<name>")[1].split("<")[0], "value": None}
        return self._secret(uuid)

    def _secret(self, uuid):
        entry = self.secrets[uuid]

        def value():
            if entry["value"] is None:
                raise LibvirtError(self.VIR_ERR_NO_SECRET)
            return entry["value"]

        return SimpleNamespace(
            usageID=lambda: entry["usage"],
            value=value,
            setValue=lambda key: entry.update(value=key),
            undefine=lambda: self.secrets.pop(uuid),
        )


@pytest.fixture
def libvirt(plugin, monkeypatch):
    fake = Libvirt()
    monkeypatch.setattr(plugin("modules.libvirt_secret"), "libvirt", fake)
    return fake


@pytest.fixture
def arguments(tmp_path):
    keyring = tmp_path / "keyring"
    keyring.write_text(KEYRING)
    return {"uuid": UUID, "usage": USAGE, "keyring": str(keyring), "entity": "client.cinder"}


def test_sets_the_key_once(run, libvirt, arguments):
    result = run("libvirt_secret", **arguments)
    assert result["changed"]
    assert libvirt.secrets[UUID] == {"usage": USAGE, "value": KEY}
    assert base64.b64encode(KEY).decode() not in str(result)
    assert not run("libvirt_secret", **arguments)["changed"]


@pytest.mark.parametrize(
    "there", [{"usage": USAGE, "value": b"old"}, {"usage": "x", "value": KEY}, {"usage": USAGE, "value": None}]
)
def test_mends_what_differs(run, libvirt, arguments, there):
    libvirt.secrets[UUID] = there
    assert run("libvirt_secret", **arguments)["changed"]
    assert libvirt.secrets[UUID] == {"usage": USAGE, "value": KEY}


def test_check_mode_changes_nothing(run, libvirt, arguments):
    assert run("libvirt_secret", check=True, **arguments)["changed"]
    assert libvirt.secrets == {}
    libvirt.runs = False
    assert run("libvirt_secret", check=True, **arguments)["changed"]
    assert run("libvirt_secret", check=True, **{**arguments, "keyring": "/nonexistent"})["changed"]


def test_says_what_is_missing(run, libvirt, arguments):
    assert "no key for client.glance" in run("libvirt_secret", **{**arguments, "entity": "client.glance"})["msg"]
    assert "/nonexistent" in run("libvirt_secret", **{**arguments, "keyring": "/nonexistent"})["msg"]
    libvirt.runs = False
    assert run("libvirt_secret", **arguments)["failed"]
