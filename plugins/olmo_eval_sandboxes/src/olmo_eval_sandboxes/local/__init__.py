"""The backend ``local``: supervised processes on this machine. Limits, but no isolation.

``backend`` makes folders and checks paths, ``launcher`` talks to the supervisor and collects
output, ``supervisor`` is a small program of its own that starts, watches and ends processes.
"""
