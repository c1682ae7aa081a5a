"""The address scope of IPv6: external networks and the guests' pool lie in it, customers' own prefixes do not.

Only what lies in the scope of an external network is told to routers outside: nobody can announce a prefix that
he did not get from the pool.
"""

from threading import Lock

from scs_rack.resources.step import Connection

SCOPE = "ipv6"
_MAKING = Lock()


def find_scope(cloud: Connection) -> str | None:
    """Id of the scope that all customers share; None while there is none."""
    return next((str(one.id) for one in cloud.network.address_scopes(name=SCOPE, is_shared=True)), None)


def scope(cloud: Connection) -> str:
    """Id of the scope; it is made when it is missing, once even if several threads ask."""
    with _MAKING:
        found = find_scope(cloud)
        if found is None:
            found = str(cloud.network.create_address_scope(name=SCOPE, ip_version=6, is_shared=True).id)
        return found
