"""`scs-rack pki timer`: a timer of systemd on the manager that renews certificates before they end."""

from scs_rack.cli.common import Commands
from scs_rack.cli.timer import Timer, add_timer

RENEW = Timer(
    noun="pki",
    command=("pki", "renew"),
    service="Renew certificates of the rack {rack} that end soon",
    timer="Look daily for certificates of the rack {rack} that end soon",
)


def register(verbs: Commands) -> None:
    """Add the verb."""
    words = "have certificates renewed daily by a timer of systemd on this machine, 30 days before they end"
    add_timer(verbs, RENEW, words)
