"""The backend ``modal``: a sandbox of Modal an environment, through Modal's SDK.

``options`` are its settings, ``engine`` makes sandboxes and talks to their relays, ``images`` says
how Modal builds an image of what an instance needs.
"""
