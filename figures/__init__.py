"""What a person looks at: figures drawn from finished datasets, and one self-contained report.

A figure is a pure function `draw(dataset)`; `python -m figures` does the reading and writing.
"""
