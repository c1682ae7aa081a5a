"""Lab switches: a root filesystem that boots as a switch with CONFIG_DB, FRR, lldpd and SSH."""

from scs_rack.lab.switch.prepare import prepare

__all__ = ["prepare"]
