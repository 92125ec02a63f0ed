"""The tool ``submit``, in a loop."""

from olmo_eval.testing.tool import tool_contract
from olmo_eval_scaffolds.tools.calculator import calculator
from olmo_eval_scaffolds.tools.submit import submit

test_submit = tool_contract(submit, {"answer": "42"})
test_calculator = tool_contract(calculator, {"expression": "6 * 7"})
