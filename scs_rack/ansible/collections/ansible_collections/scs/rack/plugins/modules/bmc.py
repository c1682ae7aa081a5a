#!/usr/bin/python
"""Module `scs.rack.bmc`; runs on the manager, in the interpreter that scs-rack is installed in."""

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: bmc
short_description: Ask the BMCs of many servers at once and switch on what should be on
description:
  - Logs in to all BMCs at the same time (IPMI 2.0 or Redfish, as the rack file says), reads power, identity and MAC
    addresses, and compares them with the rack file.
  - Switches on servers that are in service and off, and observes that they are on. Spares are never switched, and
    neither is a server that does not seem to be the one that the rack file means.
options:
  rack_dir:
    description: Folder of the rack file.
    type: path
    required: true
  ca_file:
    description: The CA that signs the BMCs' certificates.
    type: path
    required: true
  servers:
    description: Names of the servers.
    type: list
    elements: str
    required: true
  passwords:
    description: Passwords by the name of the secret, C(bmc_<server>).
    type: dict
    required: true
  wait:
    description: Wait until what is in service answers to SSH (2 minutes in a lab, 15 minutes for real servers).
    type: bool
    default: true
author: [the scs-rack founders]
attributes:
  check_mode: {support: full, description: Says what would be switched on.}
"""

EXAMPLES = r"""
- name: Switch on what is in service
  scs.rack.bmc:
    rack_dir: inventory/lab
    ca_file: /var/lib/scs-rack/lab/ca/ca.crt
    servers: [node1, node2]
    passwords: {bmc_node1: "{{ secrets.bmc_node1 }}", bmc_node2: "{{ secrets.bmc_node2 }}"}
"""

RETURN = r"""
servers:
  description: What each BMC said, by the name of the server, and what was done.
  type: dict
  returned: always
switched_on:
  description: Servers that were switched on (in check mode, would be).
  type: list
  elements: str
  returned: always
"""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "rack_dir": {"type": "path", "required": True},
            "ca_file": {"type": "path", "required": True},
            "servers": {"type": "list", "elements": "str", "required": True},
            "passwords": {"type": "dict", "required": True, "no_log": True},
            "wait": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    import asyncio
    from dataclasses import asdict
    from pathlib import Path

    from scs_rack.bmc import targets
    from scs_rack.bmc.boot import boot_limit
    from scs_rack.bmc.bring_up import switch_on
    from scs_rack.design import make_design
    from scs_rack.errors import ScsRackError
    from scs_rack.model.load import load_rack

    options = module.params
    try:
        design = make_design(load_rack(options["rack_dir"]))
        chosen = targets(design, options["passwords"], options["servers"])
        boot = boot_limit(design) if options["wait"] else 0.0
        done = asyncio.run(switch_on(design, chosen, Path(options["ca_file"]), only_look=module.check_mode, boot=boot))
    except ScsRackError as error:
        module.fail_json(msg=f"{error.message}. {error.hint}", servers={}, switched_on=[])
    switched_on = [one.server for one in done if one.changed]
    servers = {one.server: asdict(one) for one in done}
    errors = [f"{one.server}: {one.error}" for one in done if one.error]
    if errors:
        module.fail_json(msg="; ".join(errors), servers=servers, switched_on=switched_on)
    for one in done:
        for finding in one.findings:
            if finding.severity == "warning":
                module.warn(f"{finding.where}: {finding.type}: expected {finding.expected}, seen {finding.seen}")
    module.exit_json(changed=bool(switched_on), servers=servers, switched_on=switched_on)


if __name__ == "__main__":
    main()
