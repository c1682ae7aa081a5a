"""`--limit`: Ansible's pattern language over the rack's servers, switches and groups, by Ansible itself."""

from scs_rack.design import Design
from scs_rack.design.inventory import inventory
from scs_rack.errors import UsageError


def limited(design: Design, pattern: str | None) -> frozenset[str] | None:
    """Names of the devices that a pattern means; None for no pattern.

    Raises:
        UsageError: no device fits.
    """
    if not pattern:
        return None
    from ansible.errors import AnsibleError  # here: slow to import, and seldom needed
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader

    content = inventory(design)
    manager = InventoryManager(loader=DataLoader(), sources=None, parse=False)
    for host in content["_meta"]["hostvars"]:
        manager.add_host(host)
    for group, members in content.items():
        if "hosts" in members:
            manager.add_group(group)
            for host in members["hosts"]:
                manager.add_host(host, group)
    manager.reconcile_inventory()
    try:
        found = frozenset(str(host.name) for host in manager.get_hosts(pattern))
    except AnsibleError as error:
        raise UsageError(f"--limit {pattern}: {error.message}") from error
    if not found:
        groups = ", ".join(name for name in content if name not in {"_meta", "all"})
        raise UsageError(f"--limit {pattern} fits no server or switch", f"groups: {groups}; servers by name, or globs")
    return found
