"""The virtual rack: namespaces for devices, veth pairs for cables, nspawn machines for servers and switches."""
