"""Many racks: what a site's machine asks of each rack's manager node, and what runs there for it."""
