"""A certificate by ACME: what serves until it is there, and when it is due."""

from types import SimpleNamespace

import pytest

from scs_rack import pki, pki_chain, pki_given, prepare
from scs_rack.design import make_design
from scs_rack.model.load import load_rack

from .signers import make

ACME = 'acme: {directory: "https://acme.example.org/d", terms_agreed: true}\nroots: roots.crt'


def test_until_acme_gives_one_the_rack_s_own_stands_in_and_a_renewal_asks_for_one(rack, root, tmp_path, monkeypatch):
    from scs_rack import pki_acme
    from scs_rack.rotation import certificates

    folder = rack(ACME, name="api.example.org", roots_crt=root.pem)
    design, state = make_design(load_rack(folder)), tmp_path / "s"
    prepare.prepare(folder, state, design)
    assert pki.stand_in(state, design)
    assert len(pki_acme.thumbprint(state)) == 43
    own = pki_given.given(folder, design)
    assert pki.lacking(state, design, own) == [], "`up` goes on with the stand-in"
    assert certificates.due(state, design, 30, own) == ["api"]
    leaf = make("api", root, names=["api.example.org"])

    def fetch(state_dir, _design, given, _folder):
        pki.put_api(state_dir, pki_chain.Pair(pki_chain.read_chain(leaf.pem), leaf.key), given.roots)

    monkeypatch.setattr(pki_acme, "fetch", fetch)
    monkeypatch.setattr(certificates, "release", lambda ctx: ())
    ctx = SimpleNamespace(rack_dir=folder, state_dir=state, design=design)
    (said,) = certificates.Issue(("api",)).apply(ctx)
    assert said.step == "get api from https://acme.example.org/d"
    assert list(certificates.Issue(("api",)).gate(ctx)) == []
    assert certificates.due(state, design, 30, own) == []
    prepare.prepare(folder, state, design)
    assert pki.files(state).api_cert.read_bytes() == leaf.pem, "`up` keeps it"


@pytest.mark.parametrize(("days", "wanted"), [(40, False), (25, True)])
def test_what_acme_gave_is_due_by_days_or_by_a_third_of_its_time(rack, root, tmp_path, days, wanted):
    from scs_rack import pki_acme

    folder = rack(ACME, name="api.example.org", roots_crt=root.pem)
    design, state = make_design(load_rack(folder)), tmp_path / "s"
    prepare.prepare(folder, state, design)
    leaf = make("api", root, names=["api.example.org"], days=days, began=90 - days)
    pki.put_api(state, pki_chain.Pair(pki_chain.read_chain(leaf.pem), leaf.key), root.pem)
    assert pki_acme.due(state, design, 30) is wanted
    short = make("api", root, names=["api.example.org"], days=4, began=2)  # certificates of six days
    pki.put_api(state, pki_chain.Pair(pki_chain.read_chain(short.pem), short.key), root.pem)
    assert pki_acme.due(state, design, 30) is False
