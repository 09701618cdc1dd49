"""NAT64 and NAT46 on a Debian router: one configuration, checked, planned and applied as a whole, on Jool or TAYGA."""
