"""Mistral Relay: what its functions share."""

__version__ = "0.1.0"
