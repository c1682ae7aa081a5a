"""Keys of a guest: ours is made in memory, the guest's is read from its console."""

from scs_rack.conformance.guest_ssh import host_key, new_keypair


def test_host_key_of_a_console() -> None:
    text = "boot\r\nscs-guest: host key ssh-ed25519 AAAAC3Nza root@guest\r\nscs-guest: ready after 6.1 s\r\n"
    assert host_key(text) == "ssh-ed25519 AAAAC3Nza"
    assert host_key("scs-guest: ready") is None


def test_keypair_belongs_together() -> None:
    pair = new_keypair()
    assert pair.public.split()[0] == "ssh-ed25519"
    assert pair.private.get_base64() == pair.public.split()[1]
    assert new_keypair().public != pair.public
