"""Run as a customer: makes an encrypted volume, or deletes it and says which secrets are left; prints JSON."""

import json
import sys

import openstack

NAME = "e2e-encrypted"
VERB = sys.argv[2]

cloud = openstack.connect(cloud="test")
storage = cloud.block_storage


def keys() -> list[str]:
    """Secrets of the project that are keys of volumes."""
    answer = cloud.key_manager.get("/secrets?secret_type=symmetric").json()
    return [secret["secret_ref"] for secret in answer["secrets"]]


if VERB == "make":
    made = storage.create_volume(name=NAME, size=1, volume_type="rbd-encrypted")
    storage.wait_for_status(made, "available", failures=["error"], wait=240)
    volume = storage.get_volume(made.id)
    print(json.dumps({"id": volume.id, "encrypted": volume.is_encrypted, "keys": len(keys())}))
else:
    volume = storage.find_volume(NAME, ignore_missing=False)
    storage.delete_volume(volume)
    storage.wait_for_delete(volume, wait=240)
    print(json.dumps({"keys": len(keys())}))
