"""OpenGDI: a country's genome node and the European hub in one package with one command, `gdi`."""

__version__ = "0.1.0"
