"""Which cluster: the client, found as kubectl finds it, or as a pod does."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from olmo_eval.sandbox import SandboxError
from olmo_eval_sandboxes.common.extras import sdk
from olmo_eval_sandboxes.kubernetes.options import KubernetesOptions

TITLE = "the official Kubernetes client"
_IN_CLUSTER = Path("/var/run/secrets/kubernetes.io/serviceaccount")
WAY_OUT = "set KUBECONFIG, or kwargs.kubeconfig and kwargs.context of the sandbox"


def found(options: KubernetesOptions) -> tuple[Any, str]:
    """The configuration of the client, and the namespace. Asks the cluster nothing.

    Raises:
        SandboxError: there is none. MissingDependencyError: the client is not installed.
    """
    kubernetes = sdk("kubernetes", TITLE)
    configuration = kubernetes.client.Configuration()
    try:
        namespace = _from_file(kubernetes.config, options, configuration)
    except (kubernetes.config.ConfigException, OSError) as error:
        if options.kubeconfig or options.context or not _IN_CLUSTER.exists():
            where = _file(options) or kubernetes.config.KUBE_CONFIG_DEFAULT_LOCATION
            said = " ".join(str(error).split()).rstrip(".")
            raise SandboxError(
                f"no Kubernetes cluster is found in {where}: {said}", hint=WAY_OUT
            ) from error
        kubernetes.config.load_incluster_config(client_configuration=configuration)
        namespace = (_IN_CLUSTER / "namespace").read_text().strip()
    return configuration, options.namespace or namespace or "default"


def _from_file(config: Any, options: KubernetesOptions, into: Any) -> str:
    """Read the configuration file; the namespace of the context that it names."""
    file, context = _file(options), options.context
    config.load_kube_config(
        config_file=file, context=context, client_configuration=into, persist_config=False
    )
    contexts, active = config.list_kube_config_contexts(config_file=file)
    chosen = next((c for c in contexts if c["name"] == context), active)
    return str(chosen["context"].get("namespace") or "")


def _file(options: KubernetesOptions) -> str | None:
    """The client reads the variable once for all, when it is imported; we when it is needed."""
    return options.kubeconfig or os.environ.get("KUBECONFIG")


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Errors of the client as errors of the environment."""
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        raise SandboxError(f"Kubernetes {what}: {_reason(error)}", hint=_hint(error)) from error
    except (HTTPError, OSError) as error:
        short = " ".join(str(getattr(error, "reason", None) or error).split())[:300]
        raise SandboxError(f"Kubernetes {what}: {short}", hint=WAY_OUT) from error


def _reason(error: Any) -> str:
    """What the server said, in its own words."""
    try:
        said = json.loads(error.body)["message"]
    except (TypeError, ValueError, KeyError):
        said = error.reason
    return f"{error.status or 'no answer'}: {' '.join(str(said).split())[:300]}"


def _hint(error: Any) -> str | None:
    if error.status == 401:
        return "the credentials of the kubeconfig are not accepted"
    if error.status == 403:
        return "the run needs a role that may do this; docs/sandboxes.md has one"
    return None
