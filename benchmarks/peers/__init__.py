"""This tool and its peers on the same networks: time, memory, and whether the figures are right.

``python -m benchmarks.peers`` runs all of it and writes ``benchmarks/results.md``; ``make bench``
does so after the other benchmarks, with the peers of the extra ``bench`` installed.

Each peer gets an ordinary module: the Python that ``lazyinspect export --to python`` writes, which
needs PyTorch alone, loaded in a process of its own by ``one.py``.
"""
