"""An AnsibleModule that keeps its parameters to itself."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule


class QuietModule(AnsibleModule):
    """Writes no parameters to the host's syslog and repeats none in its result.

    Parameters that hold secrets deep inside (contents of files, environments) can't be marked `no_log` one by one:
    Ansible would take their values, which may be as short as `0`, out of every text that it shows.
    """

    def _log_invocation(self) -> None:
        """Nothing: what was done stands in the result, and that in the run's folder."""

    def exit_json(self, **result: Any) -> None:
        """End well, without repeating the parameters."""
        super().exit_json(**{"invocation": {}, **result})

    def fail_json(self, msg: str, **result: Any) -> None:
        """End badly, without repeating the parameters."""
        super().fail_json(msg, **{"invocation": {}, **result})
