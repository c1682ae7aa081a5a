"""Part of the gate of stage cloud: hosts have set aside for guests what the rack file says."""

from collections.abc import Iterable, Mapping

from scs_rack.engine.stage import Context
from scs_rack.model.flavors import ComputeOptions, cpus_of
from scs_rack.remote import Answer, run_many
from scs_rack.results import Finding

PAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"


def page_findings(ctx: Context, nodes: Iterable[str]) -> list[Finding]:
    """Ask each compute node for its huge pages: the kernel takes an order for more than it finds without a word."""
    wanted, names = ctx.design.rack.cloud.compute.huge_pages_2m, list(nodes)
    return few_pages(run_many(ctx, names, ["cat", PAGES]), wanted) if wanted and names else []


def few_pages(answers: Mapping[str, Answer], wanted: int) -> list[Finding]:
    """Nodes with fewer pages than were ordered.

    Args:
        answers: number of pages of each node, in text.
        wanted: pages that each should have.
    """
    hint = "memory was in use or in pieces: restart the node, or set the pages aside on the kernel's command line"
    found = []
    for node, answer in answers.items():
        text = answer.out.strip()
        seen = int(text) if answer.ok and text.isdigit() else None
        if seen is None or seen < wanted:
            words = answer.why if seen is None else f"{seen}"
            found.append(Finding("huge-pages-few", "error", f"{node} pages of 2 MiB", f"{wanted}", words, hint))
    return found


def cpu_findings(
    options: ComputeOptions, inventories: Mapping[str, Mapping[str, int]], nodes: Iterable[str]
) -> list[Finding]:
    """Nodes whose CPUs for pinned guests are not those of the rack file in Placement.

    Args:
        options: what hosts give their guests.
        inventories: amounts by resource class, by compute node.
        nodes: compute nodes.
    """
    wanted = len(cpus_of(options.dedicated_cpus)) if options.dedicated_cpus else 0
    return [
        Finding(
            "dedicated-cpus", "error", f"{node} PCPU", f"{wanted}", f"{seen}",
            f"does {node} have all of {options.dedicated_cpus}? `journalctl -u nova-compute` there says more",
        )
        for node in nodes
        if wanted and (seen := inventories.get(node, {}).get("PCPU", 0)) != wanted
    ]  # fmt: skip
