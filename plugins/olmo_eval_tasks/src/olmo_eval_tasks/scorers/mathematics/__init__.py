"""Whether two final answers of mathematics are the same: the layer around math-verify.

``text`` brings the many ways of typing one thing into one, ``structure`` takes lists, intervals,
sets, matrices and equations apart, ``units`` sets units aside, ``expression`` compares by
math-verify, ``quantity`` one thing with another, ``equality`` whole answers. ``minerva`` is the
published normalisation.
"""
