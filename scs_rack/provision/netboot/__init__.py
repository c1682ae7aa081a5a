"""The boot service of the manager: DHCP and TFTP by dnsmasq, HTTP for what is no secret, HTTPS for what is.

Only servers that are being installed or looked at are answered, known by their MAC address, and only while it runs.
Firmware can't verify a certificate of ours, so boot loader, kernel and ramdisk go over TFTP and HTTP. The ramdisk then
speaks TLS, verified by the rack's CA that was handed to it, and gives a token that counts once.
"""
