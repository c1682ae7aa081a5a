"""The Redfish tree of a virtual BMC, one file a subject; `routes` knows which path belongs to which function."""
