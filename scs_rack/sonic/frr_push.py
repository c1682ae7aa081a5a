"""FRR's configuration where it is a file of its own (release 202411, split mode): FRR's own tool compares it."""

from scs_rack.sonic.transport import Switch

COMPARE = (
    "sudo docker exec -i bgp sh -c 'cat >/tmp/scs-rack-test.conf && "
    "python3 /usr/lib/frr/frr-reload.py --test --stdout /tmp/scs-rack-test.conf'"
)
BLOCKS = ("router ", "address-family ", "vrf ", "interface ")
ENDS = ("exit", "exit-address-family", "exit-vrf")
HEADS = {"Lines To Delete": "-", "Lines To Add": "+"}


def parse_lines(text: str) -> tuple[str, ...]:
    """Lines that frr-reload.py would take away and add, marked - and +; each block is named once."""
    found = []
    sign = ""
    blocks: dict[int, str] = {}
    for line in text.splitlines():
        words = line.strip()
        if words in HEADS:
            sign, blocks = HEADS[words], {}
        if words in HEADS or not sign or not words or line.startswith(("===", "20")) or words in ENDS:
            continue
        depth = len(line) - len(line.lstrip())
        if words.startswith(BLOCKS):
            if blocks.get(depth) == words:
                continue
            blocks = {level: block for level, block in blocks.items() if level < depth} | {depth: words}
        found.append(f"{sign} {line.rstrip()}")
    return tuple(found)


def frr_lines(switch: Switch, text: str) -> tuple[str, ...]:
    """What differs between what FRR runs and the text of an frr.conf; changes nothing.

    Raises:
        SwitchUnreachable, SwitchRefused: it can't be compared.
    """
    return parse_lines(switch.ask(COMPARE, stdin=text))


def running_frr(switch: Switch) -> str:
    """What FRR runs, as a frr.conf.

    Raises:
        SwitchUnreachable, SwitchRefused: it can't be asked.
    """
    text = switch.ask("sudo docker exec bgp vtysh -c 'show running-config'")
    return text[text.find("frr version") :] if "frr version" in text else text
