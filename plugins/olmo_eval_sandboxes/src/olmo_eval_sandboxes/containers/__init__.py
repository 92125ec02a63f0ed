"""The backends ``docker`` and ``podman``: a container an environment.

``backend`` is what both share, ``engine`` what it wants of a container engine, ``docker`` and
``podman`` the engines through their Python SDKs, ``channel`` the conversation with the relay
(``inside``) that runs commands in a container.
"""
