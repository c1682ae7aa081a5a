"""Certificates that the operator brings: what good ones lead to, and when they are due."""

import os
import ssl
import time

from scs_rack import pki, pki_chain, pki_given, prepare
from scs_rack.design import make_design
from scs_rack.model.load import load_rack

from .racks import GIVEN, authority, faults
from .signers import make


def test_what_is_good_is_taken(rack, root, middle, tmp_path):
    leaf = make("api", middle)
    folder = rack(GIVEN, api_crt=leaf.pem + middle.pem, api_key=leaf.key_pem, roots_crt=root.pem)
    assert faults(folder) == []
    design, state = make_design(load_rack(folder)), tmp_path / "s"
    own = pki_given.given(folder, design)
    assert pki.lacking(state, design, own)[0] == "api"
    where = pki.ensure(state, design, own)
    assert where.api_cert.read_bytes() == leaf.pem + middle.pem
    assert where.api_key.stat().st_mode & 0o777 == 0o600
    assert where.trust.read_bytes() == where.ca.read_bytes() + root.pem
    assert where.roots.read_bytes() == root.pem
    assert pki.lacking(state, design, own) == []
    # taken back: the rack's own again
    pki.ensure(state, design)
    assert pki_chain.issued(pki_chain.read_chain(where.api_cert.read_bytes())[0].certificate, authority(state))
    assert where.roots.read_bytes() == root.pem  # as long as HAProxy may serve the former one
    yesterday = time.time() - pki.REMEMBERED
    os.utime(state / "ca/api-roots.sha256", (yesterday, yesterday))
    pki.ensure(state, design)
    assert not where.roots.exists()
    assert where.trust.read_bytes() == where.ca.read_bytes()


def test_another_root_is_trusted_beside_the_former_one_for_a_day(rack, root, tmp_path):
    state, other = tmp_path / "s", make("other root", ca=True, days=900)
    for number, signer in enumerate((root, other, other)):
        leaf = make("api", signer)
        folder = rack(GIVEN, api_crt=leaf.pem, api_key=leaf.key_pem, roots_crt=signer.pem)
        design = make_design(load_rack(folder))
        where = pki.ensure(state, design, pki_given.given(folder, design))
        assert where.roots.read_bytes() == (root.pem if number == 0 else other.pem + root.pem)
    yesterday = time.time() - pki.REMEMBERED
    os.utime(state / "ca/api-roots.sha256", (yesterday, yesterday))
    pki.ensure(state, design, pki_given.given(folder, design))
    assert where.roots.read_bytes() == other.pem


def test_a_new_file_is_due_and_taken_by_a_renewal(rack, root, tmp_path):
    from scs_rack.rotation import certificates

    first, second = make("api", root), make("api", root)
    folder = rack(GIVEN, api_crt=first.pem, api_key=first.key_pem, roots_crt=root.pem)
    design, state = make_design(load_rack(folder)), tmp_path / "s"
    pki.ensure(state, design, pki_given.given(folder, design))
    assert certificates.due(state, design, 30, pki_given.given(folder, design)) == []
    rack(GIVEN, api_crt=second.pem, api_key=second.key_pem, roots_crt=root.pem)
    own = pki_given.given(folder, design)
    assert certificates.due(state, design, 30, own) == ["api"]
    pki.renew(state, design, ["api"], own)
    assert pki.files(state).api_cert.read_bytes() == second.pem
    trust = certificates.stages(design, ["api"], ["node1"])[1]
    assert (trust.hosts, trust.playbooks) == (("node1", "node2", "node3"), ("base.yml",))
    assert [one.name for one in certificates.stages(design, ["node-node1"], ["node1"])] == ["issue", "roll-node1"]


def test_one_that_ends_soon_is_told_since_nobody_here_can_renew_it(rack, root, tmp_path):
    from scs_rack.rotation import certificates

    leaf = make("api", root, days=20)
    folder = rack(GIVEN, api_crt=leaf.pem, api_key=leaf.key_pem, roots_crt=root.pem)
    design, state = make_design(load_rack(folder)), tmp_path / "s"
    own = pki_given.given(folder, design)
    pki.ensure(state, design, own)
    (found,) = certificates.ending(state, design, own)
    assert (found.severity, found.where) == ("error", "api")
    assert found.seen.startswith("19 days")


def test_clients_of_the_manager_trust_what_vouches_for_the_api(rack, root, tmp_path):
    leaf = make("api", root)
    folder = rack(GIVEN, api_crt=leaf.pem, api_key=leaf.key_pem, roots_crt=root.pem)
    design, state = make_design(load_rack(folder)), tmp_path / "s"
    prepare.prepare(folder, state, design)
    assert str(pki.files(state).trust) in (state / "clouds.yaml").read_text()
    context = ssl.create_default_context(cafile=str(pki.files(state).trust))
    assert len(context.get_ca_certs()) == 2
