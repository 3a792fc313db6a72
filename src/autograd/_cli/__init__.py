"""The command line, ``python -m autograd``, whose parser is in `autograd.__main__`.

Read `commands` first: what ``train``, ``predict``, ``evaluate`` and ``info`` do, from arguments to files. `table`
reads CSV files, `preparation` makes their columns the inputs of a network, `estimator` joins the network to columns and
classes, `assessment` judges its predictions, `terminal` prints, and `report` draws to image files.
Only `autograd.__main__` imports from here.
"""
