"""``python -m olmo_eval``."""

from olmo_eval.cli.main import main

if __name__ == "__main__":
    main()
