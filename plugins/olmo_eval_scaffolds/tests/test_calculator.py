"""The calculator computes arithmetic and nothing else."""

import pytest

from olmo_eval_scaffolds.tools.calculator import calculator, evaluate


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * -3", -9),
        ("2 ^ 10", 1024),
        ("7 // 2 + 7 % 4", 6),
        ("sqrt(16) + max(1, 2, 3)", 7.0),
        ("round(pi, 2)", 3.14),
        ("2 ** -1", 0.5),
        ("1e3 \u00d7 2", 2000.0),
    ],
)
def test_values(expression: str, value: float) -> None:
    assert evaluate(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('id')",
        "().__class__",
        "open('/etc/passwd')",
        "[1 for _ in range(10)]",
        "'a' * 10",
        "True",
        "1 if 2 else 3",
        "lambda: 1",
        "x",
        "1 +",
        "",
        "9 ** 9 ** 9 ** 9",
        "10 ** 100000",
        "9.9e307 * 10 ** 300 * 10.0 ** 300",
        "exp(1e10)",
        "1 / 0",
        "(-8) ** 0.5",
        "sqrt(1, 2, 3)",
        "(" * 500 + "1" + ")" * 500,
        "1" * 2000,
        "-" * 900 + "1" + "+" * 2000,
    ],
)
def test_what_is_no_arithmetic_is_refused(expression: str) -> None:
    with pytest.raises(ValueError):
        evaluate(expression)


def test_its_schema_describes_the_argument() -> None:
    assert calculator.schema.parameters["required"] == ["expression"]
    assert "description" in calculator.schema.parameters["properties"]["expression"]
    assert calculator.requires is None
