"""The backend ``local``: supervised processes on this machine. Limits, but no isolation.

``backend`` makes folders and checks paths, ``launcher`` talks to the supervisor (``inside``) and
collects output.
"""
