"""What strangers, disks and processes do, at random from a seed, and what became of it: `make faults`."""
