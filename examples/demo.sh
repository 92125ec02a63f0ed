#!/bin/sh
# Evaluate two checkpoints of the embedded model on the example tasks and compare them: `make demo`.
set -eu
cd "$(dirname "$0")/.."
export OLMO_EVAL_RESULTS="${OLMO_EVAL_RESULTS:-.demo}"
export OPENBLAS_NUM_THREADS=1

# The two latest steps.
set -- $(ls examples/tiny_model/checkpoints | sort -V | tail -n 2)
before=$1 after=$2

show() {
    echo
    echo "\$ $*"
    "$@"
}

show olmo-eval run -m "examples/tiny_model/checkpoints/$before" \
    -m "examples/tiny_model/checkpoints/$after" --provider embedded -t tiny -t tiny_null --group demo
show olmo-eval compare "model=$before,group=demo,latest" "model=$after,group=demo,latest"

cat <<EOF

What next? (source .venv/bin/activate; export OLMO_EVAL_RESULTS=$OLMO_EVAL_RESULTS)

  both in a browser            olmo-eval view
  the questions that flipped   olmo-eval compare model=$before,latest model=$after,latest --show regressed
  what reaches the model       olmo-eval task inspect tiny_sums --request
  another checkpoint           olmo-eval run -m CHECKPOINT -t tiny
  every task, every suite      olmo-eval tasks; olmo-eval suites
  a benchmark of your own      docs/plugins.md
EOF
