"""What must survive a reboot: records, and the keys among them."""
