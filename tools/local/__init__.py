"""The real template on one machine, on loopback: built, adapted, deployed to a local cloud."""
