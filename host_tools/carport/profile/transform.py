"""The arithmetic of a VSS mapping's `math`: "(x - 32) * 5 / 9", where x is the DBC's value.

Only straight lines, so that each value has one raw value, and both are exact.
"""

import ast
from fractions import Fraction

from carport.profile.signals import exact

Line = tuple[Fraction, Fraction]
"""Factor and offset: value = x * factor + offset."""


def read_line(text: str) -> Line:
    """Return the line that an expression in x describes.

    Raises:
        ValueError: it is no expression of numbers, x, + - * / and parentheses, or no line.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{text!r} is no arithmetic") from error
    factor, offset = _line(tree.body, text)
    if factor == 0:
        raise ValueError(f"{text!r} does not depend on x")
    return factor, offset


def _line(node: ast.expr, text: str) -> Line:
    match node:
        case ast.Name(id="x"):
            return Fraction(1), Fraction(0)
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return Fraction(0), exact(number)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            factor, offset = _line(operand, text)
            return -factor, -offset
        case ast.BinOp(left=left, op=operator, right=right):
            return _combine(_line(left, text), operator, _line(right, text), text)
    raise ValueError(f"{text!r} has more in it than numbers, x, + - * / and parentheses")


def _combine(left: Line, operator: ast.operator, right: Line, text: str) -> Line:
    match operator:
        case ast.Add():
            return left[0] + right[0], left[1] + right[1]
        case ast.Sub():
            return left[0] - right[0], left[1] - right[1]
        case ast.Mult() if left[0] == 0:
            return left[1] * right[0], left[1] * right[1]
        case ast.Mult() if right[0] == 0:
            return left[0] * right[1], left[1] * right[1]
        case ast.Div() if right[0] == 0 and right[1] != 0:
            return left[0] / right[1], left[1] / right[1]
    raise ValueError(f"{text!r} is not a straight line in x")
