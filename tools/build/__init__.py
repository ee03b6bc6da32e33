"""Checks of what `sam build` made."""
