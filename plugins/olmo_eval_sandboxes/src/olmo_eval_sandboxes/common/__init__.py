"""What backends share whose environments are containers, wherever they run.

``engine`` is what they want of whoever runs containers, ``sandbox`` a container as an environment,
``backend`` how environments are made of a configuration, ``channel`` the conversation with the
relay (``inside``) that runs commands in a container, ``lease`` whose a container is.
"""
