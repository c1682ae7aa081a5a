import base64
import hashlib
import importlib.util
from pathlib import Path

import scs_rack

FILE = (
    Path(scs_rack.__file__).parent / "ansible/collections/ansible_collections/scs/rack/plugins/filter/rabbitmq_hash.py"
)


def load():
    spec = importlib.util.spec_from_file_location("rabbitmq_hash", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.FilterModule().filters()["rabbitmq_hash"]


def test_is_salted_sha256_of_the_password():
    raw = base64.b64decode(load()("secret", "openstack"))
    assert len(raw) == 4 + 32
    assert raw[4:] == hashlib.sha256(raw[:4] + b"secret").digest()


def test_same_input_same_hash_and_other_salt_for_others():
    rabbitmq_hash = load()
    assert rabbitmq_hash("secret", "openstack") == rabbitmq_hash("secret", "openstack")
    salts = {rabbitmq_hash(password, user)[:5] for password in ("a", "b") for user in ("x", "y")}
    assert len(salts) == 4
