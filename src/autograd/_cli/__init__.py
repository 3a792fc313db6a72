"""The command line, ``python -m autograd``, whose parser is in `autograd.__main__`.

Read `commands` first: what ``train`` and ``predict`` do, from parsed arguments to files. `table` reads CSV files,
`estimator` joins a network to the columns and classes of a table, `terminal` prints, and `report` draws to image files.
Only `autograd.__main__` imports from here.
"""
