"""Redfish over HTTPS: transport, resources, driver."""
