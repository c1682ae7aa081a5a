"""How scs-rack starts Ansible, and what Ansible gets from it."""
