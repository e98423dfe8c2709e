"""Writers that are killed, disks that are full, and what is left on them."""
