"""What files of a rack lead to."""

from pathlib import Path

from cryptography import x509

from scs_rack import pki_given
from scs_rack.design import make_design
from scs_rack.model.load import load_rack

RACK = (Path(__file__).resolve().parents[2] / "inventory/lab/rack.yml").read_text()
GIVEN = "certificate: api.crt\nkey: api.key\nroots: roots.crt"


def faults(folder):
    """Messages, without what the file is called."""
    found = pki_given.examine(folder, make_design(load_rack(folder)))[1]
    assert all(one.file == str(folder / "rack.yml") and one.line > 1 and one.hint for one in found), found
    return [f"{one.where}: {one.message}" for one in found]


def authority(state):
    """The authority that the rack was brought up with."""
    return x509.load_pem_x509_certificate((state / "ca/ca.crt").read_bytes())
