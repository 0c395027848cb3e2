"""Random specs and command lines, and the judge that says whether each of them ended well.

``make fuzz`` runs all of it at length, ``tests/fuzz`` a part of it with a fixed seed.
"""
