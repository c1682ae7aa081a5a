"""Faults on demand that strike while the configuration is changed. See scs_rack/lab/switch_faults.py for the others.

`ssh-cut`      at half of the next change, sessions over SSH die and nobody gets in for a while; happens once.
`patch-half`   at half of the next change, the config updater fails; happens once.
`rollback`     each `config rollback` fails.
"""

import subprocess
import time

from scs_rack.lab.switch.device import settings

SSH_CUT = "ssh-cut"
PATCH_HALF = "patch-half"
ROLLBACK = "rollback"
CUT_SECONDS = 20.0
_RULES = """table inet labfault-ssh {
 chain in { type filter hook input priority -300; tcp dport 22 drop; }
 chain out { type filter hook output priority -300; tcp sport 22 drop; }
}
"""
_ON = {"armed": False}


def bgp_rules(ports: list[str]) -> str:
    """Ruleset that keeps BGP sessions on some ports from coming up, while their links and BFD stay as they are."""
    lines = ["table inet labfault-bgp {}", "delete table inet labfault-bgp"]
    if ports:
        names = ", ".join(f'"{port}"' for port in ports)
        lines.append("table inet labfault-bgp {")
        for hook, side in (("input", "iifname"), ("output", "oifname")):
            drop = " ".join(f"{side} {{ {names} }} tcp {end}port 179 drop;" for end in "sd")
            lines.append(f" chain {hook} {{ type filter hook {hook} priority -300; {drop} }}")
        lines.append("}")
    return "\n".join([*lines, ""])


def arm() -> None:
    """Say that what follows is a change on which faults may strike (a rollback is none)."""
    _ON["armed"] = True


def strikes(number: int, total: int) -> bool:
    """Let faults strike before change `number` of `total`; True when this change must fail."""
    if not _ON["armed"] or number != total // 2:
        return False
    found = settings.faults()
    if SSH_CUT in found:
        cut_ssh(float((settings.spend(SSH_CUT) or {}).get("seconds", CUT_SECONDS)))
    if PATCH_HALF in found:
        settings.spend(PATCH_HALF)
        return True
    return False


def rollback_fails() -> bool:
    """True if going back must fail."""
    return ROLLBACK in settings.faults()


def cut_ssh(seconds: float) -> None:
    """Drop all packets of SSH for a while, and end the sessions that there are: their commands die with them."""
    subprocess.run(["nft", "-f", "-"], input=_RULES, text=True, check=False)
    heal = ["systemd-run", "--quiet", "--collect", f"--on-active={seconds}", "--timer-property=AccuracySec=100ms"]
    subprocess.run([*heal, "nft", "delete", "table", "inet", "labfault-ssh"], check=False)
    subprocess.run(["pkill", "-KILL", "-f", "^sshd-session: "], check=False)
    time.sleep(0.2)  # the dead session's pipes are closed by now: what this command says next, nobody hears
