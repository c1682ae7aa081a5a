#!/usr/bin/python
"""Module `scs.rack.sonic`; runs on the manager, in the interpreter that scs-rack is installed in."""

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: sonic
short_description: Bring CONFIG_DB of many SONiC switches to what the rack file says
description:
  - Reads the running CONFIG_DB of all switches at the same time, compares the tables that are scs-rack's with those
    that follow from the rack file, and applies the difference.
  - Each change is commit-confirmed; a switch that is not as wanted afterwards goes back by itself. Out-of-band switches
    come first, switches in service one after the other, and after a failure no further switch is touched.
  - Tables of others are left alone.
options:
  rack_dir:
    description: Folder of the rack file.
    type: path
    required: true
  state_dir:
    description: Folder with scs-rack's SSH key and known hosts of this rack.
    type: path
    required: true
  switches:
    description: Names of the switches.
    type: list
    elements: str
    required: true
author: [the scs-rack founders]
attributes:
  check_mode: {support: full, description: Compares only.}
  diff_mode: {support: full, description: Rows of CONFIG_DB that differ, one a line.}
"""

EXAMPLES = r"""
- name: Configure all switches
  scs.rack.sonic:
    rack_dir: inventory/lab
    state_dir: /var/lib/scs-rack/lab
    switches: "{{ groups['switches'] }}"
"""

RETURN = r"""
changed_switches:
  description: Switches that were changed (in check mode, would be).
  type: list
  elements: str
  returned: always
"""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "rack_dir": {"type": "path", "required": True},
            "state_dir": {"type": "path", "required": True},
            "switches": {"type": "list", "elements": "str", "required": True},
        },
        supports_check_mode=True,
    )
    from pathlib import Path

    from scs_rack.design import make_design
    from scs_rack.engine.stage import Context
    from scs_rack.errors import ScsRackError
    from scs_rack.model.load import load_rack
    from scs_rack.stages.switches import SwitchesStage

    state = Path(module.params["state_dir"])
    errors: list[str] = []
    try:
        design = make_design(load_rack(module.params["rack_dir"]))
        limit = frozenset(module.params["switches"])
        ctx = Context(design, Path(module.params["rack_dir"]), state, state, {}, limit=limit)
        if module.check_mode:
            diffs = {change.device: change.diff for change in SwitchesStage().plan(ctx)}
        else:
            results = list(SwitchesStage().apply(ctx))
            diffs = {result.device: result.diff for result in results if result.changed}
            errors = [f"{result.device}: {result.error}" for result in results if result.error]
    except ScsRackError as error:
        module.fail_json(msg=f"{error.message}. {error.hint}", changed_switches=[])
    shown = [{"header": f"CONFIG_DB of {name}", "prepared": diff} for name, diff in diffs.items()]
    if errors:
        module.fail_json(msg="; ".join(errors), changed=bool(diffs), changed_switches=list(diffs), diff=shown)
    module.exit_json(changed=bool(diffs), changed_switches=list(diffs), diff=shown)


if __name__ == "__main__":
    main()
