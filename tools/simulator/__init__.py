"""A simulated Mistral: the wire format of the real one, seeded answers and faults to order."""
