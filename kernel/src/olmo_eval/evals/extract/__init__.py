"""Finding the answer in what a model wrote: one module a kind of answer.

Pure functions of a text: no settings, no model. A task's ``extract_answer`` is one call of these.
"""
