"""SONiC's YANG models as judge of a CONFIG_DB.

The models are SONiC's and no part of scs-rack: they come from a switch (`/usr/local/yang-models`) or from a folder that
the operator names. What reads them here, translates a CONFIG_DB into their terms, and says their verdict in CONFIG_DB's
words is ours; conditions, types and references are judged by libyang (package oopt-gnpy-libyang).
"""
