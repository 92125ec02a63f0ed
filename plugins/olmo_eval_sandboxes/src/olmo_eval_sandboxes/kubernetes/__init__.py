"""The backend ``kubernetes``: a pod an environment, through the official client.

``options`` are its settings, ``manifests`` what is asked of the cluster, ``engine`` makes pods and
says how they ended, ``attached`` carries what is said to a pod's relay, ``cluster`` finds the
cluster.
"""
