#!/usr/bin/python
"""Module `scs.rack.resources`; runs on the manager, in the interpreter that scs-rack is installed in."""

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: resources
short_description: Make networks, flavors, volume types, images and the test project of a cloud
description:
  - Compares what follows from the rack file with what the cloud has, makes what is missing, and reads it back.
options:
  rack_dir:
    description: Folder of the rack file.
    type: path
    required: true
  clouds:
    description: Path of a clouds.yaml that holds the cloud named by O(cloud).
    type: path
    required: true
  cloud:
    description: Name of the cloud, with admin rights.
    type: str
    default: admin
  guest_image:
    description: Path of the guest image (raw).
    type: path
    required: true
  test_password:
    description: Password of the test user.
    type: str
    required: true
author: [the scs-rack founders]
"""

EXAMPLES = r"""
- name: Make what customers are offered
  scs.rack.resources:
    rack_dir: inventory/lab
    clouds: /var/lib/scs-rack/lab/clouds.yaml
    guest_image: /var/cache/scs-rack/guest/guest.raw
    test_password: "{{ secrets.test_user_password }}"
"""

RETURN = r"""
made:
  description: What was missing and was made (in check mode, would be made).
  type: list
  elements: str
  returned: always
"""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "rack_dir": {"type": "path", "required": True},
            "clouds": {"type": "path", "required": True},
            "cloud": {"type": "str", "default": "admin"},
            "guest_image": {"type": "path", "required": True},
            "test_password": {"type": "str", "required": True, "no_log": True},
        },
        supports_check_mode=True,
    )
    from pathlib import Path

    from scs_rack.design import make_design
    from scs_rack.errors import ScsRackError
    from scs_rack.model.load import load_rack
    from scs_rack.resources import ensure
    from scs_rack.resources.wanted import wanted

    options = module.params
    made: list[str] = []
    try:
        design = make_design(load_rack(options["rack_dir"]))
        cloud = ensure.connect(Path(options["clouds"]), options["cloud"])
        wanted_now = wanted(design, Path(options["guest_image"]), Path(options["rack_dir"]))
        missing = ensure.steps(cloud, wanted_now, options["test_password"])
        if module.check_mode:
            made += [what for what, _ in missing]
        else:
            ensure.make_all(missing, made)
    except ensure.unreachable() as error:
        if module.check_mode:
            module.exit_json(changed=True, made=["everything that is missing, once the API answers"])
        module.fail_json(msg=f"the API does not answer: {error}", made=made)
    except ScsRackError as error:
        module.fail_json(msg=f"{error.message}. {error.hint}", made=made)
    module.exit_json(changed=bool(made), made=made)


if __name__ == "__main__":
    main()
