"""The version, a constant: looking it up in the package's metadata would cost 43 ms."""

__version__ = "0.1.0"
