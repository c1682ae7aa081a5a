"""Is each cable where the rack file says? Seen by both ends over LLDP (IEEE 802.1AB) and by forwarding tables.

`parse` reads what devices print, `seen` makes cables of it, `match` finds which plugs to move, `judge` says so in
words; all of these are pure. `read` asks the devices.
"""

from scs_rack.sonic.cabling.judge import Verdict, judge
from scs_rack.sonic.cabling.match import Mistake, Move, mistakes
from scs_rack.sonic.cabling.parse import parse_lldp, port_names
from scs_rack.sonic.cabling.read import Ear, listen, verify
from scs_rack.sonic.cabling.seen import Cables, End, Port, Seen, cables_seen

__all__ = [
    "Cables",
    "Ear",
    "End",
    "Mistake",
    "Move",
    "Port",
    "Seen",
    "Verdict",
    "cables_seen",
    "judge",
    "listen",
    "mistakes",
    "parse_lldp",
    "port_names",
    "verify",
]
