"""``python -m olmo_eval.cli`` is ``olmo-eval``."""

from olmo_eval.cli.main import main

main()
