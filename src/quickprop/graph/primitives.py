"""The closed set of primitives. Everything a network computes is made of these."""

from __future__ import annotations

from enum import Enum


class Op(Enum):
    """What a node does. The comment gives its attributes, if it has any."""

    # leaves
    PLACEHOLDER = "placeholder"  # given at each call
    VARIABLE = "variable"  # storage: keeps its value between calls
    CONSTANT = "constant"  # value: a read-only array
    ROW_COUNT = "row_count"  # how many rows this call has, as a float scalar
    # elementwise, one input
    NEG = "neg"
    EXP = "exp"
    LOG = "log"
    SQRT = "sqrt"
    TANH = "tanh"
    SIGMOID = "sigmoid"
    ERF = "erf"
    SIN = "sin"
    COS = "cos"
    ABS = "abs"
    STOP_GRADIENT = "stop_gradient"  # the identity, with derivative zero
    CAST = "cast"  # to: the number type
    # elementwise, two inputs of one shape
    ADD = "add"
    SUB = "sub"
    MUL = "mul"
    DIV = "div"
    POW = "pow"
    MAXIMUM = "maximum"
    MINIMUM = "minimum"
    LESS = "less"  # 1 where a < b, else 0, in the type of a
    EQUAL = "equal"  # 1 where a == b, else 0, in the type of a
    # elementwise, three inputs
    WHERE = "where"  # b where a is not 0, else c
    # reductions; the reduced axes stay, with length 1
    SUM = "sum"  # axes
    MAX = "max"  # axes
    # contraction
    MATMUL = "matmul"  # transpose_a, transpose_b; the first may have several axes for its lines
    BATCH_MATMUL = "batch_matmul"  # transpose_a, transpose_b; a product for each leading index
    # shape
    RESHAPE = "reshape"  # shape
    TRANSPOSE = "transpose"  # axes
    BROADCAST = "broadcast"  # shape: axes of length 1 are repeated
    SLICE = "slice"  # start, stop, one pair an axis
    PAD = "pad"  # before, after: zeros put round, one pair an axis
    CONCAT = "concat"  # axis
    # rows picked by number
    GATHER = "gather"  # table[index]
    SCATTER_ADD = "scatter_add"  # length: zeros(length, ...), then out[index] += values
    # windows that slide over the middle axes of [rows, lengths..., channels]
    PATCHES = "patches"  # windows; fill: what lies beyond the ends; joined: a patch is one line
    PATCHES_ADD = "patches_add"  # windows, lengths, joined: patches added to where they came from
    # random
    UNIFORM = "uniform"  # shape, stream; inputs seed and step: numbers in [0, 1)


LEAVES = frozenset({Op.PLACEHOLDER, Op.VARIABLE, Op.CONSTANT, Op.ROW_COUNT})
UNARY = frozenset(
    {Op.NEG, Op.EXP, Op.LOG, Op.SQRT, Op.TANH, Op.SIGMOID, Op.ERF, Op.SIN, Op.COS, Op.ABS}
    | {Op.STOP_GRADIENT}
)
BINARY = frozenset(
    {Op.ADD, Op.SUB, Op.MUL, Op.DIV, Op.POW, Op.MAXIMUM, Op.MINIMUM, Op.LESS, Op.EQUAL}
)
ELEMENTWISE = UNARY | BINARY | {Op.WHERE, Op.CAST}
REDUCTIONS = frozenset({Op.SUM, Op.MAX})
FLOAT_ONLY = frozenset(
    {Op.EXP, Op.LOG, Op.SQRT, Op.TANH, Op.SIGMOID, Op.ERF, Op.SIN, Op.COS, Op.DIV, Op.POW}
    | {Op.MATMUL, Op.BATCH_MATMUL}
)
